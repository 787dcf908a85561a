import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppendStreamDecoder, appendStream } from '../../src/peer/append-stream.ts';
import { ItemReader } from '../../src/peer/item-reader.ts';
import { MessageStreamDecoder, messageStream } from '../../src/peer/message-stream.ts';
import type { Entry, Message } from '../../src/raft/types.ts';
import { fc } from '../support/fast-check.ts';
import { everyKind } from './every-kind.ts';
import { plain } from './plain.ts';

type Append = Message & { readonly type: 'append' };

const LIMIT = 64 * 1024 * 1024;
const LEADER = 0xa1n;
const FOLLOWER = 0xb2n;

/** What a leader in one term after the other sends: mostly appends that follow, now and then one that goes back or skips. */
const appendsArbitrary: fc.Arbitrary<Append[]> = fc
  .array(
    fc.record({
      newTerm: fc.boolean(),
      back: fc.integer({ min: 0, max: 3 }),
      sizes: fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3000 })), {
        maxLength: 5,
      }),
      type: fc.constantFrom('normal' as const, 'conf-change' as const, 'conf-change-v2' as const),
      commit: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    }),
    { maxLength: 20 },
  )
  .map((steps) => {
    let term = 1;
    let lastTerm = 0;
    let last = 0;
    return steps.map(({ newTerm, back, sizes, type, commit }): Append => {
      if (newTerm) term++;
      const previousIndex = Math.max(0, last - back);
      const entries = sizes.map(
        (size, i): Entry => ({
          index: previousIndex + i + 1,
          term,
          type,
          data: new Uint8Array(size).fill(i),
        }),
      );
      const append: Append = {
        type: 'append',
        from: LEADER,
        to: FOLLOWER,
        term,
        previousTerm: lastTerm,
        previousIndex,
        entries,
        commit,
      };
      last = previousIndex + entries.length;
      if (entries.length > 0) lastTerm = term;
      return append;
    });
  });

