/** Ranges: small ones at once, large ones in slices of one revision, streams as fast as their client reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { KvService } from '../../../src/api/v3/kv-service.ts';
import {
  RangeRequestSchema,
  type RangeResponse,
  RangeResponseSchema,
  RangeStreamResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { bytes, FROM_KEY, putRequest } from '../../store/mvcc/requests.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';
import { answerOf, ended, failureOf, Methods } from './support/calls.ts';
import { FakeMember } from './support/fake-member.ts';

const VALUE_BYTES = 10_000;
const KEYS = 300;

class Ranges {
  readonly member = new FakeMember();
  readonly #methods: Methods;

  constructor(keys = KEYS) {
    const options = { maxTxnOperations: 128, maxRequestBytes: 1_500_000 };
    this.#methods = new Methods(new KvService(this.member.context, options).methods());
    for (let i = 0; i < keys; i++) this.put(`k${String(i).padStart(5, '0')}`);
  }

  put(key: string): void {
    this.member.v3.kv.put(putRequest(key, key.repeat(VALUE_BYTES / key.length)));
  }
  range(fields: MessageInitShape<typeof RangeRequestSchema> = {}): FakeStreamCall {
    return this.#methods.call('/etcdserverpb.KV/Range', RangeRequestSchema, { ...ALL, ...fields });
  }
  stream(
    fields: MessageInitShape<typeof RangeRequestSchema> = {},
    call = new FakeStreamCall(),
  ): FakeStreamCall {
    return this.#methods.call(
      '/etcdserverpb.KV/RangeStream',
      RangeRequestSchema,
      { ...ALL, ...fields },
      call,
    );
  }
}

const ALL = { key: bytes('k'), rangeEnd: FROM_KEY };

/** What a stream's messages come to, as clients put them together. */
function joined(call: FakeStreamCall): Pick<RangeResponse, 'kvs' | 'more' | 'count' | 'header'> {
  const parts = call.written.map(
    (message) => fromBinary(RangeStreamResponseSchema, Uint8Array.from(message)).rangeResponse!,
  );
  const last = parts.at(-1)!;
  for (const part of parts.slice(0, -1)) {
    assert.equal(part.header, undefined, 'the header comes with the last');
    assert.equal(part.more, false);
    assert.equal(part.count, 0n);
  }
  return { header: last.header!, more: last.more, count: last.count, kvs: parts.flatMap(({ kvs }) => kvs) };
}

test('a large range is one answer, read in several turns', async () => {
  const ranges = new Ranges();
  const call = ranges.range();
  assert.equal(call.closed, false, 'more than one slice');
  await ended(call);
  const { kvs, count, more, header } = answerOf(RangeResponseSchema, call);
  assert.deepEqual(
    [kvs.length, count, more, header!.revision],
    [KEYS, BigInt(KEYS), false, BigInt(KEYS + 1)],
  );
  assert.equal(
    kvs.every(({ value }) => value.length >= VALUE_BYTES - 10),
    true,
  );
});

test('what is written and compacted meanwhile does not show', async () => {
  const ranges = new Ranges();
  const call = ranges.range();
  const stream = ranges.stream();
  for (let i = 0; i < 20; i++) ranges.put(`k00299${i}`);
  ranges.put('k00299');
  ranges.member.v3.kv.compact({ revision: KEYS + 20, physical: false });
  while (ranges.member.v3.kv.compactSlice()) await nextTurn();
  await Promise.all([ended(call), ended(stream)]);
  for (const { kvs, header, count } of [answerOf(RangeResponseSchema, call), joined(stream)]) {
    assert.equal(header!.revision, BigInt(KEYS + 1));
    assert.equal(count, BigInt(KEYS));
    assert.equal(kvs.length, KEYS);
    assert.equal(kvs.at(-1)!.modRevision, BigInt(KEYS + 1));
  }
});

