/**
 * Reads JSON from bytes as a stream of values, without building objects: snapshots may be larger than the longest string, and most of
 * their text (paths, say) is skipped. The caller asks for what it expects next.
 *
 * Invariant: malformed text ends in a V2SnapshotError that names the byte, never in a wrong value.
 */

import { textOfBytes } from '../../wire/utf8.ts';

/** A snapshot that cannot be read: no JSON, or not that of a v2 store. */
export class V2SnapshotError extends Error {
  /** Byte offset at which the trouble was noticed. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`v2 snapshot: ${message} at byte ${offset}`);
    this.name = 'V2SnapshotError';
    this.offset = offset;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Of text that is added up from units; V8 makes anything longer a chain of concatenations, large and slow to read. */
const SHORT_TEXT_BYTES = 12;

export class JsonReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  fail(message: string): never {
    throw new V2SnapshotError(message, this.#at);
  }

  /** The first byte of the next value or mark as a character, '' at the end; it is not consumed. */
  peek(): string {
    const bytes = this.#bytes;
    let byte = bytes[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.#at += 1;
      byte = bytes[this.#at];
    }
    return byte === undefined ? '' : String.fromCharCode(byte);
  }

  /** Consumes one of the marks { } [ ] : , if it is the next thing. */
  take(mark: string): boolean {
    if (this.peek() !== mark) return false;
    this.#at += 1;
    return true;
  }

  expect(mark: string): void {
    if (!this.take(mark)) this.fail(`expected '${mark}'`);
  }

  /** Consumes null if it is the next value. */
  takeNull(): boolean {
    if (this.peek() !== 'n') return false;
    this.#word('null');
    return true;
  }

  boolean(): boolean {
    const isTrue = this.peek() === 't';
    this.#word(isTrue ? 'true' : 'false');
    return isTrue;
  }

  /** A whole number in the range of safe integers. */
  integer(): number {
    this.peek();
    const start = this.#at;
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x2d) this.#at += 1;
    let value = 0;
    const digits = this.#at;
    for (let byte = bytes[this.#at]!; byte >= 0x30 && byte <= 0x39; byte = bytes[this.#at]!) {
      value = value * 10 + (byte - 0x30);
      this.#at += 1;
    }
    const next = bytes[this.#at];
    if (this.#at === digits || next === 0x2e || next === 0x65 || next === 0x45) {
      this.fail('expected a whole number');
    }
    if (!Number.isSafeInteger(value)) this.fail('the number is too large');
    return bytes[start] === 0x2d ? -value : value;
  }

  /** The field's name; the colon behind it is consumed. */
  fieldName(): string {
    const name = this.string();
    this.expect(':');
    return name;
  }

  string(): string {
    const start = this.#stringStart();
    const end = this.#stringEnd(start);
    this.#at = end + 1;
    const bytes = this.#bytes;
    if (end - start <= SHORT_TEXT_BYTES) {
      let text = '';
      let at = start;
      for (; at < end; at += 1) {
        const byte = bytes[at]!;
        if (byte >= 0x80 || byte === BACKSLASH) break;
        text += String.fromCharCode(byte);
      }
      if (at === end) return text;
    }
    const text = textOfBytes(bytes.subarray(start, end));
    return text.includes('\\') ? this.#unescape(text) : text;
  }

  skipString(): void {
    this.#at = this.#stringEnd(this.#stringStart()) + 1;
  }

  /** Skips any value. Depth costs no stack. */
  skipValue(): void {
    const closers: string[] = [];
    do {
      const next = this.peek();
      if (next === '{' || next === '[') {
        this.#at += 1;
        closers.push(next === '{' ? '}' : ']');
        if (!this.take(closers.at(-1)!)) {
          if (next === '{') this.#skipFieldName();
          continue;
        }
        closers.pop();
      } else {
        this.#skipScalar(next);
      }
      while (closers.length > 0 && this.take(closers.at(-1)!)) closers.pop();
      if (closers.length > 0) {
        this.expect(',');
        if (closers.at(-1) === '}') this.#skipFieldName();
      }
    } while (closers.length > 0);
  }

  expectEnd(): void {
    if (this.peek() !== '') this.fail('expected the end');
  }

  #skipFieldName(): void {
    this.skipString();
    this.expect(':');
  }

  #skipScalar(next: string): void {
    if (next === '"') this.skipString();
    else if (next === 't' || next === 'f') this.boolean();
    else if (next === 'n') this.#word('null');
    else {
      const start = this.#at;
      while (/[-+.0-9eE]/.test(String.fromCharCode(this.#bytes[this.#at] ?? 0))) this.#at += 1;
      if (this.#at === start) this.fail('expected a value');
    }
  }

  #word(word: string): void {
    for (let at = 0; at < word.length; at += 1) {
      if (this.#bytes[this.#at + at] !== word.charCodeAt(at)) this.fail(`expected ${word}`);
    }
    this.#at += word.length;
  }

  #stringStart(): number {
    if (this.peek() !== '"') this.fail('expected a string');
    return this.#at + 1;
  }

  /** Place of the closing quote. */
  #stringEnd(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at]!;
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH) at += 1;
      else if (byte < 0x20) break;
    }
    this.#at = at;
    return this.fail('unfinished string');
  }

  #unescape(text: string): string {
    let value: unknown;
    try {
      value = JSON.parse(`"${text}"`);
    } catch {
      return this.fail('malformed string');
    }
    return value as string;
  }
}
