/**
 * The raftpb encodings of etcd's log and snapshots, byte for byte as etcd 3.4 and 3.5 write them: proto2 with
 * non-nullable fields, which stand there even when zero; bytes fields stand there only when not empty.
 *
 *   Entry             1 type  2 term  3 index  4 data
 *   HardState         1 term  2 vote  3 commit
 *   ConfState         1 voters*  2 learners*  3 votersOutgoing*  4 learnersNext*  5 autoLeave
 *   SnapshotMetadata  1 ConfState  2 index  3 term
 *   Snapshot          1 data  2 SnapshotMetadata
 *   ConfChange        1 id  2 type  3 nodeId  4 context
 *   ConfChangeV2      1 transition  2 { 1 type  2 nodeId }*  3 context
 *
 * Decoders take fields in any order, unknown fields, and absent fields as zero; what they hand out as bytes shares the
 * input's memory. Malformed input ends in a DecodeError.
 */
import type {
  ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
  Entry,
  EntryType,
  HardState,
  MemberId,
  Snapshot,
  SnapshotMetadata,
} from '../raft/types.ts';
import { BYTES, DecodeError, Reader, tagOf, VARINT, Writer } from './protobuf.ts';

// A position in these tables is the number on the wire.
const ENTRY_TYPES: readonly EntryType[] = ['normal', 'conf-change', 'conf-change-v2'];
const CONF_CHANGE_TYPES: readonly ConfChangeType[] = [
  'add-node',
  'remove-node',
  'update-node',
  'add-learner-node',
];
const TRANSITIONS: readonly ConfChangeTransition[] = ['auto', 'joint-implicit', 'joint-explicit'];

const NO_BYTES = new Uint8Array(0);
const TAG_1 = tagOf(1, VARINT);
const TAG_2 = tagOf(2, VARINT);
const TAG_3 = tagOf(3, VARINT);
const TAG_4 = tagOf(4, VARINT);
const TAG_5 = tagOf(5, VARINT);
const TAG_1_BYTES = tagOf(1, BYTES);
const TAG_2_BYTES = tagOf(2, BYTES);
const TAG_3_BYTES = tagOf(3, BYTES);
const TAG_4_BYTES = tagOf(4, BYTES);

const writer = new Writer();

function fresh(): Writer {
  // Whatever a failed encoding left behind.
  writer.discard();
  return writer;
}

export function encodeEntry(entry: Entry): Uint8Array {
  const out = fresh();
  writeEntry(out, entry.type, entry.term, entry.index, entry.data);
  return out.finish();
}

/** The fields of an Entry, without a length. */
export function writeEntry(
  out: Writer,
  type: EntryType,
  term: number,
  index: number,
  data: Uint8Array,
): void {
  out.varint32(TAG_1).varint32(ENTRY_TYPES.indexOf(type));
  out.varint32(TAG_2).varint(term);
  out.varint32(TAG_3).varint(index);
  if (data.length > 0) out.varint32(TAG_4_BYTES).bytes(data);
}

export function decodeEntry(bytes: Uint8Array): Entry {
  return readEntry(new Reader(bytes));
}

/** Reads an Entry up to the end that the reader is in. */
export function readEntry(reader: Reader): Entry {
  let type: EntryType = 'normal';
  let term = 0;
  let index = 0;
  let data: Uint8Array = NO_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1) type = named(reader, ENTRY_TYPES, 'entry type');
    else if (tag === TAG_2) term = reader.varint();
    else if (tag === TAG_3) index = reader.varint();
    else if (tag === TAG_4_BYTES) data = reader.bytes();
    else reader.skip(tag);
  }
  return { index, term, type, data };
}

export function encodeHardState(state: HardState): Uint8Array {
  const out = fresh();
  out.varint32(TAG_1).varint(state.term);
  out.varint32(TAG_2).varintBig(state.vote);
  out.varint32(TAG_3).varint(state.commit);
  return out.finish();
}

export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new Reader(bytes);
  let term = 0;
  let vote: MemberId = 0n;
  let commit = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1) term = reader.varint();
    else if (tag === TAG_2) vote = reader.varintBig();
    else if (tag === TAG_3) commit = reader.varint();
    else reader.skip(tag);
  }
  return { term, vote, commit };
}

export function encodeConfState(state: ConfState): Uint8Array {
  const out = fresh();
  writeConfState(out, state);
  return out.finish();
}

export function writeConfState(out: Writer, state: ConfState): void {
  for (const id of state.voters) out.varint32(TAG_1).varintBig(id);
  for (const id of state.learners) out.varint32(TAG_2).varintBig(id);
  for (const id of state.votersOutgoing) out.varint32(TAG_3).varintBig(id);
  for (const id of state.learnersNext) out.varint32(TAG_4).varintBig(id);
  out.varint32(TAG_5).bool(state.autoLeave);
}

export function decodeConfState(bytes: Uint8Array): ConfState {
  return readConfState(new Reader(bytes));
}