test('small ranges are answered within the turn', () => {
  const ranges = new Ranges();
  for (const fields of [
    { rangeEnd: bytes('k00010') },
    { limit: 5n },
    { keysOnly: true },
    { countOnly: true },
    { key: bytes('k00007'), rangeEnd: bytes('') },
    { key: bytes('x') },
  ]) {
    assert.equal(ranges.range(fields).ended, true);
  }
  const { kvs, count, more } = answerOf(RangeResponseSchema, ranges.range({ limit: 20n }));
  assert.deepEqual([kvs.length, count, more], [20, BigInt(KEYS), true]);
});

test('both kinds of range give the same', async () => {
  const ranges = new Ranges();
  for (const fields of [
    {},
    { limit: 150n },
    { limit: 300n },
    { revision: 200n },
    { keysOnly: true },
    { rangeEnd: bytes('k00200') },
    { serializable: true },
    { key: bytes('x') },
  ]) {
    const [call, stream] = [ranges.range(fields), ranges.stream(fields)];
    await Promise.all([ended(call), ended(stream)]);
    const { kvs, count, more, header } = answerOf(RangeResponseSchema, call);
    assert.deepEqual(joined(stream), { kvs, count, more, header });
  }
});

test('a count is one message of a stream', async () => {
  const stream = new Ranges().stream({ countOnly: true });
  await ended(stream);
  assert.equal(stream.written.length, 1);
  assert.deepEqual([joined(stream).count, joined(stream).kvs], [BigInt(KEYS), []]);
});

test('failures', () => {
  const ranges = new Ranges(3);
  for (const call of [ranges.range({ revision: 99n }), ranges.stream({ revision: 99n })]) {
    assert.equal(failureOf(call), '11 etcdserver: mvcc: required revision is a future revision');
  }
  ranges.member.v3.kv.compact({ revision: 3, physical: false });
  for (const call of [ranges.range({ revision: 2n }), ranges.stream({ revision: 2n })]) {
    assert.equal(failureOf(call), '11 etcdserver: mvcc: required revision has been compacted');
  }
  assert.equal(failureOf(ranges.stream({ key: bytes('') })), '3 etcdserver: key is not provided');
  assert.equal(
    failureOf(ranges.stream({ sortOrder: 2 })),
    '12 RangeStream does not support custom sort orders',
  );
});

test('a stream waits for its client: never more than one slice is on its way', async () => {
  const ranges = new Ranges();
  const call = new FakeStreamCall();
  call.hasRoom = false;
  ranges.stream({}, call);
  for (let messages = 1; !call.closed; messages++) {
    assert.equal(call.written.length, messages);
    assert.ok(call.written.at(-1)!.length < 600_000);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    assert.equal(call.written.length, messages, 'nothing without room');
    call.drain();
    call.hasRoom = false;
    await nextTurn();
    await nextTurn();
  }
  assert.equal(joined(call).kvs.length, KEYS);
  assert.ok(call.written.length > 3);
});

test('compactions go on when the client of a stream goes away, or does not read for a minute', async () => {
  for (const end of ['gone', 'stalled'] as const) {
    const ranges = new Ranges();
    ranges.put('k00000');
    const call = new FakeStreamCall();
    call.hasRoom = false;
    ranges.stream({}, call);
    ranges.put('k00299');
    const { kv } = ranges.member.v3;
    kv.compact({ revision: kv.revision, physical: false });
    while (kv.compactSlice()) await nextTurn();
    assert.equal(kv.compactionPending, true, 'the stream reads what was compacted');
    if (end === 'gone') call.leave();
    else ranges.member.clock.advance(60_000);
    assert.equal(failureOf(call), end === 'gone' ? 'none' : '8 etcdserver: the client reads too slowly');
    while (kv.compactSlice()) await nextTurn();
    assert.equal(kv.compactionPending, false);
  }
});

test('the client of a large range goes away', async () => {
  const ranges = new Ranges();
  const call = ranges.range();
  const { kv } = ranges.member.v3;
  call.leave();
  ranges.put('k00000');
  kv.compact({ revision: kv.revision, physical: false });
  while (kv.compactSlice()) await nextTurn();
  assert.equal(kv.compactionPending, false);
  assert.equal(call.written.length, 0);
});
