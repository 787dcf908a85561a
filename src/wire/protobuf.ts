/**
 * Protocol Buffers wire format, written and read by hand-called methods: no schema at run time, no object between the
 * bytes and the caller's fields. Owns the meaning of tags, varints and lengths; what the fields are is the caller's.
 *
 *   message = *( tag value )        tag = varint( field << 3 | wireType )
 *   wireType 0: varint              1: 8 bytes little endian
 *            2: varint length,      5: 4 bytes little endian
 *               then that many bytes
 *
 * Invariants: bytes handed out by `finish` are never written again; a reader never reads past its limit, and every
 * malformed input ends in a DecodeError, never in a wrong value.
 */
import { HIGH, halves, LOW, signed, unsigned } from './halves.ts';
import { textOfBytes, writeText } from './utf8.ts';

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** The tag of a field as `Writer.tag` writes and `Reader.tag` returns it, for use in tables and `switch` labels. */
export function tagOf(field: number, wireType: number): number {
  return ((field << 3) | wireType) >>> 0;
}

export class DecodeError extends Error {
  /** Byte offset in the decoded buffer at which the trouble was noticed. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.name = 'DecodeError';
    this.offset = offset;
  }
}

const SLAB_BYTES = 64 * 1024;
/** ASCII up to here is encoded unit by unit. */
const SHORT_STRING_UNITS = 40;
/** ASCII up to here is decoded by adding up units; V8 makes anything longer a chain of concatenations, large and slow to read. */
const SHORT_STRING_BYTES = 12;

/**
 * Writes messages one after the other into a slab that grows as needed. `finish` hands out the bytes since the last
 * `finish` as a view and goes on behind them, so that thousands of small messages share one allocation.
 */
export class Writer {
  #buffer: Uint8Array;
  #start = 0;
  #position = 0;

  constructor(initialBytes: number = SLAB_BYTES) {
    this.#buffer = new Uint8Array(Math.max(16, initialBytes));
  }

  /** Bytes written since the last `finish`. */
  get length(): number {
    return this.#position - this.#start;
  }

  /** A view of the bytes written since the last `finish`; it stays valid and is not written again. */
  finish(): Uint8Array {
    const bytes = this.#buffer.subarray(this.#start, this.#position);
    this.#start = this.#position;
    return bytes;
  }

  /** Forgets what was written since the last `finish`, as after a failure half way. */
  discard(): void {
    this.#position = this.#start;
  }

  /** Forgets all behind the first `length` bytes since the last `finish`. */
  truncate(length: number): void {
    if (length > this.length) throw new RangeError('nothing to cut off');
    this.#position = this.#start + length;
  }

  tag(field: number, wireType: number): this {
    return this.varint32(((field << 3) | wireType) >>> 0);
  }

