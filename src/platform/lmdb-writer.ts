/**
 * Hands a batch to LMDB's writing thread as one transaction, without holding the event loop: the batch is encoded in slices, and the thread
 * starts when all of it is there, so that nothing of it can be committed before.
 *
 * The thread reads a stream of instructions, each at a multiple of 8 bytes, numbers in the machine's order:
 *
 *     put      u32 15  u32 table  u32 key length   key, padding   u32 value length   f64 address of the value
 *     append   u32 15 | MDB_APPEND, the rest as in put: the key is above all others in the table, and pages are left full
 *     remove   u32 13  u32 table  u32 key length   key, padding (8 bytes at least)
 *     goto     u32 3   u32 -      f64 address of the next instruction
 *     end      u32 0               marked by the thread, which also writes to the 4 bytes before it
 *
 * Values up to VALUE_COPIED_MAX are copied to the far end of the chunk that holds the instructions; larger ones stay where they are and are kept.
 */

import type { BytesPlace, DurableBatch } from '../ports/durable-tables.ts';
import { type NativeEnv, nativeLmdb } from './lmdb-native.ts';

const PUT = 15;
const APPEND = 0x2_0000;
const REMOVE = 13;
const GOTO = 3;
const END = 0;

const CHUNK_BYTES = 0x10_0000;
const VALUE_COPIED_MAX = 0x2000;
/** Chunks kept for the next batch. */
const CHUNKS_KEPT = 8;
/** Entries encoded in one turn: well below a millisecond. */
const ENTRIES_A_TURN = 2000;
/** Up to here a loop is faster than a call. */
const LOOP_BYTES = 48;

class Chunk {
  readonly bytes = new Uint8Array(CHUNK_BYTES);
  readonly words = new Uint32Array(this.bytes.buffer);
  readonly doubles = new Float64Array(this.bytes.buffer);
  readonly address = nativeLmdb.getAddress(this.bytes.buffer);
}

export class LmdbWriter {
  readonly #env: NativeEnv;
  readonly #spare: Chunk[] = [];

  constructor(env: NativeEnv) {
    this.#env = env;
  }

  /**
   * Resolves to 0 when the batch is durable, or to LMDB's error code when nothing of it is.
   * @param tables all tables in the batch
   */
  async write(batch: DurableBatch, tables: ReadonlyMap<string, WrittenTable>): Promise<number> {
    const stream = new InstructionStream(this.#spare);
    const key: BytesPlace = { bytes: NO_BYTES, start: 0, length: 0 };
    const value: BytesPlace = { bytes: NO_BYTES, start: 0, length: 0 };
    let encoded = 0;
    for (const { table: name, entries } of batch) {
      const table = tables.get(name)!;
      for (let entry = 0; entry < entries.size; entry++) {
        if (entries.read(entry, key, value)) stream.put(table.number, key, value, table.last.raiseTo(key));
        else stream.remove(table.number, key);
        if (++encoded % ENTRIES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const start = stream.end();
    const code = await new Promise<number>((resolve) => this.#env.startWriting(start, resolve));
    stream.release(CHUNKS_KEPT);
    return code;
  }
}

/** A table of a batch: LMDB's number for it, and what its largest key is. */
export interface WrittenTable {
  readonly number: number;
  readonly last: LastKey;
}

/** The largest key of a table, or more: after removals it may be one that is gone. */
export class LastKey {
  #bytes: Uint8Array;
  #start = 0;
  #length: number;

  /** Undefined: the table is empty. */
  constructor(key: Uint8Array | undefined) {
    this.#bytes = key ?? NO_BYTES;
    this.#length = this.#bytes.length;
  }

  /** True if the key is above, and then the largest from now on. */
  raiseTo(key: Readonly<BytesPlace>): boolean {
    if (!this.#isBelow(key)) return false;
    this.#bytes = key.bytes;
    this.#start = key.start;
    this.#length = key.length;
    return true;
  }

  #isBelow({ bytes, start, length }: Readonly<BytesPlace>): boolean {
    const own = this.#bytes;
    const at = this.#start;
    const common = Math.min(length, this.#length);
    for (let i = 0; i < common; i++) {
      const difference = bytes[start + i]! - own[at + i]!;
      if (difference !== 0) return difference > 0;
    }
    return length > this.#length;
  }
}

const NO_BYTES = new Uint8Array(0);

class InstructionStream {
  readonly #spare: Chunk[];
  readonly #used: Chunk[] = [];
  /** Values that were not copied: the thread reads them. */
  readonly #kept: Uint8Array[] = [];
  #chunk: Chunk;
  /** The next instruction. */
  #at = 8;
  /** Below the values. */
  #top = CHUNK_BYTES;

  constructor(spare: Chunk[]) {
    this.#spare = spare;
    this.#chunk = this.#take();
  }

  /** `isLast`: the key is above all others in the table. */
  put(table: number, key: Readonly<BytesPlace>, value: Readonly<BytesPlace>, isLast: boolean): void {
    const copied = value.length <= VALUE_COPIED_MAX;
    const end = this.#key(isLast ? PUT | APPEND : PUT, table, key, copied ? value.length : 0);
    const { bytes, words, doubles, address } = this.#chunk;
    words[(end >> 2) - 1] = value.length;
    if (copied) {
      this.#top -= value.length;
      copyBytes(bytes, this.#top, value);
      doubles[end >> 3] = address + this.#top;
    } else {
      const kept = value.bytes;
      this.#kept.push(kept);
      doubles[end >> 3] = nativeLmdb.getAddress(kept.buffer) + kept.byteOffset + value.start;
    }
    this.#at = end + 8;
  }

  remove(table: number, key: Readonly<BytesPlace>): void {
    this.#at = this.#key(REMOVE, table, key, 0);
  }

  /** Returns the address of the first instruction. */
  end(): number {
    this.#chunk.words[this.#at >> 2] = END;
    return this.#used[0]!.address + 8;
  }

  release(keep: number): void {
    this.#kept.length = 0;
    for (const chunk of this.#used.splice(0)) if (this.#spare.length < keep) this.#spare.push(chunk);
  }

  /** Returns where the instruction goes on behind the key. */
  #key(kind: number, table: number, key: Readonly<BytesPlace>, valueLength: number): number {
    let at = this.#at;
    const { length } = key;
    // The longest padding, the value's address, and room for a goto or the end.
    if (at + length + valueLength + 64 > this.#top) {
      const former = this.#chunk;
      this.#chunk = this.#take();
      former.words[at >> 2] = GOTO;
      former.doubles[(at >> 3) + 1] = this.#chunk.address + 8;
      at = 8;
      this.#top = CHUNK_BYTES;
    }
    const { bytes, words } = this.#chunk;
    const word = at >> 2;
    words[word] = kind;
    words[word + 1] = table;
    words[word + 2] = length;
    copyBytes(bytes, at + 12, key);
    return (at + 12 + length + 16) & ~7;
  }

  #take(): Chunk {
    const chunk = this.#spare.pop() ?? new Chunk();
    this.#used.push(chunk);
    return chunk;
  }
}

function copyBytes(target: Uint8Array, at: number, { bytes, start, length }: Readonly<BytesPlace>): void {
  if (length > LOOP_BYTES) {
    target.set(length === bytes.length ? bytes : bytes.subarray(start, start + length), at);
  } else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!;
}
