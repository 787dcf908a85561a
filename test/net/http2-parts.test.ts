/** The small parts beneath HTTP/2 and gRPC, each against a plain twin. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeadlineEntry, DeadlineWheel } from '../../src/net/grpc/deadline-wheel.ts';
import { parseGrpcTimeout } from '../../src/net/grpc/grpc-timeout.ts';
import { percentEncoded } from '../../src/net/grpc/status-fields.ts';
import { FrameReader } from '../../src/net/http2/frame-reader.ts';
import { HeadCache } from '../../src/net/http2/head-cache.ts';
import { InputBudget } from '../../src/net/http2/input-budget.ts';
import { StreamTable } from '../../src/net/http2/stream-table.ts';
import { fc } from '../support/fast-check.ts';
import { HandClock } from './clocks.ts';
import { block, frame, getFields, hpackInteger, hpackText } from './http2-client.ts';

test('streams are found as in a Map, however they come and go', () => {
  const action = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 60 }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const table = new StreamTable<{ readonly id: number }>();
      const model = new Map<number, { readonly id: number }>();
      let next = 1;
      for (const [kind, pick] of actions) {
        if (kind < 2) {
          // Ids leave gaps, so that some share a slot.
          next += 2 + (pick % 3) * 32;
          const stream = { id: next };
          table.add(stream);
          model.set(next, stream);
        } else {
          const ids = [...model.keys()];
          const id = ids[pick % Math.max(1, ids.length)] ?? 999_999;
          table.delete(id);
          model.delete(id);
        }
        assert.equal(table.size, model.size);
        for (const [id, stream] of model) assert.equal(table.get(id), stream);
        assert.equal(table.get(next + 2), undefined);
      }
      assert.deepEqual(
        table
          .all()
          .map(({ id }) => id)
          .sort((a, b) => a - b),
        [...model.keys()],
      );
    }),
  );
});

class Entry implements DeadlineEntry {
  readonly deadlineMs: number;
  deadlineSlot = -1;
  deadlineNext: DeadlineEntry | undefined;
  deadlinePrevious: DeadlineEntry | undefined;
  private readonly due: () => void;
  constructor(deadlineMs: number, due: () => void) {
    this.deadlineMs = deadlineMs;
    this.due = due;
  }
  expire(): void {
    this.due();
  }
}

test('deadlines: each passes once, not before its time and at most 20 ms after, unless it is taken back', () => {
  const action = fc.oneof(
    fc.record({ add: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 60_000 })) }),
    fc.record({ remove: fc.nat({ max: 50 }) }),
    fc.record({ pass: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 30_000 })) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const clock = new HandClock();
      const wheel = new DeadlineWheel(clock);
      const open = new Map<Entry, number>();
      for (const each of actions) {
        if ('add' in each) {
          const deadlineMs = clock.monotonicMs() + each.add;
          const entry = new Entry(deadlineMs, () => {
            const late = clock.monotonicMs() - deadlineMs;
            assert.ok(late >= 0 && late <= 40, `${late} ms late`);
            assert.ok(open.delete(entry), 'expired twice');
          });
          open.set(entry, deadlineMs);
          wheel.add(entry, clock.monotonicMs());
        } else if ('remove' in each) {
          const entry = [...open.keys()][each.remove];
          if (entry === undefined) continue;
          wheel.remove(entry);
          wheel.remove(entry);
          open.delete(entry);
        } else {
          clock.advance(each.pass);
          for (const deadlineMs of open.values()) assert.ok(deadlineMs > clock.monotonicMs() - 40);
        }
        assert.equal(wheel.size, open.size);
      }
      clock.advance(100_000);
      assert.equal(open.size, 0);
    }),
  );
});

test('frames are cut out of the input the same however it arrives', () => {
  const anyFrame = fc.tuple(
    fc.nat({ max: 255 }),
    fc.nat({ max: 255 }),
    fc.nat({ max: 2 ** 31 - 1 }),
    fc.uint8Array({ maxLength: 80 }),
  );
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (frames, cuts) => {
        const seen: unknown[] = [];
        const reader = new FrameReader({
          receiving: true,
          frame: (type, flags, id, bytes, start, end) => {
            seen.push([type, flags, id, Buffer.from(bytes.subarray(start, end)).toString('hex')]);
          },
          oversizedFrame: () => assert.fail('no frame is too large'),
        });
        const input = Buffer.concat(
          frames.map(([type, flags, id, payload]) => frame(type, flags, id, payload)),
        );
        for (let at = 0, i = 0; at < input.length; i++) {
          const end = Math.min(input.length, at + cuts[i % cuts.length]!);
          reader.receive(input, at, end);
          at = end;
        }
        assert.equal(reader.insideFrame, false);
        assert.deepEqual(
          seen,
          frames.map(([type, flags, id, payload]) => [type, flags, id, Buffer.from(payload).toString('hex')]),
        );
      },
    ),
  );
});

test('a remembered header block is decoded anew once the table has changed', () => {
  const cache = new HeadCache(65536, 100);
  const decode = (bytes: Buffer) => cache.requestHead(bytes, 0, bytes.length)!;
  const insert = (value: string) =>
    Buffer.concat([hpackInteger(0x40, 6, 0), hpackText('x'), hpackText(value)]);
  decode(Buffer.concat([block(getFields), insert('first')]));
  const short = Buffer.concat([
    hpackInteger(0x80, 7, 2),
    hpackInteger(0x80, 7, 6),
    hpackInteger(0x80, 7, 4),
    hpackInteger(0x80, 7, 62),
  ]);
  const once = decode(short);
  assert.equal(once.header('x'), 'first');
  assert.equal(decode(short), once);
  decode(Buffer.concat([block(getFields), insert('second')]));
  assert.equal(decode(short).header('x'), 'second');
  assert.equal(once.header('x'), 'first');
});

test('room for large input is given in the order it was asked for, and one always has some', () => {
  const budget = new InputBudget(100);
  const granted: string[] = [];
  const input = (name: string) => ({ roomGranted: () => void granted.push(name) });
  const [a, b, c, d] = [input('a'), input('b'), input('c'), input('d')];
  budget.wantLarge(a, 1000);
  budget.wantLarge(b, 20);
  budget.wantLarge(b, 20);
  budget.wantLarge(c, 20);
  budget.wantLarge(d, 20);
  assert.deepEqual(granted, ['a']);
  budget.doneLarge(c);
  budget.doneLarge(a);
  assert.deepEqual(granted, ['a', 'b', 'd']);
  assert.equal(budget.hold(60), true);
  assert.equal(budget.hold(41), false);
  budget.letGo(20);
  assert.equal(budget.hold(41), true);
  assert.equal(budget.heldBytes, 81);
});

test('grpc-timeout', () => {
  const cases: Readonly<Record<string, number>> = {
    '1H': 3_600_000,
    '2M': 120_000,
    '5S': 5_000,
    '99999999m': 99_999_999,
    '1500u': 1.5,
    '0n': 0,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseGrpcTimeout(text), ms);
  for (const text of ['', 'S', '1', '1s', '-1S', '1.5S', '123456789S', '1SS', ' 1S']) {
    assert.ok(Number.isNaN(parseGrpcTimeout(text)), text);
  }
});

test('grpc-message is visible ASCII, and decodes to what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = percentEncoded(text);
      assert.match(encoded, /^[ -~]*$/);
      assert.equal(decodeURIComponent(encoded), text);
    }),
  );
});
