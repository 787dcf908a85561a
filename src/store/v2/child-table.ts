/**
 * The children of one directory: one Map while there are few, and 256 Maps chosen by a hash of the name beyond that. One Map of a million
 * entries would rehash for 150-300 ms when it doubles (measured), and nothing may hold the event loop that long.
 *
 * Invariant: within one Map the iteration order is the order of `seq`; a table is only ever replaced by a new object,
 * and is not touched again once it was.
 */

import type { TreeNode } from './tree-node.ts';

export type ChildMap = Map<string, TreeNode>;
export type ChildTable = ChildMap | readonly ChildMap[];

const SHARDS = 256;
const UNSHARDED_CHILDREN_MAX = 16_384;
const HASHED_UNITS_MAX = 32;

export function findChild(table: ChildTable, name: string): TreeNode | undefined {
  return table instanceof Map ? table.get(name) : table[shardOf(name)]!.get(name);
}

/** Sets the child and returns the table to use from now on. `count` is the number of children with it. */
export function putChild(
  table: ChildTable | undefined,
  name: string,
  node: TreeNode,
  count: number,
): ChildTable {
  if (table === undefined) return new Map([[name, node]]);
  if (!(table instanceof Map)) {
    table[shardOf(name)]!.set(name, node);
    return table;
  }
  if (count <= UNSHARDED_CHILDREN_MAX) {
    table.set(name, node);
    return table;
  }
  const shards = split(table);
  shards[shardOf(name)]!.set(name, node);
  return shards;
}

/** False if there was no such child. */
export function removeChild(table: ChildTable, name: string): boolean {
  return table instanceof Map ? table.delete(name) : table[shardOf(name)]!.delete(name);
}

/** Which of the Maps of a sharded table holds the name. */
export function shardOf(name: string): number {
  let hash = name.length;
  const length = name.length;
  if (length <= HASHED_UNITS_MAX) {
    for (let at = 0; at < length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  } else {
    const half = HASHED_UNITS_MAX / 2;
    for (let at = 0; at < half; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    for (let at = length - half; at < length; at += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    }
  }
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & (SHARDS - 1);
}

function split(map: ChildMap): ChildMap[] {
  const shards: ChildMap[] = [];
  for (let shard = 0; shard < SHARDS; shard += 1) shards.push(new Map());
  for (const [name, node] of map) shards[shardOf(name)]!.set(name, node);
  return shards;
}

/** Walks a table in its order; children added meanwhile in front of the cursor are met, too, as with a Map's iterator. */
export class ChildCursor {
  readonly table: ChildTable | undefined;
  /** The child that `next` moved to. */
  name = '';
  node: TreeNode | undefined = undefined;
  #shard = 0;
  #lastSeq = -1;
  #entries: MapIterator<[string, TreeNode]> | undefined;
  #ended = false;

  constructor(table: ChildTable | undefined) {
    this.table = table;
    this.#entries = table === undefined ? undefined : mapAt(table, 0)?.entries();
    this.#ended = table === undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Moves to the next child; false at the end. */
  next(): boolean {
    while (!this.#ended) {
      const step = this.#entries!.next();
      if (step.done !== true) {
        this.name = step.value[0];
        this.node = step.value[1];
        this.#lastSeq = this.node.seq;
        return true;
      }
      this.#shard += 1;
      this.#lastSeq = -1;
      const map = mapAt(this.table!, this.#shard);
      if (map === undefined) {
        this.#ended = true;
        this.node = undefined;
      } else {
        this.#entries = map.entries();
      }
    }
    return false;
  }

  /** Whether the cursor has met this child of its table, or would not meet it any more. */
  hasPassed(name: string, node: TreeNode): boolean {
    if (this.#ended) return true;
    if (this.table instanceof Map) return node.seq <= this.#lastSeq;
    const shard = shardOf(name);
    return shard < this.#shard || (shard === this.#shard && node.seq <= this.#lastSeq);
  }
}

function mapAt(table: ChildTable, shard: number): ChildMap | undefined {
  if (table instanceof Map) return shard === 0 ? table : undefined;
  return table[shard];
}
