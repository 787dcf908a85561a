/**
 * Cuts a byte stream that arrives in chunks of any size into items whose length is known one at a time: after each item the
 * consumer says how long the next one is.
 *
 * Invariants: an item that lies in one chunk is handed out as a place in that chunk, without a copy; one that spans chunks
 * is gathered in a buffer of exactly its length, so every byte is copied at most once. The consumer may keep views.
 */

export class ItemReader {
  readonly #consume: (bytes: Uint8Array, start: number, end: number) => number;
  #length: number;
  #partial: Uint8Array | undefined;
  #filled = 0;

  /** `consume` gets an item and returns the length of the next one; what it throws comes out of `push`. */
  constructor(firstLength: number, consume: (bytes: Uint8Array, start: number, end: number) => number) {
    this.#length = firstLength;
    this.#consume = consume;
  }

  /** Bytes of the item begun and not finished. 0 between items. */
  get pendingBytes(): number {
    return this.#filled;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    const partial = this.#partial;
    if (partial !== undefined) {
      at = Math.min(partial.length - this.#filled, chunk.length);
      partial.set(at === chunk.length ? chunk : chunk.subarray(0, at), this.#filled);
      this.#filled += at;
      if (this.#filled < partial.length) return;
      this.#partial = undefined;
      this.#filled = 0;
      this.#length = this.#consume(partial, 0, partial.length);
    }
    while (chunk.length - at >= this.#length) {
      const start = at;
      at += this.#length;
      this.#length = this.#consume(chunk, start, at);
    }
    if (at === chunk.length) return;
    const rest = new Uint8Array(this.#length);
    rest.set(chunk.subarray(at));
    this.#partial = rest;
    this.#filled = chunk.length - at;
  }
}
