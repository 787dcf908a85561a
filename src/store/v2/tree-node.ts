/**
 * What the tree is made of. A file is immutable but for its place in the TTL heap: a write puts a new FileNode in the old one's place, so that
 * events, listings and frozen views may hold on to the old one. A directory keeps its identity while its children and TTL change.
 *
 * Invariants:
 * - `modifiedIndex` of a node is the store's index of the change that made the object (a directory is never modified
 *   in etcd's sense); so an object belongs to a view frozen at index i exactly if modifiedIndex <= i.
 * - `seq` grows in the iteration order of the table that holds the node: a replacement inherits it, a new child gets the next one.
 */

import { type ChildTable, findChild, putChild, removeChild } from './child-table.ts';
import type { TtlEntry } from './ttl-heap.ts';

export type TreeNode = FileNode | DirNode;

export class FileNode {
  readonly value: string;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
  readonly seq: number;
  ttl: TtlEntry | undefined = undefined;

  constructor(value: string, modifiedIndex: number, createdIndex: number, seq: number) {
    this.value = value;
    this.modifiedIndex = modifiedIndex;
    this.createdIndex = createdIndex;
    this.seq = seq;
  }
}

export class DirNode {
  /** Full path of the directory. */
  readonly path: string;
  /** Both set for good when the node is made (or, out of a snapshot, when it was read). */
  modifiedIndex: number;
  createdIndex: number;
  readonly seq: number;
  ttl: TtlEntry | undefined = undefined;
  /** Undefined while there is no child. Its identity changes when it is resharded: cursors look at that. */
  table: ChildTable | undefined = undefined;
  childCount = 0;

  constructor(path: string, modifiedIndex: number, createdIndex: number, seq: number) {
    this.path = path;
    this.modifiedIndex = modifiedIndex;
    this.createdIndex = createdIndex;
    this.seq = seq;
  }

  get(name: string): TreeNode | undefined {
    return this.table === undefined ? undefined : findChild(this.table, name);
  }

  /** Adds a child that was not there. */
  add(name: string, node: TreeNode): void {
    this.childCount += 1;
    this.table = putChild(this.table, name, node, this.childCount);
  }

  /** Puts `node` in the place of the child of that name, with the same `seq`. */
  replace(name: string, node: TreeNode): void {
    this.table = putChild(this.table, name, node, this.childCount);
  }

  remove(name: string): void {
    if (this.table === undefined || !removeChild(this.table, name)) return;
    this.childCount -= 1;
    if (this.childCount === 0) this.table = undefined;
  }
}

/** A child whose name begins with '_' is left out of its directory's listing. */
export function isHiddenName(name: string): boolean {
  return name.charCodeAt(0) === 0x5f;
}

export function childPath(dirPath: string, name: string): string {
  return dirPath === '/' ? `/${name}` : `${dirPath}/${name}`;
}
