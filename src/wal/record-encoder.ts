/**
 * Encodes records back to back into one reusable buffer and carries the rolling checksum. The hot path of every write:
 * entries go from their own bytes into the buffer with one copy, without an intermediate message.
 */

import type { Entry, EntryType, HardState } from '../raft/types.ts';
import { crc32c } from '../wire/crc32c.ts';
import { Writer } from '../wire/protobuf.ts';
import { encodeHardState } from '../wire/raftpb.ts';
import {
  FRAME_BYTES,
  MAX_RECORD_BYTES,
  RECORD_CRC,
  RECORD_ENTRY,
  RECORD_METADATA,
  RECORD_SNAPSHOT,
  RECORD_STATE,
} from './record.ts';

const INITIAL_BYTES = 256 * 1024;
/** A buffer that one huge batch made larger than this is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** Frame, type, crc, data's tag and length at their longest, padding. */
const OVERHEAD_BYTES = FRAME_BYTES + 2 + 6 + 6 + 8;

// raftpb.EntryType
const ENTRY_TYPE_NUMBER: { readonly [type in EntryType]: number } = {
  normal: 0,
  'conf-change': 1,
  'conf-change-v2': 2,
};

export interface WalMetadata {
  readonly memberId: bigint;
  readonly clusterId: bigint;
}

/** Where a snapshot lies in the log. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
}

export class RecordEncoder {
  #buffer: Uint8Array = new Uint8Array(INITIAL_BYTES);
  #spare: Uint8Array | undefined = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  #crc: number;
  /** The fields of an entry in front of its data. */
  readonly #head = new Uint8Array(32);

  constructor(crc: number) {
    this.#crc = crc;
  }

  /** Bytes waiting in the buffer. */
  get length(): number {
    return this.#length;
  }

  get crc(): number {
    return this.#crc;
  }

  /** What is waiting, without taking it. Later records do not change these bytes. */
  peek(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Takes what is waiting. Encoding goes on in another buffer; give the bytes back with `recycle` once they are written. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = this.#spare ?? new Uint8Array(INITIAL_BYTES);
    this.#spare = undefined;
    this.#length = 0;
    return bytes;
  }

  recycle(bytes: Uint8Array): void {
    if (bytes.buffer.byteLength <= KEPT_BYTES) this.#spare = new Uint8Array(bytes.buffer);
  }

  crcRecord(): void {
    this.#frame(RECORD_CRC, 0, false);
  }

  metadata(metadata: WalMetadata): void {
    this.#small(RECORD_METADATA, encodeMetadata(metadata));
  }

  state(state: HardState): void {
    this.#small(RECORD_STATE, encodeHardState(state));
  }

  snapshotMark(mark: SnapshotMark): void {
    this.#small(RECORD_SNAPSHOT, encodeMark(mark));
  }

  /** raftpb.Entry { type = 1; term = 2; index = 3; data = 4, left out when empty }. Throws a RangeError for an entry that no reader would accept. */
  entry(entry: Entry): void {
    const head = this.#head;
    const data = entry.data;
    head[0] = 0x08;
    head[1] = ENTRY_TYPE_NUMBER[entry.type];
    head[2] = 0x10;
    let at = putVarint(head, 3, entry.term);
    head[at++] = 0x18;
    at = putVarint(head, at, entry.index);
    if (data.length > 0) {
      head[at++] = 0x22;
      at = putVarint(head, at, data.length);
    }
    const length = at + data.length;
    if (length + OVERHEAD_BYTES >= MAX_RECORD_BYTES) {
      throw new RangeError(`entry ${entry.index} of ${data.length} bytes is too large for the log`);
    }
    this.#crc = crc32c(crc32c(this.#crc, head, 0, at), data);
    const start = this.#frame(RECORD_ENTRY, length, true);
    const buffer = this.#buffer;
    for (let i = 0; i < at; i++) buffer[start + i] = head[i]!;
    buffer.set(data, start + at);
  }

  #small(type: number, data: Uint8Array): void {
    this.#crc = crc32c(this.#crc, data);
    this.#buffer.set(data, this.#frame(type, data.length, true));
  }

  /** Writes everything of a record but its data and returns where that goes. The checksum must include the data already. */
  #frame(type: number, dataLength: number, hasData: boolean): number {
    this.#reserve(dataLength + OVERHEAD_BYTES);
    const buffer = this.#buffer;
    const start = this.#length;
    let at = start + FRAME_BYTES;
    buffer[at++] = 0x08;
    buffer[at++] = type;
    buffer[at++] = 0x10;
    at = putVarint(buffer, at, this.#crc);
    if (hasData) {
      buffer[at++] = 0x1a;
      at = putVarint(buffer, at, dataLength);
    }
    const size = at - start - FRAME_BYTES + dataLength;
    const padding = (8 - (size % 8)) % 8;
    buffer[start] = size;
    buffer[start + 1] = size >>> 8;
    buffer[start + 2] = size >>> 16;
    buffer[start + 3] = size >>> 24;
    buffer[start + 4] = 0;
    buffer[start + 5] = 0;
    buffer[start + 6] = 0;
    buffer[start + 7] = padding === 0 ? 0 : 0x80 | padding;
    const end = start + FRAME_BYTES + size;
    for (let i = 0; i < padding; i++) buffer[end + i] = 0;
    this.#length = end + padding;
    return at;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#length + count, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** etcdserverpb.Metadata { NodeID = 1; ClusterID = 2 }. */
export function encodeMetadata(metadata: WalMetadata): Uint8Array {
  const writer = new Writer(32);
  writer.tag(1, 0).varintBig(metadata.memberId);
  writer.tag(2, 0).varintBig(metadata.clusterId);
  return writer.finish();
}

const small = new Writer();

/** walpb.Snapshot { index = 1; term = 2 }. */
function encodeMark(mark: SnapshotMark): Uint8Array {
  small.tag(1, 0).varint(mark.index);
  small.tag(2, 0).varint(mark.term);
  return small.finish();
}

function putVarint(buffer: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest > 0x7fffffff) {
    buffer[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}
