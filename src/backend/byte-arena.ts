/**
 * Keys and small values, one behind the other in chunks of memory: each costs its bytes and an address, no object.
 *
 *     address   chunk (upper 16 bits) | offset in it (lower 16 bits)
 *
 * Invariant: bytes never change, nor does their chunk, so that views of them may be handed out.
 */

import { DURABLE_KEY_BYTES_MAX } from '../ports/durable-tables.ts';

const OFFSET_BITS = 16;
const OFFSET_MASK = 0xffff;
const CHUNK_BYTES = 0x1_0000;
/** Most tables get a few keys between two commits. */
const FIRST_CHUNK_BYTES = 0x1000;
/** Up to here a loop is faster than a call. */
const LOOP_BYTES = 48;

export class ByteArena {
  readonly #chunks: Uint8Array[] = [];
  /** Of the chunks: a view of memory is cheaper than one of a view. */
  readonly #memories: ArrayBufferLike[] = [];
  #chunk: Uint8Array = NO_BYTES;
  #used = 0;

  /** Copies the bytes; returns their address. */
  add(bytes: Uint8Array): number {
    const { length } = bytes;
    // No bytes behind the last one of a chunk would have an address in the next. At first there is no chunk.
    if (this.#used + length > this.#chunk.length || this.#used === this.#chunk.length) this.#grow(length);
    const chunk = this.#chunk;
    const at = this.#used;
    if (length > LOOP_BYTES) chunk.set(bytes, at);
    else for (let i = 0; i < length; i++) chunk[at + i] = bytes[i]!;
    this.#used = at + length;
    return (((this.#chunks.length - 1) << OFFSET_BITS) | at) >>> 0;
  }

  /** The memory that holds the bytes, from `offsetOf(address)` on. */
  chunkOf(address: number): Uint8Array {
    return this.#chunks[address >>> OFFSET_BITS]!;
  }

  view(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memories[address >>> OFFSET_BITS]!, offsetOf(address), length);
  }

  #grow(length: number): void {
    if (length > DURABLE_KEY_BYTES_MAX) throw new Error(`a stored key of ${length} bytes`);
    const memory = Buffer.allocUnsafeSlow(this.#chunks.length === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES).buffer;
    this.#chunk = new Uint8Array(memory);
    this.#chunks.push(this.#chunk);
    this.#memories.push(memory);
    this.#used = 0;
  }
}

const NO_BYTES = new Uint8Array(0);

export function offsetOf(address: number): number {
  return address & OFFSET_MASK;
}
