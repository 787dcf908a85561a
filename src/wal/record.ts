/**
 * One record of the log, as etcd frames it:
 *
 *   0        8                          8 + size        8 + size + padding
 *   | length | walpb.Record             | zero padding |
 *
 *   length    8 bytes little endian: the low 56 bits are `size`; the top byte is 0 without padding, else 0x80 | padding
 *   padding   0 to 7 bytes, so that every frame starts on a multiple of 8 and a length never straddles two sectors
 *   Record    { int64 type = 1; uint32 crc = 2; bytes data = 3 }
 *
 * `crc` is rolling: the CRC-32C of the data of ALL records before this one and this one's. A crc record carries no data and
 * repeats the value so far; it opens every segment. Quorate writes one at the head of every write too (16 bytes), see torn-tail.ts.
 */

import { crc32c } from '../wire/crc32c.ts';

export const RECORD_METADATA = 1;
export const RECORD_ENTRY = 2;
export const RECORD_STATE = 3;
export const RECORD_CRC = 4;
export const RECORD_SNAPSHOT = 5;

export const FRAME_BYTES = 8;
/** etcd 3.4 refuses to read records of this size and more. */
export const MAX_RECORD_BYTES = 10 * 1024 * 1024;

/** A decoded record; one object is reused for all records of a scan. */
export interface Record {
  type: number;
  crc: number;
  /** The data is `bytes[dataStart..dataEnd)`. */
  dataStart: number;
  dataEnd: number;
  /** False for a record without a data field. */
  hasData: boolean;
}

export function emptyRecord(): Record {
  return { type: 0, crc: 0, dataStart: 0, dataEnd: 0, hasData: false };
}

/** What a length field says; `undefined` if no writer of this format can have made it. */
export function decodeLength(
  bytes: Uint8Array,
  at: number,
): { readonly size: number; readonly padding: number } | undefined {
  const top = bytes[at + 7]!;
  // Sizes beyond 2^32 are far beyond the limit: no need to put them together.
  if (bytes[at + 4] !== 0 || bytes[at + 5] !== 0 || bytes[at + 6] !== 0) return undefined;
  const size = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  const padding = top & 0x07;
  if (top !== 0 && (top !== (0x80 | padding) || padding === 0)) return undefined;
  if (size === 0 || size >= MAX_RECORD_BYTES - padding || (size + padding) % 8 !== 0) return undefined;
  return { size, padding };
}

/**
 * Reads the record in `bytes[start..limit)` and returns where it ends by its own field lengths, or -1 if it is none. Strict: the
 * fields come in order and once, as every writer puts them, so that a flipped bit has little room to hide.
 */
export function decodeRecord(bytes: Uint8Array, start: number, limit: number, record: Record): number {
  let at = start;
  if (limit - at < 4 || bytes[at] !== 0x08) return -1;
  record.type = bytes[at + 1]!;
  if (record.type < RECORD_METADATA || record.type > RECORD_SNAPSHOT || bytes[at + 2] !== 0x10) return -1;
  at += 3;
  at = decodeUint32(bytes, at, limit);
  if (at < 0) return -1;
  record.crc = decoded;
  record.hasData = at < limit && bytes[at] === 0x1a;
  record.dataStart = at;
  record.dataEnd = at;
  if (record.hasData) {
    at = decodeUint32(bytes, at + 1, limit);
    if (at < 0 || decoded > limit - at) return -1;
    record.dataStart = at;
    at += decoded;
    record.dataEnd = at;
  }
  if (record.hasData === (record.type === RECORD_CRC)) return -1;
  return at;
}

// The second result of decodeUint32.
let decoded = 0;

/** Returns the offset behind the varint, or -1. */
function decodeUint32(bytes: Uint8Array, start: number, limit: number): number {
  let value = 0;
  for (let i = 0; i < 5 && start + i < limit; i++) {
    const byte = bytes[start + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      decoded = value;
      // An overlong or oversized number was written by no one.
      return value > 0xffffffff || (i > 0 && byte === 0) ? -1 : start + i + 1;
    }
  }
  return -1;
}

/** The rolling checksum after `record`, given the one before it. */
export function crcAfter(crcBefore: number, bytes: Uint8Array, record: Record): number {
  return crc32c(crcBefore, bytes, record.dataStart, record.dataEnd);
}

export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}
