/**
 * Cuts a stream of JSON objects, one behind the other with or without white space between, into the bytes of each. Only braces, brackets and strings are
 * looked at: whether a piece is JSON, or text at all, is for its reader to say. What does not begin like an object or array is a piece by itself, to its end of
 * line. White space before a piece is no part of it.
 */

import { ByteBuffer } from '../../net/byte-buffer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

export class JsonStream {
  /** Of the object that is not complete; in one piece, since it may come in ever so many chunks. */
  readonly #pending = new ByteBuffer();
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Bytes kept for an object that is not complete. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** The pieces that become complete, which may be views of `chunk`. Each is looked for when it is asked for; all of them must be before the next chunk. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (byte === QUOTE) this.#inString = false;
        else if (byte === BACKSLASH) this.#escaped = true;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === 0x7b || byte === 0x5b) this.#depth++;
      else if (byte === 0x7d || byte === 0x5d) this.#depth--;
      else if (start === i && this.#pending.length === 0 && isSpace(byte)) {
        start = i + 1;
        continue;
      } else if (byte !== NEWLINE) continue;
      if (this.#depth > 0 || this.#inString || this.#escaped) continue;
      this.#depth = 0;
      const end = i + 1;
      yield this.#take(bytes, start, end);
      start = end;
    }
    if (start < bytes.length) this.#pending.append(bytes, start, bytes.length);
  }

  /** What came after the last complete object; empty if only white space did. */
  rest(): Uint8Array {
    return this.#take(NOTHING, 0, 0);
  }

  #take(bytes: Buffer, start: number, end: number): Uint8Array {
    const pending = this.#pending;
    if (pending.length === 0) return bytes.subarray(start, end);
    pending.append(bytes, start, end);
    const piece = pending.bytes.subarray(0, pending.length);
    pending.clear();
    return piece;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09;
}
