/**
 * What comes due next. Ties go by the order in which the entries were made, so that the same history gives the same order on any machine.
 *
 *   near   a binary min-heap of what is due in seconds that have begun
 *   far    second -> its entries, in any order; they go to the heap when the second begins
 *
 * Leases are put off far more often than they come due. An entry that becomes due later stays where it is, and is put where it belongs when its old time has
 * come: O(1) either way, and at most once for each time it stood for.
 *
 * Invariants: an entry stands for `placedMs`, which is never above `dueMs`; in the heap if its second is before `#farFrom`, else at that second in `#far`.
 */

const SLOT_MS = 1_000;

export class DueEntry<T> {
  readonly item: T;
  /** Breaks ties. */
  readonly order: number;
  /** Milliseconds on the caller's clock. Only the queue writes it. */
  dueMs: number;
  /** When it was due as it got its place. */
  placedMs: number;
  /** Index in the heap or among the entries of its second; -1 when not in the queue. */
  place = -1;
  isNear = false;

  constructor(item: T, order: number, dueMs: number) {
    this.item = item;
    this.order = order;
    this.dueMs = dueMs;
    this.placedMs = dueMs;
  }
}

export class DueQueue<T> {
  #near: DueEntry<T>[] = [];
  readonly #far = new Map<number, DueEntry<T>[]>();
  #farFrom = 0;

  /** What is due next, if it is due by then. */
  due(nowMs: number): DueEntry<T> | undefined {
    this.#begin(slotOf(nowMs));
    for (;;) {
      const top = this.#near[0];
      if (top === undefined || top.placedMs > nowMs) return undefined;
      if (top.placedMs === top.dueMs) return top;
      this.remove(top);
      this.#put(top);
    }
  }

  /** Puts the entry in, or changes when it is due. */
  set(entry: DueEntry<T>, dueMs: number): void {
    entry.dueMs = dueMs;
    if (entry.place >= 0 && entry.placedMs <= dueMs) return;
    this.remove(entry);
    this.#put(entry);
  }

  /** Takes the entry out; nothing happens if it is out already. */
  remove(entry: DueEntry<T>): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const slot = slotOf(entry.placedMs);
    const entries = entry.isNear ? this.#near : this.#far.get(slot)!;
    const last = entries.pop()!;
    if (last !== entry) {
      last.place = place;
      entries[place] = last;
      if (entry.isNear) {
        this.#up(last);
        this.#down(last);
      }
    } else if (entries.length === 0 && !entry.isNear) this.#far.delete(slot);
  }

  /** Replaces the whole content: O(n). */
  fill(entries: readonly DueEntry<T>[]): void {
    this.clear();
    for (const entry of entries) this.#put(entry);
  }

  /** Forgets every entry without touching them: their places mean nothing until the next `fill`. */
  clear(): void {
    this.#near = [];
    this.#far.clear();
  }

  /** Every second up to this one has begun. */
  #begin(slot: number): void {
    const from = this.#farFrom;
    if (slot < from) return;
    this.#farFrom = slot + 1;
    if (slot - from < this.#far.size) for (let each = from; each <= slot; each += 1) this.#move(each);
    // After a long sleep.
    else for (const each of [...this.#far.keys()]) if (each <= slot) this.#move(each);
  }

  #move(slot: number): void {
    const entries = this.#far.get(slot);
    if (entries === undefined) return;
    this.#far.delete(slot);
    for (const entry of entries) this.#put(entry);
  }

  #put(entry: DueEntry<T>): void {
    const { dueMs } = entry;
    const slot = slotOf(dueMs);
    entry.placedMs = dueMs;
    entry.isNear = slot < this.#farFrom;
    if (entry.isNear) {
      entry.place = this.#near.length;
      this.#near.push(entry);
      this.#up(entry);
      return;
    }
    const others = this.#far.get(slot);
    entry.place = others === undefined ? 0 : others.length;
    if (others === undefined) this.#far.set(slot, [entry]);
    else others.push(entry);
  }

  #up(entry: DueEntry<T>): void {
    const entries = this.#near;
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
    const entries = this.#near;
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

function slotOf(timeMs: number): number {
  return Math.floor(timeMs / SLOT_MS);
}

function isBefore<T>(a: DueEntry<T>, b: DueEntry<T>): boolean {
  return a.placedMs < b.placedMs || (a.placedMs === b.placedMs && a.order < b.order);
}
