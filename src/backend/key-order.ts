/**
 * The order of numbered keys, made when a scan asks for it:
 *
 *     chunks     [[4 0 9] [2 5] [7 1 3]]   numbers of the arranged ones, in chunks of at most CHUNK_MAX
 *     arranged   10                        keys from this number on are new since the last scan
 *
 * Keys that came in rising order (revisions) are only appended.
 */

/** Keys by their numbers. */
export interface OrderedKeys {
  readonly size: number;
  keyAt(entry: number): Uint8Array;
  /** Negative, 0 or positive. */
  compareKeys(entry: number, other: number): number;
  compareKey(entry: number, key: Uint8Array): number;
}

const CHUNK_MAX = 256;
const CHUNK_FILL = 128;
const NONE = -1;

export class KeyOrder {
  readonly #keys: OrderedKeys;
  #chunks: number[][] = [];
  #arranged = 0;
  /** The largest of the arranged ones. */
  #last = NONE;

  constructor(keys: OrderedKeys) {
    this.#keys = keys;
  }

  /** Keys >= start (from the first if undefined), in order. */
  forward(start: Uint8Array | undefined): KeyCursor {
    this.arrange();
    const cursor = new KeyCursor(this.#chunks, 1);
    if (start !== undefined) cursor.seek(this.#keys, start);
    else cursor.toFirst();
    return cursor;
  }

  /** Keys < end (from the last if undefined), backwards. */
  backward(end: Uint8Array | undefined): KeyCursor {
    this.arrange();
    const cursor = new KeyCursor(this.#chunks, -1);
    if (end !== undefined) {
      cursor.seek(this.#keys, end);
      cursor.next();
    } else cursor.toLast();
    return cursor;
  }

  /** Takes in the keys that are new. A cursor does it, too; whoever writes many keys before the next one may spread the work. */
  arrange(): void {
    const keys = this.#keys;
    const from = this.#arranged;
    const to = keys.size;
    if (from === to) return;
    this.#arranged = to;
    const loose: number[] = [];
    for (let entry = from; entry < to; entry++) {
      if (this.#last !== NONE && keys.compareKeys(entry, this.#last) < 0) {
        loose.push(entry);
        continue;
      }
      this.#last = entry;
      this.#append(entry);
    }
    if (loose.length * 8 > to) this.#rebuild();
    else for (const entry of loose) this.#insert(entry);
  }

  #append(entry: number): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.length >= CHUNK_FILL) this.#chunks.push([entry]);
    else last.push(entry);
  }

  #rebuild(): void {
    const keys = this.#keys;
    const all = Array.from({ length: this.#arranged }, (_, entry) => entry);
    all.sort((a, b) => keys.compareKeys(a, b));
    this.#chunks = [];
    for (let i = 0; i < all.length; i += CHUNK_FILL) this.#chunks.push(all.slice(i, i + CHUNK_FILL));
  }

  #insert(entry: number): void {
    const chunks = this.#chunks;
    const key = this.#keys.keyAt(entry);
    const at = Math.max(0, chunkBefore(this.#keys, chunks, key));
    const chunk = chunks[at];
    if (chunk === undefined) {
      chunks.push([entry]);
      return;
    }
    chunk.splice(firstAtLeast(this.#keys, chunk, key), 0, entry);
    if (chunk.length > CHUNK_MAX) chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }
}

/** Walks over the ordered entries; `current` is -1 beyond either end. */
export class KeyCursor {
  current = NONE;
  readonly #chunks: readonly (readonly number[])[];
  readonly #step: 1 | -1;
  #chunk = 0;
  #index = 0;

  constructor(chunks: readonly (readonly number[])[], step: 1 | -1) {
    this.#chunks = chunks;
    this.#step = step;
  }

  toFirst(): void {
    this.#chunk = 0;
    this.#index = 0;
    this.#load();
  }

  toLast(): void {
    this.#chunk = this.#chunks.length - 1;
    this.#index = (this.#chunks[this.#chunk]?.length ?? 0) - 1;
    this.#load();
  }

  /** The first entry with a key >= `key`; beyond the end if there is none. */
  seek(keys: OrderedKeys, key: Uint8Array): void {
    this.#chunk = Math.max(0, chunkBefore(keys, this.#chunks, key));
    const chunk = this.#chunks[this.#chunk];
    this.#index = chunk === undefined ? 0 : firstAtLeast(keys, chunk, key);
    if (chunk !== undefined && this.#index === chunk.length) {
      this.#chunk++;
      this.#index = 0;
    }
    this.#load();
  }

  next(): void {
    this.#index += this.#step;
    if (this.#index < 0) {
      this.#chunk--;
      this.#index = (this.#chunks[this.#chunk]?.length ?? 0) - 1;
    } else if (this.#index >= (this.#chunks[this.#chunk]?.length ?? 0)) {
      this.#chunk++;
      this.#index = 0;
    }
    this.#load();
  }

  #load(): void {
    this.current = this.#chunks[this.#chunk]?.[this.#index] ?? NONE;
  }
}

/** The last chunk whose first key is <= `key`; -1 if there is none. Chunks are never empty. */
function chunkBefore(keys: OrderedKeys, chunks: readonly (readonly number[])[], key: Uint8Array): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys.compareKey(chunks[middle]![0]!, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function firstAtLeast(keys: OrderedKeys, chunk: readonly number[], key: Uint8Array): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys.compareKey(chunk[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
