/**
 * Numbers for tuples of whole numbers, all of one width: each distinct tuple gets the next number, counted from 0. Millions of them fit,
 * in chunks that never move; a Map of strings would hold a tenth as many.
 *
 *   chunks   tuple 0 | tuple 1 | ...        `width` 32-bit words each
 *   slots    open addressing, half full at most: number + 1, or 0 for a free one
 */
const CHUNK_TUPLES = 1 << 16;

export class TupleTable {
  readonly #width: number;
  readonly #chunks: Int32Array[] = [];
  #slots = new Int32Array(1 << 12);
  #count = 0;

  constructor(width: number) {
    this.#width = width;
  }

  get count(): number {
    return this.#count;
  }

  /** The number of the tuple in `words`, its first `width` elements. */
  numberOf(words: ArrayLike<number>): number {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    let slot = hashOf(words, 0, this.#width) & mask;
    for (;;) {
      const known = this.#slots[slot]! - 1;
      if (known < 0) break;
      if (this.#equals(known, words)) return known;
      slot = (slot + 1) & mask;
    }
    const number = this.#count++;
    this.#slots[slot] = number + 1;
    const place = number % CHUNK_TUPLES;
    if (place === 0) this.#chunks.push(new Int32Array(CHUNK_TUPLES * this.#width));
    const chunk = this.#chunks[this.#chunks.length - 1]!;
    for (let i = 0; i < this.#width; i++) chunk[place * this.#width + i] = words[i]!;
    return number;
  }

  /** Element `at` of tuple `number`. */
  word(number: number, at: number): number {
    return this.#chunks[Math.floor(number / CHUNK_TUPLES)]![(number % CHUNK_TUPLES) * this.#width + at]!;
  }

  #equals(number: number, words: ArrayLike<number>): boolean {
    const chunk = this.#chunks[Math.floor(number / CHUNK_TUPLES)]!;
    const start = (number % CHUNK_TUPLES) * this.#width;
    for (let i = 0; i < this.#width; i++) if (chunk[start + i] !== words[i]) return false;
    return true;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      const chunk = this.#chunks[Math.floor(number / CHUNK_TUPLES)]!;
      let slot = hashOf(chunk, (number % CHUNK_TUPLES) * this.#width, this.#width) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function hashOf(words: ArrayLike<number>, start: number, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < start + count; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash ^ (hash >>> 13);
}