/** `bytes` in pieces at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.slice(i === 0 ? 0 : ends[i - 1]!, end));
}

test('appends come out of the stream as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      appendsArbitrary,
      fc.array(fc.nat({ max: 100_000 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      (appends, places, batch) => {
        const encoder = appendStream.createEncoder();
        const chunks: Uint8Array[] = [];
        for (let i = 0; i < appends.length; i += batch) {
          chunks.push(encoder.encode(appends.slice(i, i + batch)), encoder.heartbeat());
        }
        const received: Message[] = [];
        const decoder = new AppendStreamDecoder(FOLLOWER, LEADER, LIMIT, (message) => received.push(message));
        for (const piece of cut(Buffer.concat(chunks), places)) decoder.push(piece);
        assert.deepEqual(received.map(plain), appends.map(plain));
      },
    ),
    { numRuns: 200 },
  );
});

test('the message stream carries every kind, however the bytes are cut', () => {
  const messages = everyKind(1n, 2n);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: messages.length - 1 }), { maxLength: 30 }),
      fc.array(fc.nat({ max: 10_000 }), { maxLength: 30 }),
      (picks, places) => {
        const sent = picks.map((i) => messages[i]!);
        const encoder = messageStream.createEncoder();
        const bytes = Buffer.concat([encoder.heartbeat(), encoder.encode(sent), encoder.heartbeat()]);
        const received: Message[] = [];
        const decoder = new MessageStreamDecoder(LIMIT, (message) => received.push(message));
        for (const piece of cut(bytes, places)) decoder.push(piece);
        assert.deepEqual(received.map(plain), sent.map(plain));
      },
    ),
    { numRuns: 200 },
  );
});

test('an append that follows in the same term is sent as its entries alone', () => {
  // Bytes as etcd lays them out: kind 1, count 1, length, entry {type 0, term 2, index 8, data "v"}, commit 7.
  const encoder = appendStream.createEncoder();
  const entry = (index: number): Entry => ({ index, term: 2, type: 'normal', data: Buffer.from('v') });
  const base = { type: 'append', from: LEADER, to: FOLLOWER, term: 2 } as const;
  const first = encoder.encode([
    { ...base, previousTerm: 1, previousIndex: 6, entries: [entry(7)], commit: 6 },
  ]);
  assert.equal(first[0], 2);
  assert.equal(Buffer.from(first).readBigUInt64BE(1), BigInt(first.length - 9));
  const second = encoder.encode([
    { ...base, previousTerm: 2, previousIndex: 7, entries: [entry(8)], commit: 7 },
  ]);
  assert.equal(
    Buffer.from(second).toString('hex'),
    '01' + '0000000000000001' + '0000000000000009' + '08001002' + '1808' + '220176' + '0000000000000007',
  );
  assert.equal(Buffer.from(encoder.heartbeat()).toString('hex'), '00');
});

test('the heartbeat of the message stream is a raft heartbeat from and to nobody', () => {
  const bytes = Buffer.from(messageStream.createEncoder().heartbeat());
  assert.equal(bytes.readBigUInt64BE(0), BigInt(bytes.length - 8));
  // Field 1 is the type, 8 MsgHeartbeat; from and to are 0.
  assert.equal(bytes.subarray(8, 14).toString('hex'), '080810001800');
});

test('what is no frame is refused', () => {
  const decode = (hex: string): void =>
    new AppendStreamDecoder(FOLLOWER, LEADER, 1000, () => {}).push(Buffer.from(hex, 'hex'));
  assert.throws(() => decode('03'), /type 3 in msgappv2 stream/);
  assert.throws(() => decode('01'), /entries before the first append/);
  assert.throws(() => decode('020000000000001000'), /exceeds the limit of 1000/);
  assert.throws(() => decode('02ffffffffffffffff'), /exceeds the limit/);
  const hello = appendStream.createEncoder();
  const append: Append = {
    type: 'append',
    from: LEADER,
    to: FOLLOWER,
    term: 1,
    previousTerm: 0,
    previousIndex: 0,
    entries: [],
    commit: 0,
  };
  const start = Buffer.from(hello.encode([append])).toString('hex');
  const entryAt9 = '08001001180922' + '00';
  assert.throws(
    () => decode(`${start}01${'0000000000000001'}${'0000000000000008'}${entryAt9}`),
    /entry 9 where 1/,
  );
  assert.throws(() => decode(`${start}01${'0000000000000001'}${'0000000000001000'}`), /too many bytes/);
  const messages = new MessageStreamDecoder(1000, () => {});
  assert.throws(() => messages.push(Buffer.from('0000000000001000', 'hex')), /exceeds the limit of 1000/);
});

test('a large entry is gathered in memory of its own, small ones are views of their chunk', () => {
  const encoder = appendStream.createEncoder();
  const base = { type: 'append', from: LEADER, to: FOLLOWER, term: 1, previousTerm: 0, commit: 0 } as const;
  const data = new Uint8Array(1024 * 1024).fill(7);
  const bytes = Buffer.concat([
    encoder.encode([
      {
        ...base,
        previousIndex: 0,
        entries: [{ index: 1, term: 1, type: 'normal', data: new Uint8Array(10) }],
      },
    ]),
    encoder.encode([
      { ...base, previousTerm: 1, previousIndex: 1, entries: [{ index: 2, term: 1, type: 'normal', data }] },
    ]),
  ]);
  const received: Append[] = [];
  const decoder = new AppendStreamDecoder(FOLLOWER, LEADER, LIMIT, (message) =>
    received.push(message as Append),
  );
  for (let at = 0; at < bytes.length; at += 65536)
    decoder.push(new Uint8Array(bytes.subarray(at, at + 65536)));
  assert.deepEqual(received[1]!.entries[0]!.data, data);
  const held = received[1]!.entries[0]!.data.buffer.byteLength;
  assert.ok(held < data.length + 100, `an entry of ${data.length} bytes holds ${held}`);
  assert.equal(received[0]!.entries[0]!.data.buffer.byteLength, 65536);
});

test('a proposal does not hold on to a chunk that it is a small part of', () => {
  const encoder = messageStream.createEncoder();
  const heartbeats = Array.from(
    { length: 500 },
    (): Message => ({ type: 'heartbeat-response', from: 1n, to: 2n, term: 1, context: new Uint8Array(0) }),
  );
  const proposal: Message = {
    type: 'propose',
    from: 1n,
    to: 2n,
    term: 0,
    entries: [{ type: 'normal', data: new Uint8Array(20) }],
  };
  const received: Message[] = [];
  const decoder = new MessageStreamDecoder(LIMIT, (message) => received.push(message));
  decoder.push(encoder.encode([...heartbeats, proposal]));
  const last = received.at(-1)!;
  assert.ok(last.type === 'propose' && last.entries[0]!.data.buffer.byteLength < 200);
});

test('items are handed out whole and in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 30 }), { minLength: 1, maxLength: 20 }),
      fc.array(fc.nat({ max: 1000 }), { maxLength: 20 }),
      (items, places) => {
        const seen: string[] = [];
        const reader = new ItemReader(items[0]!.length, (bytes, start, end) => {
          seen.push(Buffer.from(bytes.subarray(start, end)).toString('hex'));
          return items[seen.length]?.length ?? 1;
        });
        for (const piece of cut(Buffer.concat(items), places)) reader.push(piece);
        // Trailing empty items show only with the byte that follows them.
        reader.push(Uint8Array.of(0xff));
        assert.deepEqual(
          seen.slice(0, items.length),
          items.map((item) => Buffer.from(item).toString('hex')),
        );
        assert.equal(reader.pendingBytes, 0);
      },
    ),
  );
});
