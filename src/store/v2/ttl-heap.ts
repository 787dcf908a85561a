/**
 * Which node expires next: a binary min-heap of the nodes with a TTL. Ties go by path, so that members that hold the same tree expire
 * in the same order whatever way they came to it. An entry knows its place, so that removal needs no search.
 */

import { childPath, type DirNode, type TreeNode } from './tree-node.ts';

export interface TtlEntry {
  /** Nanoseconds since the epoch. */
  readonly expireTimeNs: bigint;
  readonly parent: DirNode;
  readonly name: string;
  readonly node: TreeNode;
  /** Place in the heap; -1 when not in it. */
  place: number;
}

export class TtlHeap {
  readonly #entries: TtlEntry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  top(): TtlEntry | undefined {
    return this.#entries[0];
  }

  /** Makes `node` expire at that time and returns the entry that `node.ttl` holds from now on. */
  add(node: TreeNode, parent: DirNode, name: string, expireTimeNs: bigint): TtlEntry {
    const entry: TtlEntry = { expireTimeNs, parent, name, node, place: this.#entries.length };
    this.#entries.push(entry);
    this.#up(entry);
    node.ttl = entry;
    return entry;
  }

  /** Takes the entry out; nothing happens if it is out already. The node keeps its `ttl`, for those who still show it. */
  remove(entry: TtlEntry): void {
    if (entry.place < 0) return;
    const last = this.#entries.pop()!;
    if (last !== entry) {
      this.#put(last, entry.place);
      this.#up(last);
      this.#down(last);
    }
    entry.place = -1;
  }

  /** Takes out every entry for which `isGone` holds: cheaper than one by one when there are many. */
  removeWhere(isGone: (entry: TtlEntry) => boolean): void {
    const kept: TtlEntry[] = [];
    for (const entry of this.#entries) {
      if (isGone(entry)) entry.place = -1;
      else kept.push(entry);
    }
    this.#entries.length = 0;
    for (const entry of kept) {
      this.#put(entry, this.#entries.length);
      this.#up(entry);
    }
  }

  #up(entry: TtlEntry): void {
    let place = entry.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#entries[above]!;
      if (!expiresBefore(entry, other)) break;
      this.#put(other, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #down(entry: TtlEntry): void {
    const size = this.#entries.length;
    let place = entry.place;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && expiresBefore(this.#entries[below + 1]!, this.#entries[below]!)) below += 1;
      const other = this.#entries[below]!;
      if (!expiresBefore(other, entry)) break;
      this.#put(other, place);
      place = below;
    }
    this.#put(entry, place);
  }

  #put(entry: TtlEntry, place: number): void {
    this.#entries[place] = entry;
    entry.place = place;
  }
}

function expiresBefore(a: TtlEntry, b: TtlEntry): boolean {
  if (a.expireTimeNs !== b.expireTimeNs) return a.expireTimeNs < b.expireTimeNs;
  return pathOf(a) < pathOf(b);
}

function pathOf(entry: TtlEntry): string {
  return childPath(entry.parent.path, entry.name);
}
