/**
 * The requests of KV, Lease and Maintenance that go through the log, and etcd's encoding of them: fields in the order of their numbers, defaults left out.
 *
 * Decoded keys and values are views of the bytes they came from. Who keeps a request longer than those bytes are valid decodes `ownCopy(bytes)`.
 * Numbers beyond the safe integers are taken as the nearest safe one: no revision, version or TTL ever gets there, so they compare the same.
 * Whatever is malformed ends in a DecodeError; unknown fields are skipped.
 */
import { BYTES, Reader, tagOf, VARINT, Writer } from '../protobuf.ts';
import type {
  AlarmRequest,
  CompactionRequest,
  DeleteRangeRequest,
  LeaseCheckpoint,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
} from './kv-types.ts';

const EMPTY: Uint8Array = new Uint8Array(0);
const slab = new Writer();

/** A copy that shares its allocation with other short-lived ones. */
export function ownCopy(bytes: Uint8Array): Uint8Array {
  return slab.raw(bytes).finish();
}

const KEY = tagOf(1, BYTES);
const VALUE = tagOf(2, BYTES);
const RANGE_END = tagOf(2, BYTES);

export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPutRequest(new Reader(bytes));
}

/** Reads to the end of the reader's message. */
export function readPutRequest(reader: Reader): PutRequest {
  let key = EMPTY;
  let value = EMPTY;
  let lease = 0n;
  let prevKv = false;
  let ignoreValue = false;
  let ignoreLease = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === KEY) key = reader.bytes();
    else if (tag === VALUE) value = reader.bytes();
    else if (tag === tagOf(3, VARINT)) lease = reader.varintBigSigned();
    else if (tag === tagOf(4, VARINT)) prevKv = reader.bool();
    else if (tag === tagOf(5, VARINT)) ignoreValue = reader.bool();
    else if (tag === tagOf(6, VARINT)) ignoreLease = reader.bool();
    else reader.skip(tag);
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function writePutRequest(writer: Writer, request: PutRequest): void {
  writeBytes(writer, 1, request.key);
  writeBytes(writer, 2, request.value);
  writeBig(writer, 3, request.lease);
  writeBool(writer, 4, request.prevKv);
  writeBool(writer, 5, request.ignoreValue);
  writeBool(writer, 6, request.ignoreLease);
}

export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRangeRequest(new Reader(bytes));
}

/** Reads to the end of the reader's message. */
export function readRangeRequest(reader: Reader): RangeRequest {
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let limit = 0;
  let revision = 0;
  let sortOrder = 0;
  let sortTarget = 0;
  let serializable = false;
  let keysOnly = false;
  let countOnly = false;
  let minModRevision = 0;
  let maxModRevision = 0;
  let minCreateRevision = 0;
  let maxCreateRevision = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === KEY) key = reader.bytes();
    else if (tag === RANGE_END) rangeEnd = reader.bytes();
    else if (tag === tagOf(3, VARINT)) limit = reader.varintClamped();
    else if (tag === tagOf(4, VARINT)) revision = reader.varintClamped();
    else if (tag === tagOf(5, VARINT)) sortOrder = reader.varint32();
    else if (tag === tagOf(6, VARINT)) sortTarget = reader.varint32();
    else if (tag === tagOf(7, VARINT)) serializable = reader.bool();
    else if (tag === tagOf(8, VARINT)) keysOnly = reader.bool();
    else if (tag === tagOf(9, VARINT)) countOnly = reader.bool();
    else if (tag === tagOf(10, VARINT)) minModRevision = reader.varintClamped();
    else if (tag === tagOf(11, VARINT)) maxModRevision = reader.varintClamped();
    else if (tag === tagOf(12, VARINT)) minCreateRevision = reader.varintClamped();
    else if (tag === tagOf(13, VARINT)) maxCreateRevision = reader.varintClamped();
    else reader.skip(tag);
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

export function writeRangeRequest(writer: Writer, request: RangeRequest): void {
  writeBytes(writer, 1, request.key);
  writeBytes(writer, 2, request.rangeEnd);
  writeNumber(writer, 3, request.limit);
  writeNumber(writer, 4, request.revision);
  writeNumber(writer, 5, request.sortOrder);
  writeNumber(writer, 6, request.sortTarget);
  writeBool(writer, 7, request.serializable);
  writeBool(writer, 8, request.keysOnly);
  writeBool(writer, 9, request.countOnly);
  writeNumber(writer, 10, request.minModRevision);
  writeNumber(writer, 11, request.maxModRevision);
  writeNumber(writer, 12, request.minCreateRevision);
  writeNumber(writer, 13, request.maxCreateRevision);
}