export function readConfState(reader: Reader): ConfState {
  const voters: MemberId[] = [];
  const learners: MemberId[] = [];
  const votersOutgoing: MemberId[] = [];
  const learnersNext: MemberId[] = [];
  const lists = [voters, learners, votersOutgoing, learnersNext];
  let autoLeave = false;
  while (!reader.done) {
    const tag = reader.tag();
    const list = lists[(tag >>> 3) - 1];
    if (tag === TAG_5) autoLeave = reader.bool();
    else if (list !== undefined && (tag & 7) === VARINT) list.push(reader.varintBig());
    else if (list !== undefined && (tag & 7) === BYTES) readPacked(reader, list);
    else reader.skip(tag);
  }
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

function readPacked(reader: Reader, list: MemberId[]): void {
  const outer = reader.enter();
  while (!reader.done) list.push(reader.varintBig());
  reader.leave(outer);
}

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const out = fresh();
  writeSnapshot(out, snapshot);
  return out.finish();
}

export function writeSnapshot(out: Writer, { data, metadata }: Snapshot): void {
  if (data.length > 0) out.varint32(TAG_1_BYTES).bytes(data);
  const mark = out.varint32(TAG_2_BYTES).begin();
  const confStateMark = out.varint32(TAG_1_BYTES).begin();
  writeConfState(out, metadata.confState);
  out.end(confStateMark);
  out.varint32(TAG_2).varint(metadata.index);
  out.varint32(TAG_3).varint(metadata.term);
  out.end(mark);
}

export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  return readSnapshot(new Reader(bytes));
}

export function readSnapshot(reader: Reader): Snapshot {
  let data: Uint8Array = NO_BYTES;
  let metadata: SnapshotMetadata | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1_BYTES) {
      data = reader.bytes();
    } else if (tag === TAG_2_BYTES) {
      const outer = reader.enter();
      metadata = readSnapshotMetadata(reader);
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  return { data, metadata: metadata ?? readSnapshotMetadata(new Reader(NO_BYTES)) };
}

function readSnapshotMetadata(reader: Reader): SnapshotMetadata {
  let confState: ConfState | undefined;
  let index = 0;
  let term = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1_BYTES) {
      const outer = reader.enter();
      confState = readConfState(reader);
      reader.leave(outer);
    } else if (tag === TAG_2) {
      index = reader.varint();
    } else if (tag === TAG_3) {
      term = reader.varint();
    } else {
      reader.skip(tag);
    }
  }
  return { index, term, confState: confState ?? readConfState(new Reader(NO_BYTES)) };
}

export function encodeConfChange(change: ConfChange): Uint8Array {
  const out = fresh();
  out.varint32(TAG_1).varintBig(change.id);
  out.varint32(TAG_2).varint32(CONF_CHANGE_TYPES.indexOf(change.type));
  out.varint32(TAG_3).varintBig(change.nodeId);
  if (change.context.length > 0) out.varint32(TAG_4_BYTES).bytes(change.context);
  return out.finish();
}

export function decodeConfChange(bytes: Uint8Array): ConfChange {
  const reader = new Reader(bytes);
  let id = 0n;
  let type: ConfChangeType = 'add-node';
  let nodeId: MemberId = 0n;
  let context: Uint8Array = NO_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1) id = reader.varintBig();
    else if (tag === TAG_2) type = named(reader, CONF_CHANGE_TYPES, 'conf change type');
    else if (tag === TAG_3) nodeId = reader.varintBig();
    else if (tag === TAG_4_BYTES) context = reader.bytes();
    else reader.skip(tag);
  }
  return { id, type, nodeId, context };
}

export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  const out = fresh();
  out.varint32(TAG_1).varint32(TRANSITIONS.indexOf(change.transition));
  for (const { type, nodeId } of change.changes) {
    const mark = out.varint32(TAG_2_BYTES).begin();
    out.varint32(TAG_1).varint32(CONF_CHANGE_TYPES.indexOf(type));
    out.varint32(TAG_2).varintBig(nodeId);
    out.end(mark);
  }
  if (change.context.length > 0) out.varint32(TAG_3_BYTES).bytes(change.context);
  return out.finish();
}

/** No bytes at all are the change that leaves a joint configuration. */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  const reader = new Reader(bytes);
  let transition: ConfChangeTransition = 'auto';
  const changes: { type: ConfChangeType; nodeId: MemberId }[] = [];
  let context: Uint8Array = NO_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1) {
      transition = named(reader, TRANSITIONS, 'conf change transition');
    } else if (tag === TAG_2_BYTES) {
      const outer = reader.enter();
      changes.push(readSingleChange(reader));
      reader.leave(outer);
    } else if (tag === TAG_3_BYTES) {
      context = reader.bytes();
    } else {
      reader.skip(tag);
    }
  }
  return { transition, changes, context };
}

function readSingleChange(reader: Reader): { type: ConfChangeType; nodeId: MemberId } {
  let type: ConfChangeType = 'add-node';
  let nodeId: MemberId = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === TAG_1) type = named(reader, CONF_CHANGE_TYPES, 'conf change type');
    else if (tag === TAG_2) nodeId = reader.varintBig();
    else reader.skip(tag);
  }
  return { type, nodeId };
}

function named<T>(reader: Reader, names: readonly T[], what: string): T {
  const number = reader.varint32();
  const name = names[number];
  if (name === undefined) throw new DecodeError(`unknown ${what} ${number}`, reader.position);
  return name;
}
