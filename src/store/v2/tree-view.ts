/**
 * The tree as it was at one index, while writes go on: copy on write without copying. Making one costs O(1). A writer that is about to
 * replace or remove a node that belongs to a view, and that the view has not passed yet, hands the old node over ("leftover"); the view
 * walks the live tables, skips what is younger than itself and then takes the leftovers.
 *
 *   belongs(node)   = node.modifiedIndex <= view.index
 *   children(dir)   = live children that belong, in front of the cursor  +  leftovers of that directory
 *
 * Invariants: each child of a directory is met exactly once, if the directory is walked once; leftovers are at most one per
 * node that belongs, so a view that is never finished holds no more than the tree as it was.
 */

import { ChildCursor } from './child-table.ts';
import type { DirNode, FileNode, TreeNode } from './tree-node.ts';
import type { TtlEntry } from './ttl-heap.ts';

const SKIPPED_MAX = 4096;

interface Leftover {
  readonly name: string;
  readonly node: TreeNode;
}

export class TreeView {
  /** The store's index when the view was made. */
  readonly index: number;
  readonly #leftovers = new Map<DirNode, Leftover[]>();
  readonly #cursors = new Map<DirNode, ChildCursor>();
  /** The TTL that directories had, of those that got another one since. */
  readonly #dirTtls = new Map<DirNode, TtlEntry | undefined>();

  constructor(index: number) {
    this.index = index;
  }

  /** To be called before the child `name` of `dir`, now `node`, is replaced or removed. */
  beforeChange(dir: DirNode, name: string, node: TreeNode): void {
    if (node.modifiedIndex > this.index) return;
    const cursor = this.#cursors.get(dir);
    if (cursor !== undefined && (cursor.table !== dir.table || cursor.hasPassed(name, node))) return;
    const leftovers = this.#leftovers.get(dir);
    if (leftovers === undefined) this.#leftovers.set(dir, [{ name, node }]);
    else leftovers.push({ name, node });
  }

  /** To be called before a directory gets another TTL. */
  beforeDirTtlChange(dir: DirNode): void {
    if (dir.modifiedIndex > this.index || this.#dirTtls.has(dir)) return;
    this.#dirTtls.set(dir, dir.ttl);
  }

  /** When the node expires, in nanoseconds, as of the view; undefined if never. */
  expirationNs(node: FileNode | DirNode): bigint | undefined {
    if (this.#dirTtls.size > 0 && 'table' in node && this.#dirTtls.has(node)) {
      return this.#dirTtls.get(node)?.expireTimeNs;
    }
    return node.ttl?.expireTimeNs;
  }

  /** Starts the one walk over the children of `dir`, which has to belong to the view. */
  open(dir: DirNode): ViewCursor {
    const cursor = new ChildCursor(dir.table);
    this.#cursors.set(dir, cursor);
    return new ViewCursor(this, dir, cursor);
  }

  /** @internal Takes one leftover of a directory whose live table has been walked. */
  takeLeftover(dir: DirNode): Leftover | undefined {
    const leftovers = this.#leftovers.get(dir);
    const leftover = leftovers?.pop();
    if (leftovers?.length === 0) this.#leftovers.delete(dir);
    return leftover;
  }

  /** @internal */
  close(dir: DirNode): void {
    this.#cursors.delete(dir);
    this.#leftovers.delete(dir);
  }
}

/** Goes once through the children that a directory had at the view's index. */
export class ViewCursor {
  readonly #view: TreeView;
  readonly #dir: DirNode;
  readonly #live: ChildCursor;
  /** The child that `next` moved to. */
  name = '';
  node: TreeNode | undefined = undefined;

  constructor(view: TreeView, dir: DirNode, live: ChildCursor) {
    this.#view = view;
    this.#dir = dir;
    this.#live = live;
  }

  /** Moves to the next child. 'pause' after many younger ones were skipped: `name` and `node` mean nothing, go on later. */
  next(): 'child' | 'pause' | 'end' {
    const live = this.#live;
    for (let skipped = 0; live.next(); skipped += 1) {
      if (live.node!.modifiedIndex <= this.#view.index) return this.#moveTo(live.name, live.node!);
      if (skipped === SKIPPED_MAX) return 'pause';
    }
    const leftover = this.#view.takeLeftover(this.#dir);
    if (leftover !== undefined) return this.#moveTo(leftover.name, leftover.node);
    this.#view.close(this.#dir);
    this.node = undefined;
    return 'end';
  }

  #moveTo(name: string, node: TreeNode): 'child' {
    this.name = name;
    this.node = node;
    return 'child';
  }
}
