/**
 * What the records carry, decoded. A record's type is not covered by its checksum, so these are stricter than protobuf
 * demands: known fields only, in order. A flipped bit in a type then shows as data that does not fit.
 */

import type { Entry, EntryType, HardState } from '../raft/types.ts';
import { BYTES, DecodeError, Reader, tagOf, VARINT } from '../wire/protobuf.ts';
import type { SnapshotMark, WalMetadata } from './record-encoder.ts';

const ENTRY_TYPES: readonly EntryType[] = ['normal', 'conf-change', 'conf-change-v2'];
const NO_DATA: Uint8Array = new Uint8Array(0);
const FIRST = tagOf(1, VARINT);
const SECOND = tagOf(2, VARINT);
const THIRD = tagOf(3, VARINT);
const ENTRY_DATA = tagOf(4, BYTES);
const MARK_CONF_STATE = tagOf(3, BYTES);

/** raftpb.Entry; its data is a view into `bytes`. Throws a DecodeError. */
export function decodeEntry(bytes: Uint8Array, start: number, end: number): Entry {
  const reader = new Reader(bytes, start, end);
  let type = 0;
  let term = 0;
  let index = 0;
  let data: Uint8Array = NO_DATA;
  let last = 0;
  while (!reader.done) {
    const tag = nextTag(reader, last);
    last = tag;
    if (tag === FIRST) type = reader.varint();
    else if (tag === SECOND) term = reader.varint();
    else if (tag === THIRD) index = reader.varint();
    else if (tag === ENTRY_DATA) data = reader.bytes();
    else throw new DecodeError('unknown field in an entry', reader.position);
  }
  const name = ENTRY_TYPES[type];
  if (name === undefined) throw new DecodeError(`unknown entry type ${type}`, end);
  if (term < 1 || index < 1) throw new DecodeError('an entry without term or index', end);
  return { index, term, type: name, data };
}

/** raftpb.HardState. Throws a DecodeError. */
export function decodeState(bytes: Uint8Array, start: number, end: number): HardState {
  const reader = new Reader(bytes, start, end);
  let term = 0;
  let vote = 0n;
  let commit = 0;
  let last = 0;
  while (!reader.done) {
    const tag = nextTag(reader, last);
    last = tag;
    if (tag === FIRST) term = reader.varint();
    else if (tag === SECOND) vote = reader.varintBig();
    else if (tag === THIRD) commit = reader.varint();
    else throw new DecodeError('unknown field in a hard state', reader.position);
  }
  return { term, vote, commit };
}

/** walpb.Snapshot. etcd 3.5 adds the configuration as a third field, which the snapshot itself holds too. Throws a DecodeError. */
export function decodeMark(bytes: Uint8Array, start: number, end: number): SnapshotMark {
  const reader = new Reader(bytes, start, end);
  let index = 0;
  let term = 0;
  let last = 0;
  while (!reader.done) {
    const tag = nextTag(reader, last);
    last = tag;
    if (tag === FIRST) index = reader.varint();
    else if (tag === SECOND) term = reader.varint();
    else if (tag === MARK_CONF_STATE) reader.skip(tag);
    else throw new DecodeError('unknown field in a snapshot mark', reader.position);
  }
  return { index, term };
}

/** etcdserverpb.Metadata. Throws a DecodeError. */
export function decodeMetadata(bytes: Uint8Array, start: number, end: number): WalMetadata {
  const reader = new Reader(bytes, start, end);
  let memberId = 0n;
  let clusterId = 0n;
  let last = 0;
  while (!reader.done) {
    const tag = nextTag(reader, last);
    last = tag;
    if (tag === FIRST) memberId = reader.varintBig();
    else if (tag === SECOND) clusterId = reader.varintBig();
    else throw new DecodeError('unknown field in the metadata', reader.position);
  }
  return { memberId, clusterId };
}

function nextTag(reader: Reader, last: number): number {
  const tag = reader.tag();
  if (tag <= last) throw new DecodeError('fields out of order', reader.position);
  return tag;
}
