/**
 * raftpb as the rest of the program imports it: what stands in the log (raftpb-log.ts), and here the messages between members.
 *
 * raftpb.Message: one message of all fields on the wire, one variant with its own fields in the program.
 *
 *   1 type  2 to  3 from  4 term  5 logTerm  6 index  7 Entry*  8 commit  9 Snapshot  10 reject  11 rejectHint  12 context
 *
 * Which variant means what by a field:
 *   append              logTerm, index = of the entry before; commit          append-response   index, reject, rejectHint, logTerm
 *   vote, pre-vote      logTerm, index = of the last entry; context           vote-response     reject
 *   heartbeat(-response) commit, context                                      propose           entries
 *   read-index          entries[0].data = its context                         read-index-response   index, entries[0].data
 *   transfer-leader     from = who shall lead (so who forwarded it is not told)
 *
 * etcd's types 0, 1, 10, 11, 12 and from 19 on never leave a process: received, they are malformed.
 */
import type { Entry, Message, MessageType, Snapshot } from '../raft/types.ts';
import { BYTES, DecodeError, Reader, tagOf, VARINT, Writer } from './protobuf.ts';
import { readEntry, readSnapshot, writeEntry, writeSnapshot } from './raftpb-log.ts';

export * from './raftpb-log.ts';

const TYPE_NUMBERS: Readonly<Record<MessageType, number>> = {
  propose: 2,
  append: 3,
  'append-response': 4,
  vote: 5,
  'vote-response': 6,
  snapshot: 7,
  heartbeat: 8,
  'heartbeat-response': 9,
  'transfer-leader': 13,
  'timeout-now': 14,
  'read-index': 15,
  'read-index-response': 16,
  'pre-vote': 17,
  'pre-vote-response': 18,
};

const TYPE_NAMES: ReadonlyMap<number, MessageType> = new Map(
  (Object.entries(TYPE_NUMBERS) as [MessageType, number][]).map(([name, number]) => [number, name]),
);

const TAG_TYPE = tagOf(1, VARINT);
const TAG_TO = tagOf(2, VARINT);
const TAG_FROM = tagOf(3, VARINT);
const TAG_TERM = tagOf(4, VARINT);
const TAG_LOG_TERM = tagOf(5, VARINT);
const TAG_INDEX = tagOf(6, VARINT);
const TAG_ENTRY = tagOf(7, BYTES);
const TAG_COMMIT = tagOf(8, VARINT);
const TAG_SNAPSHOT = tagOf(9, BYTES);
const TAG_REJECT = tagOf(10, VARINT);
const TAG_REJECT_HINT = tagOf(11, VARINT);
const TAG_CONTEXT = tagOf(12, BYTES);

const NO_BYTES = new Uint8Array(0);
/** What etcd's candidates write into the context when the leader asked them to campaign. */
const TRANSFER_CONTEXT: Uint8Array = new TextEncoder().encode('CampaignTransfer');
/** Field 9 of every message without a snapshot: nested fields that are zero and yet there. */
const NO_SNAPSHOT_FIELD: Uint8Array = Uint8Array.of(0x4a, 10, 0x12, 8, 0x0a, 2, 0x28, 0, 0x10, 0, 0x18, 0);

const writer = new Writer();

export function encodeMessage(message: Message): Uint8Array {
  writer.discard();
  writeMessage(writer, message);
  return writer.finish();
}

/** The fields of a Message, without a length. */
export function writeMessage(out: Writer, message: Message): void {
  const { type } = message;
  const from = type === 'transfer-leader' ? message.transferee : message.from;
  out.varint32(TAG_TYPE).varint32(TYPE_NUMBERS[type]);
  out.varint32(TAG_TO).varintBig(message.to);
  out.varint32(TAG_FROM).varintBig(from);
  out.varint32(TAG_TERM).varint(message.term);
  switch (type) {
    case 'append':
      writePosition(out, message.previousTerm, message.previousIndex);
      for (const entry of message.entries) writeNestedEntry(out, entry);
      writeRest(out, message.commit, undefined, false, 0, NO_BYTES);
      return;
    case 'append-response':
      writePosition(out, message.hintTerm, message.index);
      writeRest(out, 0, undefined, message.reject, message.rejectHint, NO_BYTES);
      return;
    case 'heartbeat':
      writePosition(out, 0, 0);
      writeRest(out, message.commit, undefined, false, 0, message.context);
      return;
    case 'heartbeat-response':
      writePosition(out, 0, 0);
      writeRest(out, 0, undefined, false, 0, message.context);
      return;
    case 'vote':
    case 'pre-vote':
      writePosition(out, message.lastTerm, message.lastIndex);
      writeRest(out, 0, undefined, false, 0, message.transfer ? TRANSFER_CONTEXT : NO_BYTES);
      return;
    case 'vote-response':
    case 'pre-vote-response':
      writePosition(out, 0, 0);
      writeRest(out, 0, undefined, message.reject, 0, NO_BYTES);
      return;
    case 'snapshot':
      writePosition(out, 0, 0);
      writeRest(out, 0, message.snapshot, false, 0, NO_BYTES);
      return;
    case 'propose':
      writePosition(out, 0, 0);
      for (const { type: entryType, data } of message.entries) {
        writeNestedEntry(out, { type: entryType, data, index: 0, term: 0 });
      }
      writeRest(out, 0, undefined, false, 0, NO_BYTES);
      return;
    case 'read-index':
      writePosition(out, 0, 0);
      writeNestedEntry(out, { type: 'normal', data: message.context, index: 0, term: 0 });
      writeRest(out, 0, undefined, false, 0, NO_BYTES);
      return;
    case 'read-index-response':
      writePosition(out, 0, message.index);
      writeNestedEntry(out, { type: 'normal', data: message.context, index: 0, term: 0 });
      writeRest(out, 0, undefined, false, 0, NO_BYTES);
      return;
    case 'transfer-leader':
    case 'timeout-now':
      writePosition(out, 0, 0);
      writeRest(out, 0, undefined, false, 0, NO_BYTES);
      return;
    default:
      unreachable(type);
  }
}