  /** An unsigned 32-bit number. */
  varint32(value: number): this {
    this.#reserve(5);
    const buffer = this.#buffer;
    let position = this.#position;
    let rest = value >>> 0;
    while (rest > 0x7f) {
      buffer[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    this.#position = position;
    return this;
  }

  /** uint64 or int64 from a safe integer; a negative one becomes ten bytes of two's complement. */
  varint(value: number): this {
    if (value >= 0 && value <= 0xffffffff) return this.varint32(value);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no safe integer`);
    if (value < 0) return this.varintBig(BigInt(value));
    this.#reserve(8);
    const buffer = this.#buffer;
    let position = this.#position;
    let rest = value;
    while (rest > 0x7f) {
      buffer[position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    buffer[position++] = rest;
    this.#position = position;
    return this;
  }

  /** uint64 or int64 from a bigint (two's complement, modulo 2^64). */
  varintBig(value: bigint): this {
    unsigned[0] = value;
    let low = halves[LOW]!;
    let high = halves[HIGH]!;
    this.#reserve(10);
    const buffer = this.#buffer;
    let position = this.#position;
    while (high !== 0) {
      buffer[position++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      buffer[position++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    buffer[position++] = low;
    this.#position = position;
    return this;
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#buffer[this.#position++] = value ? 1 : 0;
    return this;
  }

  fixed32(value: number): this {
    this.#reserve(4);
    for (let shift = 0; shift < 32; shift += 8) this.#buffer[this.#position++] = (value >>> shift) & 0xff;
    return this;
  }

  /** A double, 8 bytes little endian. */
  double(value: number): this {
    this.#reserve(8);
    new DataView(this.#buffer.buffer, this.#buffer.byteOffset).setFloat64(this.#position, value, true);
    this.#position += 8;
    return this;
  }

  /** Length and bytes. */
  bytes(value: Uint8Array): this {
    this.varint32(value.length);
    return this.raw(value);
  }

  /** Bytes without a length: an already encoded piece. */
  raw(value: Uint8Array): this {
    const length = value.length;
    this.#reserve(length);
    this.#buffer.set(value, this.#position);
    this.#position += length;
    return this;
  }

  /** Length and bytes, as utf8.ts has them. */
  string(value: string): this {
    if (value.length <= SHORT_STRING_UNITS && this.#shortAscii(value)) return this;
    const mark = this.begin();
    this.#reserve(value.length * 3);
    this.#position += writeText(value, this.#buffer.subarray(this.#position));
    return this.end(mark);
  }

  /**
   * Opens a length-delimited value whose length is not known yet; `end` with the returned mark closes it. Costs nothing
   * for values below 128 bytes and one move of the bytes for longer ones.
   */
  begin(): number {
    this.#reserve(1);
    this.#position++;
    return this.length;
  }

  end(mark: number): this {
    const content = this.#start + mark;
    const length = this.#position - content;
    if (length <= 0x7f) {
      this.#buffer[content - 1] = length;
      return this;
    }
    const extra = varint32Length(length) - 1;
    this.#reserve(extra);
    // #reserve may have moved the message to a new slab.
    const from = this.#start + mark;
    this.#buffer.copyWithin(from + extra, from, from + length);
    this.#position = from - 1;
    this.varint32(length);
    this.#position += length;
    return this;
  }

  #shortAscii(value: string): boolean {
    const length = value.length;
    this.#reserve(length + 1);
    const buffer = this.#buffer;
    let position = this.#position;
    buffer[position++] = length;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[position++] = unit;
    }
    this.#position = position;
    return true;
  }

  #reserve(count: number): void {
    if (this.#position + count <= this.#buffer.length) return;
    const used = this.length;
    const needed = used + count;
    const grown = new Uint8Array(Math.max(needed * 2, SLAB_BYTES));
    grown.set(this.#buffer.subarray(this.#start, this.#position));
    this.#buffer = grown;
    this.#start = 0;
    this.#position = used;
  }
}

/** Encoded size in bytes of an unsigned 32-bit varint. */
export function varint32Length(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 5;
}

/** Reads one message from `bytes`; views that it hands out share the caller's memory. */
export class Reader {
  readonly #bytes: Uint8Array;
  #position: number;
  #limit: number;
  /** The memory below `bytes`, once a view of it was handed out: to make a view of that is far cheaper than of a view. */
  #memory: ArrayBufferLike | undefined;
  // The two halves of the varint read last; fields so that reading allocates nothing.
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    if (start < 0 || end > bytes.length || start > end) throw new RangeError('reader outside of its bytes');
    this.#bytes = bytes;
    this.#position = start;
    this.#limit = end;
  }

  get position(): number {
    return this.#position;
  }

  /** True at the end of the message (or of the nested one entered last). */
  get done(): boolean {
    return this.#position >= this.#limit;
  }

  /** `field << 3 | wireType`; compare with `tagOf`. */
  tag(): number {
    this.#readVarint();
    if (this.#high !== 0 || this.#low >>> 3 === 0) throw this.#error('invalid tag');
    return this.#low;
  }

  /** uint64 as a number; a DecodeError beyond 2^53 - 1. */
  varint(): number {
    this.#readVarint();
    if (this.#high > 0x1fffff) throw this.#error('number too large');
    return this.#high * 0x100000000 + this.#low;
  }

  /** int64 as a number; a DecodeError outside of the safe integers. */
  varintSigned(): number {
    this.#readVarint();
    const value = (this.#high | 0) * 0x100000000 + this.#low;
    if (!Number.isSafeInteger(value)) throw this.#error('number too large');
    return value;
  }

  /** int64 as a number; what is beyond the safe integers becomes the nearest of them. */
  varintClamped(): number {
    this.#readVarint();
    const value = (this.#high | 0) * 0x100000000 + this.#low;
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
    return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value;
  }

  /** The low 32 bits as a signed number: int32 and enums. */
  varint32(): number {
    this.#readVarint();
    return this.#low | 0;
  }

  /** uint64. */
  varintBig(): bigint {
    this.#readHalves();
    return unsigned[0]!;
  }

  /** int64. */
  varintBigSigned(): bigint {
    this.#readHalves();
    return signed[0]!;
  }

  bool(): boolean {
    this.#readVarint();
    return (this.#low | this.#high) !== 0;
  }

  fixed32(): number {
    const at = this.#advance(4);
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  double(): number {
    const at = this.#advance(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getFloat64(at, true);
  }

  /** A view of a length-delimited value. */
  bytes(): Uint8Array {
    const length = this.#length();
    const at = this.#advance(length);
    this.#memory ??= this.#bytes.buffer;
    return new Uint8Array(this.#memory, this.#bytes.byteOffset + at, length);
  }

  /** A length-delimited value as text; bytes that are no UTF-8 as utf8.ts has them. */
  string(): string {
    const length = this.#length();
    const at = this.#advance(length);
    if (length <= SHORT_STRING_BYTES) {
      let text = '';
      let i = at;
      for (; i < at + length; i++) {
        const byte = this.#bytes[i]!;
        if (byte > 0x7f) break;
        text += String.fromCharCode(byte);
      }
      if (i === at + length) return text;
    }
    return textOfBytes(this.#bytes.subarray(at, at + length));
  }

  /**
   * Enters a nested message: until `leave`, `done` and all limits speak of it. Returns what `leave` wants:
   * `const outer = reader.enter(); while (!reader.done) {...} reader.leave(outer);`
   */
  enter(): number {
    const length = this.#length();
    const end = this.#position + length;
    if (end > this.#limit) throw this.#error('length beyond the end');
    const outer = this.#limit;
    this.#limit = end;
    return outer;
  }

  leave(outer: number): void {
    if (this.#position !== this.#limit) throw this.#error('nested message left before its end');
    this.#limit = outer;
  }

  /** Skips the value of an unknown field whose tag was just read. Groups are refused. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.#readVarint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        this.#advance(this.#length());
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw this.#error(`unsupported wire type ${tag & 7}`);
    }
  }

  #length(): number {
    this.#readVarint();
    if (this.#high !== 0 || this.#low > 0x7fffffff) throw this.#error('invalid length');
    return this.#low;
  }

  #advance(count: number): number {
    const at = this.#position;
    if (count > this.#limit - at) throw this.#error('length beyond the end');
    this.#position = at + count;
    return at;
  }

  #readHalves(): void {
    this.#readVarint();
    halves[LOW] = this.#low;
    halves[HIGH] = this.#high;
  }

  #readVarint(): void {
    const bytes = this.#bytes;
    const limit = this.#limit;
    let position = this.#position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= limit) throw this.#error('truncated varint');
      const byte = bytes[position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else if (byte > 1) throw this.#error('varint overflows 64 bits');
      else high |= bits << 31;
      if (byte < 0x80) {
        this.#position = position;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw this.#error('varint overflows 64 bits');
  }

  #error(message: string): DecodeError {
    return new DecodeError(message, this.#position);
  }
}
