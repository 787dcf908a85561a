/** One stream of watches, as its client sees it: every response in its order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { EventResponses } from '../../../src/api/v3/event-responses.ts';
import { WatchStream } from '../../../src/api/v3/watch-stream.ts';
import {
  WatchCreateRequestSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/watch_pb.ts';
import { bytes, deleteRequest, FROM_KEY, putRequest, text, txnRequest } from '../../store/mvcc/requests.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';
import { FakeMember } from './support/fake-member.ts';

const PROGRESS_MS = 1000;

class Stream {
  readonly member = new FakeMember();
  readonly call = new FakeStreamCall();
  readonly #stream: WatchStream;
  #read = 0;

  constructor(fragmentBytes = 1_000_000) {
    const { clock, context } = this.member;
    const options = { progressIntervalMs: PROGRESS_MS, fragmentBytes, clock, random: () => 0 };
    this.#stream = new WatchStream(this.call, context, options, new EventResponses());
  }

  watch(key: string, more: MessageInitShape<typeof WatchCreateRequestSchema> = {}): void {
    const value = create(WatchCreateRequestSchema, { key: bytes(key), ...more });
    this.#stream.request(create(WatchRequestSchema, { requestUnion: { case: 'createRequest', value } }));
  }
  cancel(watchId: bigint): void {
    const value = { watchId };
    this.#stream.request(create(WatchRequestSchema, { requestUnion: { case: 'cancelRequest', value } }));
  }
  askProgress(): void {
    this.#stream.request(
      create(WatchRequestSchema, { requestUnion: { case: 'progressRequest', value: {} } }),
    );
  }
  put(key: string, value = '1'): void {
    this.member.v3.kv.put(putRequest(key, value));
  }

  /** What came since the last look: `ID rREVISION words events`. */
  heard(): string[] {
    this.member.deliver();
    const fresh = this.call.written.slice(this.#read);
    this.#read = this.call.written.length;
    return fresh.map(shown);
  }
}

function shown(message: Uint8Array): string {
  const { watchId, header, created, canceled, compactRevision, cancelReason, fragment, events } = fromBinary(
    WatchResponseSchema,
    message,
  );
  const words = [`${watchId} r${header!.revision}`];
  if (created) words.push('created');
  if (canceled) words.push('canceled');
  if (compactRevision !== 0n) words.push(`compacted ${compactRevision}`);
  if (cancelReason !== '') words.push(cancelReason);
  if (fragment) words.push('fragment');
  for (const { type, kv, prevKv } of events) {
    const before = prevKv === undefined ? '' : `(${text(prevKv.value)})`;
    words.push(
      `${type === 0 ? 'put' : 'delete'} ${text(kv!.key)}=${text(kv!.value)}${before}@${kv!.modRevision}`,
    );
  }
  return words.join(' ');
}

test('a watch is created before its events, which come by revision', () => {
  const stream = new Stream();
  stream.put('a');
  stream.put('a', '2');
  stream.watch('a', { startRevision: 2n });
  assert.deepEqual(stream.heard(), ['0 r3 created', '0 r3 put a=1@2 put a=2@3']);
  stream.put('b');
  assert.deepEqual(stream.heard(), []);
  stream.member.v3.kv.deleteRange(deleteRequest('a'));
  assert.deepEqual(stream.heard(), ['0 r5 delete a=@5']);
});

test('previous values and filters', () => {
  const stream = new Stream();
  stream.put('a', 'old');
  stream.watch('a', { prevKv: true });
  stream.watch('a', { filters: [0] });
  stream.watch('a', { filters: [1] });
  stream.put('a', 'new');
  stream.member.v3.kv.deleteRange(deleteRequest('a'));
  assert.deepEqual(stream.heard().sort(), [
    '0 r2 created',
    '0 r4 put a=new(old)@3 delete a=(new)@4',
    '1 r2 created',
    '1 r4 delete a=@4',
    '2 r2 created',
    '2 r4 put a=new@3',
  ]);
});

test('ids: counted up, chosen by the client, refused when taken', () => {
  const stream = new Stream();
  stream.watch('a');
  stream.watch('a', { watchId: 1n });
  stream.watch('a', { watchId: -7n });
  stream.watch('a', { watchId: 1n });
  stream.watch('a');
  assert.deepEqual(stream.heard(), [
    '0 r1 created',
    '1 r1 created',
    '-7 r1 created',
    '-1 r1 created canceled mvcc: duplicate watch ID provided on the WatchStream',
    '2 r1 created',
  ]);
});

