/**
 * Open streams by id: open addressing with linear probing. Unlike a Map it is not rebuilt as streams come and go by the hundred
 * thousand, and looking up costs one comparison mostly.
 *
 * Clients count ids up by two, so `id >> 1` spreads as well as any hash: neighbours in time are neighbours here.
 */
export class StreamTable<T extends { readonly id: number }> {
  private slots: (T | undefined)[] = new Array(16).fill(undefined);
  private mask = 15;
  size = 0;

  get(id: number): T | undefined {
    const { slots, mask } = this;
    for (let at = (id >>> 1) & mask; ; at = (at + 1) & mask) {
      const found = slots[at];
      if (found === undefined || found.id === id) return found;
    }
  }

  add(stream: T): void {
    if (this.size * 2 >= this.slots.length) this.resize(this.slots.length * 2);
    this.size++;
    this.put(stream);
  }

  delete(id: number): void {
    const { slots, mask } = this;
    let at = (id >>> 1) & mask;
    for (; slots[at]?.id !== id; at = (at + 1) & mask) if (slots[at] === undefined) return;
    this.size--;
    // What was pushed on by this entry moves up, so that no probe stops at the gap.
    for (let next = (at + 1) & mask; ; next = (next + 1) & mask) {
      const follower = slots[next];
      if (follower === undefined) break;
      const home = (follower.id >>> 1) & mask;
      if (((next - home) & mask) >= ((next - at) & mask)) {
        slots[at] = follower;
        at = next;
      }
    }
    slots[at] = undefined;
    if (slots.length > 1024 && this.size * 16 < slots.length) this.resize(slots.length / 4);
  }

  /** A copy: streams may come and go while the caller works through it. */
  all(): T[] {
    return this.slots.filter((stream) => stream !== undefined);
  }

  private put(stream: T): void {
    const { slots, mask } = this;
    let at = (stream.id >>> 1) & mask;
    while (slots[at] !== undefined) at = (at + 1) & mask;
    slots[at] = stream;
  }

  private resize(length: number): void {
    const streams = this.all();
    this.slots = new Array(length).fill(undefined);
    this.mask = length - 1;
    for (const stream of streams) this.put(stream);
  }
}
