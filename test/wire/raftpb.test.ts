import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';
import type { ConfState, Entry, Message, Snapshot } from '../../src/raft/types.ts';
import { DecodeError } from '../../src/wire/protobuf.ts';
import * as raftpb from '../../src/wire/raftpb.ts';
import {
  anyConfChange,
  anyConfChangeV2,
  anyConfState,
  anyEntry,
  anyHardState,
  anyMessage,
  anySnapshot,
} from '../raft/arbitraries.ts';
import { fc } from '../support/fast-check.ts';

/** An independent implementation of Protocol Buffers, given every field that etcd writes. */
const root = protobuf.loadSync(join(import.meta.dirname, '../../proto/raftpb.proto'));

function encodeByOracle(type: string, fields: Record<string, unknown>): Buffer {
  const Type = root.lookupType(`raftpb.${type}`);
  return Buffer.from(Type.encode(Type.fromObject(withoutEmptyBytes(fields) as object)).finish());
}

/** 64-bit numbers as text, enum names in the .proto's spelling; empty bytes left out. */
function withoutEmptyBytes(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString();
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutEmptyBytes);
  const kept = Object.entries(value).filter(([, one]) => !(one instanceof Uint8Array && one.length === 0));
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutEmptyBytes(one)]));
}

function enumName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function entryFields(entry: Pick<Entry, 'type' | 'data'> & Partial<Entry>): Record<string, unknown> {
  return {
    type: enumName(entry.type),
    term: entry.term ?? 0,
    index: entry.index ?? 0,
    data: entry.data,
  };
}

function snapshotFields({ data, metadata }: Snapshot): Record<string, unknown> {
  return { data, metadata };
}

const EMPTY: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const CAMPAIGN_TRANSFER = new TextEncoder().encode('CampaignTransfer');

/** What stands where in raftpb.Message, written a second time and with other means. */
function messageFields(message: Message): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    own[name] = value;
  };
  if ('entries' in message) put('entries', message.entries.map(entryFields));
  if (message.type === 'read-index' || message.type === 'read-index-response') {
    put('entries', [entryFields({ type: 'normal', data: message.context })]);
  } else if ('context' in message) {
    put('context', message.context);
  }
  if ('commit' in message) put('commit', message.commit);
  if ('index' in message) put('index', message.index);
  if ('previousIndex' in message) {
    put('index', message.previousIndex);
    put('logTerm', message.previousTerm);
  }
  if ('lastIndex' in message) {
    put('index', message.lastIndex);
    put('logTerm', message.lastTerm);
    if (message.transfer) put('context', CAMPAIGN_TRANSFER);
  }
  if ('hintTerm' in message) {
    put('logTerm', message.hintTerm);
    put('rejectHint', message.rejectHint);
  }
  if ('reject' in message) put('reject', message.reject);
  if ('snapshot' in message) put('snapshot', snapshotFields(message.snapshot));
  return {
    type: enumName(message.type),
    to: message.to,
    from: message.from,
    term: message.term,
    logTerm: 0,
    index: 0,
    commit: 0,
    snapshot: { metadata: { confState: EMPTY, index: 0, term: 0 } },
    reject: false,
    rejectHint: 0,
    ...own,
  };
}

