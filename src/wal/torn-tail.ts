/**
 * Decides what a log that stops being readable inside of its last segment means: a write that a crash interrupted (torn; it was
 * never acknowledged and is cut off), or damage to something that was acknowledged (the member must stop).
 *
 * Facts it builds on: only one write is in flight at a time, and the next starts after it is durable; a disk writes sectors of
 * 512 bytes whole or not at all; unwritten parts of a segment are zero; every write of ours begins with a crc record.
 *
 *   | write 1             | write 2             | write 3 (the last)       | zeros
 *   | crc | entry | state | crc | entry | entry | crc | entry | 0000 | state |
 *            ^ unreadable here: write 2 follows       ^ unreadable here: torn, if a sector of it is zero
 *              -> damage
 *
 * etcd, which has no such crc records, decides by the zero sector alone; so do we for segments it wrote.
 */

import {
  crcAfter,
  decodeLength,
  decodeRecord,
  emptyRecord,
  FRAME_BYTES,
  isZero,
  RECORD_CRC,
  type Record,
} from './record.ts';
import type { ScanStop } from './segment-scan.ts';

export const SECTOR_BYTES = 512;

/**
 * `rest` is the segment from `offset`, where reading stopped as `stop` says, to its end; `crc` is the rolling checksum so far.
 * Returns undefined for a torn write, else a clause that says why it is damage.
 */
export function judgeTail(
  stop: Exclude<ScanStop, 'end'>,
  rest: Uint8Array,
  offset: number,
  crc: number | undefined,
): string | undefined {
  const later = findLaterWrite(rest);
  if (later !== undefined) {
    return `${describe(stop)}, and a later write follows at byte ${offset + later}`;
  }
  const sectorEnd = Math.min(rest.length, SECTOR_BYTES - (offset % SECTOR_BYTES));
  // The length alone may lie in a sector that was lost, and the record behind it in one that was not.
  const sectorLost = isZero(rest, 0, sectorEnd);
  if (!sectorLost && crc !== undefined && hasWrongLength(rest, crc)) return 'the length of a record is wrong';
  switch (stop) {
    case 'bad-length':
      return describe(stop);
    case 'short':
      return undefined;
    case 'zero-length':
      return sectorLost ? undefined : 'a record has no length';
    case 'bad-record': {
      const length = decodeLength(rest, 0)!;
      return hasZeroSector(rest, offset, FRAME_BYTES + length.size + length.padding)
        ? undefined
        : describe(stop);
    }
  }
}

export function describe(stop: Exclude<ScanStop, 'end'>): string {
  switch (stop) {
    case 'bad-length':
      return 'the length of a record is impossible';
    case 'short':
      return 'a record goes beyond the end of the file';
    case 'zero-length':
      return 'a record has no length';
    case 'bad-record':
      return 'the checksum of a record does not match';
  }
}

/** A frame's sectors, the first without its length field: a sector that never reached the disk is zero. */
function hasZeroSector(rest: Uint8Array, offset: number, end: number): boolean {
  for (let at = FRAME_BYTES; at < end; ) {
    const next = Math.min(end, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (isZero(rest, at, next)) return true;
    at = next;
  }
  return false;
}

/** True if the record at the start is intact by its own field lengths, but the frame's length says something else. */
function hasWrongLength(rest: Uint8Array, crc: number): boolean {
  const record = emptyRecord();
  const end = decodeRecord(rest, FRAME_BYTES, rest.length, record);
  // A length that agrees is not what is wrong here: the padding may be missing.
  if (end < 0 || end === FRAME_BYTES + (decodeLength(rest, 0)?.size ?? 0)) return false;
  return record.type === RECORD_CRC ? record.crc === crc : crcAfter(crc, rest, record) === record.crc;
}

/** Where a crc record stands behind the start whose successor's checksum continues it. */
function findLaterWrite(rest: Uint8Array): number | undefined {
  const boundary = emptyRecord();
  const next = emptyRecord();
  for (let at = 8; at + 2 * FRAME_BYTES <= rest.length; at += 8) {
    if (rest[at] === 0 || rest[at + FRAME_BYTES] !== 0x08 || rest[at + FRAME_BYTES + 1] !== RECORD_CRC) {
      continue;
    }
    const behind = decodeFrame(rest, at, boundary);
    if (behind < 0 || decodeFrame(rest, behind, next) < 0 || next.type === RECORD_CRC) continue;
    if (crcAfter(boundary.crc, rest, next) === next.crc) return at;
  }
  return undefined;
}

/** Returns where the frame at `at` ends, or -1. */
function decodeFrame(rest: Uint8Array, at: number, record: Record): number {
  if (at + FRAME_BYTES > rest.length) return -1;
  const length = decodeLength(rest, at);
  if (length === undefined) return -1;
  const end = at + FRAME_BYTES + length.size;
  if (end + length.padding > rest.length) return -1;
  return decodeRecord(rest, at + FRAME_BYTES, end, record) === end ? end + length.padding : -1;
}
