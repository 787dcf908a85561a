/**
 * Hands a batch to LMDB's writing thread as one transaction, without holding the event loop: the batch is encoded in slices, and the thread
 * starts when all of it is there, so that nothing of it can be committed before.
 *
 * The thread reads a stream of instructions, each at a multiple of 8 bytes, numbers in the machine's order:
 *
 *     put      u32 15  u32 table  u32 key length   key, padding   u32 value length   f64 address of the value
 *     remove   u32 13  u32 table  u32 key length   key, padding (8 bytes at least)
 *     goto     u32 3   u32 -      f64 address of the next instruction
 *     end      u32 0               marked by the thread, which also writes to the 4 bytes before it
 *
 * Values up to VALUE_COPIED_MAX are copied to the far end of the chunk that holds the instructions; larger ones stay where they are and are kept.
 */

import type { DurableBatch } from '../ports/durable-tables.ts';
import { type NativeEnv, nativeLmdb } from './lmdb-native.ts';

const PUT = 15;
const REMOVE = 13;
const GOTO = 3;
const END = 0;

const CHUNK_BYTES = 0x10_0000;
const VALUE_COPIED_MAX = 0x2000;
/** Chunks kept for the next batch. */
const CHUNKS_KEPT = 8;
/** Entries encoded in one turn: well below a millisecond. */
const ENTRIES_A_TURN = 2000;

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
   * @param tables the numbers of all tables in the batch
   */
  async write(batch: DurableBatch, tables: ReadonlyMap<string, number>): Promise<number> {
    const stream = new InstructionStream(this.#spare);
    let encoded = 0;
    for (const { table: name, entries } of batch) {
      const table = tables.get(name)!;
      for (const { key, value } of entries) {
        if (value === undefined) stream.remove(table, key);
        else stream.put(table, key, value);
        if (++encoded % ENTRIES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const start = stream.end();
    const code = await new Promise<number>((resolve) => this.#env.startWriting(start, resolve));
    stream.release(CHUNKS_KEPT);
    return code;
  }
}

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

  put(table: number, key: Uint8Array, value: Uint8Array): void {
    const copied = value.length <= VALUE_COPIED_MAX;
    const end = this.#key(PUT, table, key, copied ? value.length : 0);
    const { bytes, words, doubles, address } = this.#chunk;
    words[(end >> 2) - 1] = value.length;
    if (copied) {
      this.#top -= value.length;
      bytes.set(value, this.#top);
      doubles[end >> 3] = address + this.#top;
    } else {
      this.#kept.push(value);
      doubles[end >> 3] = nativeLmdb.getAddress(value.buffer) + value.byteOffset;
    }
    this.#at = end + 8;
  }

  remove(table: number, key: Uint8Array): void {
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
  #key(kind: number, table: number, key: Uint8Array, valueLength: number): number {
    let at = this.#at;
    // The longest padding, the value's address, and room for a goto or the end.
    if (at + key.length + valueLength + 64 > this.#top) {
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
    words[word + 2] = key.length;
    bytes.set(key, at + 12);
    return (at + 12 + key.length + 16) & ~7;
  }

  #take(): Chunk {
    const chunk = this.#spare.pop() ?? new Chunk();
    this.#used.push(chunk);
    return chunk;
  }
}
