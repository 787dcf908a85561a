/**
 * What comes due next: a binary min-heap. Ties go by the order in which the entries were made, so that the same history gives the same
 * order on any machine. An entry knows its place; moving or removing it needs no search: O(log n).
 */

export class DueEntry<T> {
  readonly item: T;
  /** Breaks ties. */
  readonly order: number;
  /** Milliseconds on the caller's clock. Only the queue writes it. */
  dueMs: number;
  /** Place in the heap; -1 when not in it. */
  place = -1;

  constructor(item: T, order: number, dueMs: number) {
    this.item = item;
    this.order = order;
    this.dueMs = dueMs;
  }
}

export class DueQueue<T> {
  #entries: DueEntry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  top(): DueEntry<T> | undefined {
    return this.#entries[0];
  }

  /** Puts the entry in, or moves it. */
  set(entry: DueEntry<T>, dueMs: number): void {
    entry.dueMs = dueMs;
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
    for (let place = 0; place < sorted.length; place += 1) sorted[place]!.place = place;
  }

  /** Forgets every entry without touching them: their places mean nothing until the next `fill`. */
  clear(): void {
    this.#entries = [];
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
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