test('empty ranges and revisions that can not be', () => {
  const stream = new Stream();
  stream.watch('b', { rangeEnd: bytes('a') });
  stream.watch('b', { rangeEnd: bytes('b') });
  stream.watch('b', { rangeEnd: FROM_KEY });
  stream.watch('b', { startRevision: -1n });
  assert.deepEqual(stream.heard(), [
    '-1 r1 created canceled mvcc: watcher range is empty',
    '-1 r1 created canceled mvcc: watcher range is empty',
    '0 r1 created',
    '-1 r1 created canceled etcdserver: mvcc: required revision has been compacted',
  ]);
});

test('an empty key is the smallest one, and watches from it on when open-ended', () => {
  const stream = new Stream();
  stream.watch('', { rangeEnd: FROM_KEY });
  stream.put('x');
  assert.deepEqual(stream.heard(), ['0 r1 created', '0 r2 put x=1@2']);
});

test('a compacted revision is told after the creation, and ends the watch', () => {
  const stream = new Stream();
  for (let i = 0; i < 5; i++) stream.put('a', String(i));
  stream.member.v3.kv.compact({ revision: 4, physical: false });
  stream.watch('a', { startRevision: 2n });
  assert.deepEqual(stream.heard(), ['0 r6 created', '0 r0 canceled compacted 4']);
  stream.put('a');
  stream.cancel(0n);
  assert.deepEqual(stream.heard(), []);
});

test('after a cancel nothing more is heard of a watch', () => {
  const stream = new Stream();
  stream.watch('a');
  stream.watch('a');
  stream.put('a');
  stream.cancel(0n);
  stream.cancel(0n);
  stream.cancel(99n);
  assert.deepEqual(stream.heard(), ['0 r1 created', '1 r1 created', '0 r2 canceled', '1 r2 put a=1@2']);
});

test('a large revision comes in fragments to who asked for them, whole to others', () => {
  const stream = new Stream(100);
  stream.watch('', { rangeEnd: FROM_KEY, fragment: true });
  stream.watch('', { rangeEnd: FROM_KEY });
  const puts = ['a', 'b', 'c'].map(
    (key) => ({ kind: 'put', request: putRequest(key, key.repeat(40)) }) as const,
  );
  stream.member.v3.kv.txn(txnRequest([], puts));
  const events = ['a', 'b', 'c'].map((key) => `put ${key}=${key.repeat(40)}@2`);
  const heard = stream.heard().slice(2);
  const fragments = heard.filter((line) => line.startsWith('0'));
  assert.deepEqual(fragments, [
    `0 r2 fragment ${events[0]}`,
    `0 r2 fragment ${events[1]}`,
    `0 r2 ${events[2]}`,
  ]);
  assert.deepEqual(
    heard.filter((line) => line.startsWith('1')),
    [`1 r2 ${events.join(' ')}`],
  );
});

test('a client that reads slowly misses nothing, and is sent nothing before it has room', () => {
  const stream = new Stream();
  stream.watch('a');
  stream.call.hasRoom = false;
  stream.put('a', '1');
  assert.deepEqual(stream.heard(), ['0 r1 created', '0 r2 put a=1@2']);
  for (let i = 2; i < 6; i++) stream.put('a', String(i));
  assert.deepEqual(stream.heard(), []);
  stream.call.drain();
  assert.deepEqual(stream.heard(), ['0 r6 put a=2@3 put a=3@4 put a=4@5 put a=5@6']);
});

test('progress is told once every watch has everything, for the whole stream', () => {
  const stream = new Stream();
  stream.watch('a');
  stream.call.hasRoom = false;
  stream.put('a');
  stream.heard();
  stream.put('a');
  stream.askProgress();
  assert.deepEqual(stream.heard(), []);
  stream.call.drain();
  assert.deepEqual(stream.heard(), ['0 r3 put a=1@3']);
  stream.member.clock.advance(1000);
  assert.deepEqual(stream.heard(), ['-1 r3']);
});

test('a quiet watch that wants it is told the revision from time to time', () => {
  const stream = new Stream();
  stream.watch('a', { progressNotify: true });
  stream.watch('b');
  stream.member.clock.advance(PROGRESS_MS);
  assert.deepEqual(stream.heard(), ['0 r1 created', '1 r1 created'], 'its creation was news');
  stream.put('c');
  assert.deepEqual(stream.heard(), []);
  stream.member.clock.advance(PROGRESS_MS);
  assert.deepEqual(stream.heard(), ['0 r2']);
  stream.put('a');
  assert.deepEqual(stream.heard(), ['0 r3 put a=1@3']);
  stream.member.clock.advance(PROGRESS_MS);
  assert.deepEqual(stream.heard(), [], 'events were news');
});

test('when the client has gone its watches have, too', () => {
  const stream = new Stream();
  stream.watch('a', { progressNotify: true });
  stream.heard();
  stream.call.leave();
  assert.equal(stream.member.v3.watches.watchCount, 0);
  stream.put('a');
  stream.member.clock.advance(10 * PROGRESS_MS);
  assert.deepEqual(stream.heard(), []);
});