export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRangeRequest(new Reader(bytes));
}

/** Reads to the end of the reader's message. */
export function readDeleteRangeRequest(reader: Reader): DeleteRangeRequest {
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let prevKv = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === KEY) key = reader.bytes();
    else if (tag === RANGE_END) rangeEnd = reader.bytes();
    else if (tag === tagOf(3, VARINT)) prevKv = reader.bool();
    else reader.skip(tag);
  }
  return { key, rangeEnd, prevKv };
}

export function writeDeleteRangeRequest(writer: Writer, request: DeleteRangeRequest): void {
  writeBytes(writer, 1, request.key);
  writeBytes(writer, 2, request.rangeEnd);
  writeBool(writer, 3, request.prevKv);
}

export function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  const reader = new Reader(bytes);
  let revision = 0;
  let physical = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) revision = reader.varintClamped();
    else if (tag === tagOf(2, VARINT)) physical = reader.bool();
    else reader.skip(tag);
  }
  return { revision, physical };
}

export function writeCompactionRequest(writer: Writer, request: CompactionRequest): void {
  writeNumber(writer, 1, request.revision);
  writeBool(writer, 2, request.physical);
}

export function decodeLeaseGrantRequest(bytes: Uint8Array): LeaseGrantRequest {
  const reader = new Reader(bytes);
  let ttl = 0;
  let id = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) ttl = reader.varintClamped();
    else if (tag === tagOf(2, VARINT)) id = reader.varintBigSigned();
    else reader.skip(tag);
  }
  return { ttl, id };
}

export function writeLeaseGrantRequest(writer: Writer, request: LeaseGrantRequest): void {
  writeNumber(writer, 1, request.ttl);
  writeBig(writer, 2, request.id);
}

/** etcdserverpb.LeaseRevokeRequest. */
export function decodeLeaseRevokeRequest(bytes: Uint8Array): LeaseRevokeRequest {
  const reader = new Reader(bytes);
  let id = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) id = reader.varintBigSigned();
    else reader.skip(tag);
  }
  return { id };
}

export function writeLeaseRevokeRequest(writer: Writer, request: LeaseRevokeRequest): void {
  writeBig(writer, 1, request.id);
}

/** etcdserverpb.LeaseCheckpointRequest. */
export function decodeLeaseCheckpointRequest(bytes: Uint8Array): LeaseCheckpoint[] {
  const reader = new Reader(bytes);
  const checkpoints: LeaseCheckpoint[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag !== tagOf(1, BYTES)) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    let id = 0n;
    let remainingTtl = 0;
    while (!reader.done) {
      const inner = reader.tag();
      if (inner === tagOf(1, VARINT)) id = reader.varintBigSigned();
      else if (inner === tagOf(2, VARINT)) remainingTtl = reader.varintClamped();
      else reader.skip(inner);
    }
    reader.leave(outer);
    checkpoints.push({ id, remainingTtl });
  }
  return checkpoints;
}

export function writeLeaseCheckpointRequest(writer: Writer, checkpoints: readonly LeaseCheckpoint[]): void {
  for (const each of checkpoints) {
    writer.tag(1, BYTES);
    const mark = writer.begin();
    writeBig(writer, 1, each.id);
    writeNumber(writer, 2, each.remainingTtl);
    writer.end(mark);
  }
}

export function decodeAlarmRequest(bytes: Uint8Array): AlarmRequest {
  const reader = new Reader(bytes);
  let action = 0;
  let memberId = 0n;
  let alarm = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) action = reader.varint32();
    else if (tag === tagOf(2, VARINT)) memberId = reader.varintBig();
    else if (tag === tagOf(3, VARINT)) alarm = reader.varint32();
    else reader.skip(tag);
  }
  return { action, memberId, alarm };
}

export function writeAlarmRequest(writer: Writer, request: AlarmRequest): void {
  writeNumber(writer, 1, request.action);
  writeBig(writer, 2, request.memberId);
  writeNumber(writer, 3, request.alarm);
}

/** A field of protobuf version 3 is written unless it has its default. */
export function writeBytes(writer: Writer, field: number, value: Uint8Array): void {
  if (value.length > 0) writer.tag(field, BYTES).bytes(value);
}

export function writeNumber(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.tag(field, VARINT).varint(value);
}

export function writeBig(writer: Writer, field: number, value: bigint): void {
  if (value !== 0n) writer.tag(field, VARINT).varintBig(value);
}

export function writeBool(writer: Writer, field: number, value: boolean): void {
  if (value) writer.tag(field, VARINT).bool(true);
}
