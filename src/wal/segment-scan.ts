/**
 * Reads one segment from its start, record by record, in pieces of half a megabyte: between two pieces the event loop turns.
 * Stops at the first byte that is no record and says how it looks there; what that means is for others to judge.
 */

import type { DiskFile } from '../ports/disk.ts';
import { DecodeError } from '../wire/protobuf.ts';
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

const PIECE_BYTES = 512 * 1024;

/** How a segment ends. */
export type ScanStop =
  /** The file ends, or only zeros follow. */
  | 'end'
  /** A length of zero with something else further on. */
  | 'zero-length'
  /** A length that no writer can have made. */
  | 'bad-length'
  /** The file ends inside of a frame. */
  | 'short'
  /** A whole frame, but no record in it, or its checksum does not match. */
  | 'bad-record';

export interface ScanEnd {
  readonly stop: ScanStop;
  /** Where the last good record ends. */
  readonly offset: number;
  readonly size: number;
  /** The rolling checksum at `offset`; undefined if there was no record at all. */
  readonly crc: number | undefined;
}

/**
 * Called for each good record with where its frame starts. The bytes stay valid and are not written again. Throws a
 * DecodeError, or returns a clause, if the record's content cannot be.
 */
export type RecordVisitor = (record: Record, bytes: Uint8Array, offset: number) => string | undefined;

/** The content of a good record is impossible. */
export interface ScanRefusal {
  readonly refused: string;
  readonly offset: number;
}

export async function scanSegment(
  file: DiskFile,
  crcBefore: number | undefined,
  visit: RecordVisitor,
): Promise<ScanEnd | ScanRefusal> {
  const size = await file.size();
  const record = emptyRecord();
  let crc = crcBefore;
  let offset = 0;
  // The piece in memory holds the file's bytes from `base` on.
  let piece: Uint8Array = new Uint8Array(0);
  let base = 0;

  const load = async (needed: number): Promise<boolean> => {
    if (offset + needed > size) return false;
    if (offset + needed <= base + piece.length) return true;
    const length = Math.min(size - offset, Math.max(needed, PIECE_BYTES));
    const next = new Uint8Array(length);
    const kept = piece.subarray(offset - base);
    next.set(kept);
    const got = await file.read(next.subarray(kept.length), offset + kept.length);
    piece = next.subarray(0, kept.length + got);
    base = offset;
    return piece.length >= needed;
  };

  while (true) {
    if (offset === size) return { stop: 'end', offset, size, crc };
    if (!(await loaded(FRAME_BYTES))) return { stop: 'short', offset, size, crc };
    const start = offset - base;
    if (isZero(piece, start, start + FRAME_BYTES)) {
      const stop = (await onlyZeros(file, offset, size)) ? 'end' : 'zero-length';
      return { stop, offset, size, crc };
    }
    const length = decodeLength(piece, start);
    if (length === undefined) return { stop: 'bad-length', offset, size, crc };
    const frame = FRAME_BYTES + length.size + length.padding;
    if (!(await loaded(frame))) return { stop: 'short', offset, size, crc };
    const from = offset - base + FRAME_BYTES;
    const to = from + length.size;
    if (decodeRecord(piece, from, to, record) !== to || !isZero(piece, to, to + length.padding)) {
      return { stop: 'bad-record', offset, size, crc };
    }
    if (record.type === RECORD_CRC) {
      // The first one read tells where the chain stands.
      if (crc !== undefined && crc !== record.crc) return { stop: 'bad-record', offset, size, crc };
      crc = record.crc;
    } else {
      if (crc === undefined) return { stop: 'bad-record', offset, size, crc };
      const after = crcAfter(crc, piece, record);
      if (after !== record.crc) return { stop: 'bad-record', offset, size, crc };
      crc = after;
    }
    const refused = visited(visit, record, piece, offset);
    if (refused !== undefined) return { refused, offset };
    offset += frame;
  }

  // Without a promise for the many records that are in memory already.
  function loaded(needed: number): boolean | Promise<boolean> {
    return offset + needed <= base + piece.length ? true : load(needed);
  }
}

function visited(
  visit: RecordVisitor,
  record: Record,
  bytes: Uint8Array,
  offset: number,
): string | undefined {
  try {
    return visit(record, bytes, offset);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

async function onlyZeros(file: DiskFile, from: number, size: number): Promise<boolean> {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, size - from));
  for (let at = from; at < size; ) {
    const got = await file.read(piece, at);
    if (!isZero(piece, 0, got)) return false;
    if (got === 0) return true;
    at += got;
  }
  return true;
}
