/**
 * Writes of one table that are not committed yet. Points are found through a map; the order is made only when a scan asks for it:
 *
 *     entries   Map of key -> entry, all of them
 *     chunks    [[a b c] [d e] [f g h]]   the ordered ones, in chunks of at most CHUNK_MAX
 *     loose     [z b2]                    new since the last scan, to be ordered by the next
 *
 * Keys that come in rising order (revisions) are ordered as they come. Nothing may be written while a cursor is in use.
 */

import type { DurableEntry } from '../ports/durable-tables.ts';

export interface MemEntry extends DurableEntry {
  /** The key as `byteText` has it. */
  readonly text: string;
  readonly key: Uint8Array;
  value: Uint8Array | undefined;
}

const CHUNK_MAX = 256;
const CHUNK_FILL = 128;

export class Memtable implements Iterable<DurableEntry> {
  readonly entries = new Map<string, MemEntry>();
  #chunks: MemEntry[][] = [];
  #loose: MemEntry[] = [];
  #last = '';

  /** Puts, or removes if the value is undefined. Returns whether the key is new here. */
  write(text: string, key: Uint8Array, value: Uint8Array | undefined): boolean {
    const known = this.entries.get(text);
    if (known !== undefined) {
      known.value = value;
      return false;
    }
    const entry: MemEntry = { text, key, value };
    this.entries.set(text, entry);
    if (text > this.#last) {
      this.#last = text;
      if (this.#loose.length === 0) {
        this.#append(entry);
        return true;
      }
    }
    this.#loose.push(entry);
    return true;
  }

  /** In no particular order. */
  [Symbol.iterator](): Iterator<DurableEntry> {
    return this.entries.values();
  }

  /** Entries with text >= start (from the first if undefined), in order. */
  forward(start: string | undefined): MemCursor {
    this.#order();
    const cursor = new MemCursor(this.#chunks, 1);
    if (start !== undefined) cursor.seek(start);
    else cursor.toFirst();
    return cursor;
  }

  /** Entries with text < end (from the last if undefined), backwards. */
  backward(end: string | undefined): MemCursor {
    this.#order();
    const cursor = new MemCursor(this.#chunks, -1);
    if (end !== undefined) {
      cursor.seek(end);
      cursor.next();
    } else cursor.toLast();
    return cursor;
  }

  #append(entry: MemEntry): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.length >= CHUNK_FILL) this.#chunks.push([entry]);
    else last.push(entry);
  }

  #order(): void {
    const loose = this.#loose;
    if (loose.length === 0) return;
    this.#loose = [];
    if (loose.length * 8 > this.entries.size) {
      this.#rebuild();
      return;
    }
    for (const entry of loose) this.#insert(entry);
  }

  #rebuild(): void {
    const all = [...this.entries.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
    this.#chunks = [];
    for (let i = 0; i < all.length; i += CHUNK_FILL) this.#chunks.push(all.slice(i, i + CHUNK_FILL));
  }

  #insert(entry: MemEntry): void {
    const chunks = this.#chunks;
    const at = Math.max(0, chunkBefore(chunks, entry.text));
    const chunk = chunks[at];
    if (chunk === undefined) {
      chunks.push([entry]);
      return;
    }
    chunk.splice(firstAtLeast(chunk, entry.text), 0, entry);
    if (chunk.length > CHUNK_MAX) chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }
}

/** Walks over the ordered entries; `current` is undefined beyond either end. */
export class MemCursor {
  current: MemEntry | undefined;
  readonly #chunks: readonly (readonly MemEntry[])[];
  readonly #step: 1 | -1;
  #chunk = 0;
  #index = 0;

  constructor(chunks: readonly (readonly MemEntry[])[], step: 1 | -1) {
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

  /** The first entry with text >= `text`; beyond the end if there is none. */
  seek(text: string): void {
    this.#chunk = Math.max(0, chunkBefore(this.#chunks, text));
    const chunk = this.#chunks[this.#chunk];
    this.#index = chunk === undefined ? 0 : firstAtLeast(chunk, text);
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
    this.current = this.#chunks[this.#chunk]?.[this.#index];
  }
}

/** The last chunk whose first entry is <= text; -1 if there is none. Chunks are never empty. */
function chunkBefore(chunks: readonly (readonly MemEntry[])[], text: string): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunks[middle]![0]!.text <= text) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function firstAtLeast(chunk: readonly MemEntry[], text: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk[middle]!.text < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
