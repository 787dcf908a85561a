/**
 * Cuts a stream of JSON objects, one behind the other with or without white space between, into the text of each. Only braces, brackets and strings are
 * looked at: whether a piece is JSON is for its reader to say. What does not begin like an object or array is a piece by itself, to its end of line.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class JsonStream {
  /** Of the object that is not complete. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** Bytes kept for an object that is not complete. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** @returns the texts that became complete. `chunk` is kept. Throws TypeError on bytes that are no UTF-8. */
  push(chunk: Uint8Array): string[] {
    const texts: string[] = [];
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (byte === QUOTE) this.#inString = false;
        else if (byte === BACKSLASH) this.#escaped = true;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === 0x7b || byte === 0x5b) this.#depth++;
      else if (byte === 0x7d || byte === 0x5d) this.#depth--;
      else if (!(byte === 0x0a && this.#depth === 0 && this.#hasContent(chunk, start, i))) continue;
      if (this.#depth > 0 || this.#inString || this.#escaped) continue;
      this.#depth = 0;
      texts.push(this.#take(chunk.subarray(start, i + 1)));
      start = i + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return texts;
  }

  /** What came after the last complete object; '' if only white space did. */
  rest(): string {
    return this.#take(new Uint8Array(0)).trim();
  }

  #hasContent(chunk: Uint8Array, start: number, end: number): boolean {
    return this.#pendingBytes > 0 || chunk.subarray(start, end).some((byte) => byte > 0x20);
  }

  #keep(piece: Uint8Array): void {
    this.#pending.push(piece);
    this.#pendingBytes += piece.length;
  }

  #take(last: Uint8Array): string {
    this.#keep(last);
    const bytes = this.#pending.length === 1 ? last : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return this.#decoder.decode(bytes);
  }
}