function writePosition(out: Writer, logTerm: number, index: number): void {
  out.varint32(TAG_LOG_TERM).varint(logTerm);
  out.varint32(TAG_INDEX).varint(index);
}

function writeNestedEntry(out: Writer, entry: Entry): void {
  const mark = out.varint32(TAG_ENTRY).begin();
  writeEntry(out, entry.type, entry.term, entry.index, entry.data);
  out.end(mark);
}

function writeRest(
  out: Writer,
  commit: number,
  snapshot: Snapshot | undefined,
  reject: boolean,
  rejectHint: number,
  context: Uint8Array,
): void {
  out.varint32(TAG_COMMIT).varint(commit);
  if (snapshot === undefined) {
    out.raw(NO_SNAPSHOT_FIELD);
  } else {
    const mark = out.varint32(TAG_SNAPSHOT).begin();
    writeSnapshot(out, snapshot);
    out.end(mark);
  }
  out.varint32(TAG_REJECT).bool(reject);
  out.varint32(TAG_REJECT_HINT).varint(rejectHint);
  if (context.length > 0) out.varint32(TAG_CONTEXT).bytes(context);
}

/** The message in `bytes`; its byte fields and entry data share their memory. Throws a DecodeError. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  let typeNumber = 0;
  let to = 0n;
  let from = 0n;
  let term = 0;
  let logTerm = 0;
  let index = 0;
  const entries: Entry[] = [];
  let commit = 0;
  let snapshot: Snapshot | undefined;
  let reject = false;
  let rejectHint = 0;
  let context: Uint8Array = NO_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case TAG_TYPE:
        typeNumber = reader.varint32();
        break;
      case TAG_TO:
        to = reader.varintBig();
        break;
      case TAG_FROM:
        from = reader.varintBig();
        break;
      case TAG_TERM:
        term = reader.varint();
        break;
      case TAG_LOG_TERM:
        logTerm = reader.varint();
        break;
      case TAG_INDEX:
        index = reader.varint();
        break;
      case TAG_ENTRY: {
        const outer = reader.enter();
        entries.push(readEntry(reader));
        reader.leave(outer);
        break;
      }
      case TAG_COMMIT:
        commit = reader.varint();
        break;
      case TAG_SNAPSHOT: {
        const outer = reader.enter();
        snapshot = readSnapshot(reader);
        reader.leave(outer);
        break;
      }
      case TAG_REJECT:
        reject = reader.bool();
        break;
      case TAG_REJECT_HINT:
        rejectHint = reader.varint();
        break;
      case TAG_CONTEXT:
        context = reader.bytes();
        break;
      default:
        reader.skip(tag);
    }
  }
  const type = TYPE_NAMES.get(typeNumber);
  if (type === undefined) {
    throw new DecodeError(`message type ${typeNumber} is unknown or local`, reader.position);
  }
  const envelope = { from, to, term };
  switch (type) {
    case 'append':
      checkContiguous(entries, index, reader);
      return { type, ...envelope, previousIndex: index, previousTerm: logTerm, entries, commit };
    case 'append-response':
      return { type, ...envelope, index, reject, rejectHint, hintTerm: logTerm };
    case 'heartbeat':
      return { type, ...envelope, commit, context };
    case 'heartbeat-response':
      return { type, ...envelope, context };
    case 'vote':
    case 'pre-vote': {
      const transfer = equalBytes(context, TRANSFER_CONTEXT);
      return { type, ...envelope, lastIndex: index, lastTerm: logTerm, transfer };
    }
    case 'vote-response':
    case 'pre-vote-response':
      return { type, ...envelope, reject };
    case 'snapshot':
      if (snapshot === undefined) throw new DecodeError('snapshot message without one', reader.position);
      return { type, ...envelope, snapshot };
    case 'propose':
      return {
        type,
        ...envelope,
        entries: entries.map(({ type: entryType, data }) => ({ type: entryType, data })),
      };
    case 'read-index':
      return { type, ...envelope, context: onlyData(entries, reader) };
    case 'read-index-response':
      return { type, ...envelope, index, context: onlyData(entries, reader) };
    case 'transfer-leader':
      return { type, ...envelope, transferee: from };
    case 'timeout-now':
      return { type, ...envelope };
    default:
      return unreachable(type);
  }
}

/** Entries of an append follow one another, and their terms never decrease: the core relies on it. */
function checkContiguous(entries: readonly Entry[], previousIndex: number, reader: Reader): void {
  let index = previousIndex;
  let term = 0;
  for (const entry of entries) {
    if (entry.index !== ++index || entry.term < term) {
      throw new DecodeError(`entry ${entry.index} of an append is out of place`, reader.position);
    }
    term = entry.term;
  }
}

function onlyData(entries: readonly Entry[], reader: Reader): Uint8Array {
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw new DecodeError('a read index message carries exactly one entry', reader.position);
  }
  return entry.data;
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

function unreachable(type: never): never {
  throw new TypeError(`unknown message type ${String(type)}`);
}