/** Values whose byte arrays compare as Buffers do. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

function checkCodec<T>(
  type: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
  fields: (value: T) => Record<string, unknown>,
): void {
  it(`encodes ${type} as an independent implementation does, and reads it back`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        assert.equal(Buffer.from(bytes).toString('hex'), encodeByOracle(type, fields(value)).toString('hex'));
        assert.deepEqual(plain(decode(bytes)), plain(value));
      }),
      { numRuns: 300 },
    );
  });

  it(`answers damaged ${type} with a DecodeError or a value, never otherwise`, () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (value, at, byte, length) => {
        const bytes = Buffer.from(encode(value));
        if (bytes.length === 0) return;
        bytes[at % bytes.length] = byte;
        try {
          decode(bytes.subarray(0, length % (bytes.length + 1)));
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
}

describe('raftpb', () => {
  checkCodec('Entry', anyEntry, raftpb.encodeEntry, raftpb.decodeEntry, entryFields);
  checkCodec('HardState', anyHardState, raftpb.encodeHardState, raftpb.decodeHardState, (state) => ({
    ...state,
  }));
  checkCodec('ConfState', anyConfState, raftpb.encodeConfState, raftpb.decodeConfState, (state) => ({
    ...state,
  }));
  checkCodec('Snapshot', anySnapshot, raftpb.encodeSnapshot, raftpb.decodeSnapshot, snapshotFields);
  checkCodec('ConfChange', anyConfChange, raftpb.encodeConfChange, raftpb.decodeConfChange, (change) => ({
    ...change,
    type: enumName(change.type),
  }));
  checkCodec(
    'ConfChangeV2',
    anyConfChangeV2,
    raftpb.encodeConfChangeV2,
    raftpb.decodeConfChangeV2,
    (change) => ({
      transition: enumName(change.transition),
      changes: change.changes.map(({ type, nodeId }) => ({ type: enumName(type), nodeId })),
      context: change.context,
    }),
  );
  checkCodec('Message', anyMessage, raftpb.encodeMessage, raftpb.decodeMessage, messageFields);

  it('writes what a real etcd 3.4.23 was seen to write', () => {
    const one = 3153101805118352275n;
    const two = 11422550754639140405n;
    const vote: Message = {
      type: 'vote',
      from: one,
      to: two,
      term: 2,
      lastIndex: 2,
      lastTerm: 1,
      transfer: false,
    };
    const seenVote =
      '080510b5ac8bf9c5acc3c29e011893d7e3d5acac84e12b20022801300240004a0a12080a0228001000180050005800';
    assert.equal(Buffer.from(raftpb.encodeMessage(vote)).toString('hex'), seenVote);
    const seenPreVote = seenVote.replace('0805', '0811');
    assert.deepEqual(raftpb.decodeMessage(Buffer.from(seenPreVote, 'hex')), { ...vote, type: 'pre-vote' });

    const member = '{"id":3153101805118352275,"peerURLs":["http://127.0.0.1:24791"],"name":"one"}';
    const change = { id: 0n, type: 'add-node', nodeId: one, context: Buffer.from(member) } as const;
    const entry: Entry = {
      index: 1,
      term: 1,
      type: 'conf-change',
      data: raftpb.encodeConfChange(change),
    };
    assert.equal(
      Buffer.from(raftpb.encodeEntry(entry)).toString('hex'),
      `080110011801225d080010001893d7e3d5acac84e12b224d${Buffer.from(member).toString('hex')}`,
    );
    const emptyEntry: Entry = { index: 2, term: 2, type: 'normal', data: new Uint8Array(0) };
    assert.equal(Buffer.from(raftpb.encodeEntry(emptyEntry)).toString('hex'), '080010021802');
    assert.equal(
      Buffer.from(raftpb.encodeHardState({ term: 2, vote: one, commit: 3 })).toString('hex'),
      '08021093d7e3d5acac84e12b1803',
    );
  });

  it('reads packed ids, absent fields and unknown fields', () => {
    const packed = Uint8Array.of(0x0a, 3, 1, 0x80, 1, 0x98, 6, 7);
    assert.deepEqual(raftpb.decodeConfState(packed), { ...EMPTY, voters: [1n, 128n] });
    assert.deepEqual(raftpb.decodeHardState(new Uint8Array(0)), { term: 0, vote: 0n, commit: 0 });
  });

  it('refuses messages that never leave a process, and appends with gaps', () => {
    for (const local of [0, 1, 10, 11, 12, 19, 23, 99]) {
      assert.throws(() => raftpb.decodeMessage(Uint8Array.of(0x08, local)), /unknown or local/);
    }
    const append = raftpb.encodeMessage({
      type: 'append',
      from: 1n,
      to: 2n,
      term: 1,
      previousIndex: 4,
      previousTerm: 1,
      entries: [{ index: 6, term: 1, type: 'normal', data: new Uint8Array(0) }],
      commit: 0,
    });
    assert.throws(() => raftpb.decodeMessage(append), /out of place/);
  });
});
