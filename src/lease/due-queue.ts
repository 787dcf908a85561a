/**
 * What comes due next: a binary min-heap. Ties go by the order in which the entries were made, so that the same history gives the same
 * order on any machine. An entry knows its place; moving or removing it needs no search: O(log n).
 *
 * Leases are put off far more often than they come due, so an entry that becomes due later stays where it is, O(1), and is moved when its old time brings it
 * to the top: at most once for each time it stood for.
 *
 * Invariant: the heap is ordered by `placedMs`, which is never above `dueMs`.
 */

/** Once this part of all entries had to be moved in one go, the rest is as well: thousands of leases may have been granted in the same moment. */
const MOVES_SHARE = 64;

export class DueEntry<T> {
  readonly item: T;
  /** Breaks ties. */
  readonly order: number;
  /** Milliseconds on the caller's clock. Only the queue writes it. */
  dueMs: number;
  /** When it was due as it got its place. */
  placedMs: number;
  /** Place in the heap; -1 when not in it. */
  place = -1;

  constructor(item: T, order: number, dueMs: number) {
    this.item = item;
    this.order = order;
    this.dueMs = dueMs;
    this.placedMs = dueMs;
  }
}

export class DueQueue<T> {
  #entries: DueEntry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** What is due next, if it is due by then. */
  due(nowMs: number): DueEntry<T> | undefined {
    const entries = this.#entries;
    const movesMax = entries.length / MOVES_SHARE;
    for (let moves = 0; entries.length > 0; moves += 1) {
      const top = entries[0]!;
      if (top.placedMs > nowMs) return undefined;
      if (top.placedMs === top.dueMs) return top;
      if (moves > movesMax) this.#rebuild();
      else {
        top.placedMs = top.dueMs;
        this.#down(top);
      }
    }
    return undefined;
  }

  /** Puts the entry in, or changes when it is due. */
  set(entry: DueEntry<T>, dueMs: number): void {
    entry.dueMs = dueMs;
    if (entry.place >= 0 && entry.placedMs <= dueMs) return;
    entry.placedMs = dueMs;
    if (entry.place < 0) {
      entry.place = this.#entries.length;
      this.#entries.push(entry);
    }
    this.#settle(entry);
  }

  /** Takes the entry out; nothing happens if it is out already. */
  remove(entry: DueEntry<T>): void {
    const place = entry.place;
    if (place < 0) return;
    entry.place = -1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    last.place = place;
    this.#entries[place] = last;
    this.#settle(last);
  }

  /** Replaces the whole content by entries that are sorted already (which is a heap as it stands): O(n). */
  fill(sorted: DueEntry<T>[]): void {
    this.#entries = sorted;
    for (let place = 0; place < sorted.length; place += 1) {
      const entry = sorted[place]!;
      entry.place = place;
      entry.placedMs = entry.dueMs;
    }
  }

  /** Forgets every entry without touching them: their places mean nothing until the next `fill`. */
  clear(): void {
    this.#entries = [];
  }

  /** Every entry gets the place that it should have: O(n). */
  #rebuild(): void {
    const entries = this.#entries;
    for (const entry of entries) entry.placedMs = entry.dueMs;
    for (let place = (entries.length >> 1) - 1; place >= 0; place -= 1) this.#down(entries[place]!);
  }

  #settle(entry: DueEntry<T>): void {
    this.#up(entry);
    this.#down(entry);
  }

  #up(entry: DueEntry<T>): void {
    const entries = this.#entries;
    let place = entry.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = entries[above]!;
      if (!isBefore(entry, other)) break;
      entries[place] = other;
      other.place = place;
      place = above;
    }
    entries[place] = entry;
    entry.place = place;
  }

  #down(entry: DueEntry<T>): void {
    const entries = this.#entries;
    const size = entries.length;
    let place = entry.place;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && isBefore(entries[below + 1]!, entries[below]!)) below += 1;
      const other = entries[below]!;
      if (!isBefore(other, entry)) break;
      entries[place] = other;
      other.place = place;
      place = below;
    }
    entries[place] = entry;
    entry.place = place;
  }
}

function isBefore<T>(a: DueEntry<T>, b: DueEntry<T>): boolean {
  return a.placedMs < b.placedMs || (a.placedMs === b.placedMs && a.order < b.order);
}
