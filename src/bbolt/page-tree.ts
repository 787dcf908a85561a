/**
 * One bucket's B+tree, built from below out of rows in key order: a page is handed out as soon as the next row or child does not fit into it,
 * so that no more than one page a level is held.
 *
 * Where a page ends depends on the lengths of keys and values alone: two walks of the same rows give the same pages.
 * Invariant: a branch has at least two children. A page that is full therefore leaves its last child to the next.
 */

import {
  BRANCH_ELEMENT_BYTES,
  bucketAt,
  type Children,
  INLINE_BYTES_MAX,
  inlineBucket,
  LEAF_ELEMENT_BYTES,
  type LeafFlags,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  type Rows,
} from './page-format.ts';

/** Takes pages in the order of their numbers and gives each its number. `bytes`: header, elements, keys and values. */
export interface PageSink {
  leaf(rows: Rows, bytes: number): number;
  branch(children: Children, bytes: number): number;
}

const BRANCH_CHILDREN_MIN = 2;

class BranchLevel {
  keys: Uint8Array[] = [];
  pages: number[] = [];
  bytes = PAGE_HEADER_BYTES;

  add(key: Uint8Array, page: number): void {
    this.keys.push(key);
    this.pages.push(page);
    this.bytes += BRANCH_ELEMENT_BYTES + key.length;
  }
}

export class PageTree {
  readonly #sink: PageSink;
  readonly #flags: LeafFlags;
  #keys: Uint8Array[] = [];
  #values: Uint8Array[] = [];
  #bytes = PAGE_HEADER_BYTES;
  /** From the leaves' parents upwards. */
  readonly #levels: BranchLevel[] = [];

  constructor(sink: PageSink, flags: LeafFlags) {
    this.#sink = sink;
    this.#flags = flags;
  }

  /** Keys must ascend; both are kept until the page is handed out. */
  add(key: Uint8Array, value: Uint8Array): void {
    const bytes = LEAF_ELEMENT_BYTES + key.length + value.length;
    if (this.#keys.length > 0 && this.#bytes + bytes > PAGE_BYTES) this.#endLeaf();
    this.#keys.push(key);
    this.#values.push(value);
    this.#bytes += bytes;
  }

  /** What the parent holds for this tree: its root's page, or all of it if it is small. */
  finishBucket(): Uint8Array {
    const rows = { keys: this.#keys, values: this.#values, flags: this.#flags };
    if (this.#levels.length === 0 && this.#bytes <= INLINE_BYTES_MAX) return inlineBucket(rows, this.#bytes);
    return bucketAt(this.finish());
  }

  /** Hands out what is left and gives the root's page. */
  finish(): number {
    if (this.#levels.length === 0) return this.#sink.leaf(this.#takeRows(), this.#bytes);
    this.#endLeaf();
    for (let level = 0; ; level++) {
      const { keys, pages, bytes } = this.#levels[level]!;
      const page = this.#sink.branch({ keys, pages }, bytes);
      if (level + 1 === this.#levels.length) return page;
      this.#addChild(level + 1, keys[0]!, page);
    }
  }

  #endLeaf(): void {
    const first = this.#keys[0]!;
    const bytes = this.#bytes;
    this.#bytes = PAGE_HEADER_BYTES;
    this.#addChild(0, first, this.#sink.leaf(this.#takeRows(), bytes));
  }

  #takeRows(): Rows {
    const rows = { keys: this.#keys, values: this.#values, flags: this.#flags };
    this.#keys = [];
    this.#values = [];
    return rows;
  }

  #addChild(level: number, key: Uint8Array, page: number): void {
    let branch = this.#levels[level];
    if (branch === undefined) {
      branch = new BranchLevel();
      this.#levels.push(branch);
    }
    const isFull = branch.bytes + BRANCH_ELEMENT_BYTES + key.length > PAGE_BYTES;
    if (isFull && branch.keys.length > BRANCH_CHILDREN_MIN) branch = this.#endBranch(level, branch);
    branch.add(key, page);
  }

  /** Hands out all children but the last, with which the next page of the level begins. */
  #endBranch(level: number, branch: BranchLevel): BranchLevel {
    const next = new BranchLevel();
    const lastKey = branch.keys.pop()!;
    next.add(lastKey, branch.pages.pop()!);
    this.#levels[level] = next;
    const bytes = branch.bytes - BRANCH_ELEMENT_BYTES - lastKey.length;
    this.#addChild(level + 1, branch.keys[0]!, this.#sink.branch(branch, bytes));
    return next;
  }
}
