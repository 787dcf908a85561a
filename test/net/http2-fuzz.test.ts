/**
 * Random frames, right, wrong and mutated, in random pieces, at a connection whose calls are answered, streamed, paused and dropped
 * at random while the clock jumps and the client's socket stalls. Whatever comes in:
 *
 * - nothing throws;
 * - what goes out is well-formed HTTP/2 within the windows that the input has opened, and nothing follows the end of a stream or a
 *   connection;
 * - once the connection is gone nothing is held: no stream, no byte, no deadline, and every call has been told.
 *
 * QUORATE_FUZZ_CASES=<number> makes it long; QUORATE_FULL=1 runs twenty times as many.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrpcCall, GrpcMethod, GrpcStreamCall } from '../../src/net/grpc-call.ts';
import type { HttpExchange, HttpStream } from '../../src/net/http-exchange.ts';
import { ErrorCode, Flag, FrameType, Setting } from '../../src/net/http2/frame.ts';
import { HpackDecoder } from '../../src/net/http2/hpack-decoder.ts';
import type { Http2Output } from '../../src/net/http2/http2-output.ts';
import type { InputBudget } from '../../src/net/http2/input-budget.ts';
import { printedSeed, type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { fakeConnection } from './fake-socket.ts';
import {
  data,
  type Fields,
  frame,
  getFields,
  grpcFields,
  headers,
  message,
  ping,
  postFields,
  preface,
  reset,
  settings,
  uint32,
  windowUpdate,
} from './http2-client.ts';

const full = process.env['QUORATE_FULL'] === '1';
const cases = Number(process.env['QUORATE_FUZZ_CASES'] ?? (full ? 40_000 : 2_000));

const paths = ['/t.T/Unary', '/t.T/Hang', '/t.T/Stream', '/t.T/Open', '/t.T/None'];

/** A frame as a client might send it, on a stream of the few that are in play. */
function anyFrame(random: SeededRandom, newId: () => number, lastId: number): Buffer {
  const id = random.below(8) === 0 ? newId() : Math.max(1, lastId - 2 * random.below(6));
  const last = random.below(2) === 0 ? Flag.endStream : 0;
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return headers(newId(), callFields(random), last);
    case 4:
      return headers(
        newId(),
        random.pick<Fields>([getFields, postFields, [...getFields, ['content-length', '5']]]),
        last,
      );
    case 5:
    case 6:
    case 7:
      return data(
        id,
        message(Buffer.alloc(random.pick([0, 1, 5, 300, 15_000])), random.below(20) === 0 ? 1 : 0),
        last,
      );
    case 8:
      return data(id, Buffer.concat([message('abc'), message('de')]).subarray(0, random.below(13)), last);
    case 9:
      return windowUpdate(random.pick([0, id]), random.pick([0, 1, 100, 70_000, 2 ** 30]));
    case 10:
      return reset(id, random.below(14));
    case 11:
      return settings([
        random.pick(Object.values(Setting)),
        random.pick([0, 1, 100, 16_384, 65_535, 2 ** 20, 2 ** 31]),
      ]);
    case 12:
      return random.pick([ping(), ping('draining', Flag.ack), frame(FrameType.settings, Flag.ack, 0)]);
    case 13:
      return split(random, headers(newId(), callFields(random), last));
    case 14:
      return frame(
        random.below(12),
        random.below(256),
        random.pick([0, id]),
        Buffer.alloc(random.below(20), random.below(256)),
      );
    default:
      return random.pick([
        frame(FrameType.goAway, 0, 0, uint32(0, 0)),
        frame(FrameType.priority, 0, id, Buffer.alloc(5)),
        frame(FrameType.headers, 5, newId(), Buffer.alloc(random.below(30), random.below(256))),
        headers(id, [['trailer', 'x']]),
      ]);
  }
}

function callFields(random: SeededRandom): Fields {
  const more: Fields = random.pick<Fields>([
    [],
    [],
    [['grpc-timeout', random.pick(['0n', '5m', '90S', 'x'])]],
    [['grpc-encoding', random.pick(['gzip', 'identity', 'zstd'])]],
    [['content-length', '8']],
  ]);
  return grpcFields(random.pick(paths), more);
}

/** HEADERS and CONTINUATION for the same block. */
function split(random: SeededRandom, whole: Buffer): Buffer {
  const payload = whole.subarray(9);
  const at = random.below(payload.length + 1);
  const id = whole.readUInt32BE(5);
  return Buffer.concat([
    frame(FrameType.headers, whole[4]! & Flag.endStream, id, payload.subarray(0, at)),
    frame(FrameType.continuation, Flag.endHeaders, id, payload.subarray(at)),
  ]);
}

function mutated(random: SeededRandom, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  switch (random.below(4)) {
    case 0:
      copy[random.below(copy.length)] = random.below(256);
      return copy;
    case 1:
      return copy.subarray(0, random.below(copy.length));
    case 2:
      return Buffer.concat([copy, copy]);
    default:
      copy[random.below(Math.min(9, copy.length))]! ^= 1 << random.below(8);
      return copy;
  }
}

/** Methods that keep their calls for the fuzzer to play with. */
class Play {
  readonly calls: GrpcCall[] = [];
  readonly streams: GrpcStreamCall[] = [];
  readonly exchanges: HttpExchange[] = [];
  readonly bodies: HttpStream[] = [];
  /** Calls that end by themselves, or were told that they have ended: never both. */
  readonly told = new Map<GrpcCall, number>();
  private readonly random: SeededRandom;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  readonly methods = new Map<string, GrpcMethod>([
    ['/t.T/Unary', { kind: 'unary', handle: (call, request) => call.respond(Buffer.from(request)) }],
    ['/t.T/Hang', { kind: 'unary', handle: (call) => this.keep(call) }],
    ['/t.T/Stream', { kind: 'server-stream', handle: (call) => this.keepStream(call) }],
    [
      '/t.T/Open',
      {
        kind: 'bidirectional',
        open: (call) => {
          this.keepStream(call);
          return {
            message: (bytes) => {
              if (this.random.below(3) === 0) call.write(Buffer.from(bytes));
              if (this.random.below(5) === 0) call.pause();
            },
            clientDone: () => {
              if (this.random.below(2) === 0) call.end();
            },
          };
        },
      },
    ],
  ]);

  private keep(call: GrpcCall): void {
    this.told.set(call, 0);
    call.onClose(() => this.told.set(call, this.told.get(call)! + 1));
    this.calls.push(call);
  }
  private keepStream(call: GrpcStreamCall): void {
    this.keep(call);
    this.streams.push(call);
    call.onDrain(() => {
      if (this.random.below(2) === 0) call.write(Buffer.alloc(1000));
    });
  }

  readonly handler = (exchange: HttpExchange): void => {
    const { random } = this;
    if (random.below(2) === 0) exchange.onClose(() => {});
    if (random.below(3) === 0) {
      exchange.readBody(1000, () => exchange.send(200, 'X-A: b\r\n', 'body'));
    } else {
      if (random.below(2) === 0) {
        exchange.streamBody(
          () => random.below(2) === 0,
          () => {},
        );
      }
      if (random.below(3) === 0) this.bodies.push(exchange.begin(200, ''));
    }
    this.exchanges.push(exchange);
  };

  /** One thing that a server might do now. */
  act(): void {
    const { random } = this;
    const call = this.calls.length > 0 ? random.pick(this.calls) : undefined;
    const stream = this.streams.length > 0 ? random.pick(this.streams) : undefined;
    const body = this.bodies.length > 0 ? random.pick(this.bodies) : undefined;
    switch (random.below(9)) {
      case 0:
        call?.respond(Buffer.alloc(random.pick([0, 10, 100_000])));
        break;
      case 1:
        call?.fail(5, 'n\u00f6 \n');
        break;
      case 2:
      case 3:
        stream?.write(Buffer.alloc(random.pick([0, 10, 20_000, 300_000])));
        break;
      case 4:
        stream?.end();
        break;
      case 5:
        stream?.pause();
        break;
      case 6:
        stream?.resume();
        break;
      case 7:
        if (this.exchanges.length > 0) random.pick(this.exchanges).resumeBody();
        break;
      default:
        try {
          if (random.below(3) === 0) body?.end();
          else body?.write(Buffer.alloc(random.pick([1, 5_000, 200_000])));
        } catch (error) {
          assert.match(String(error), /has ended/);
        }
    }
  }
}

/** Reads what was sent, and holds it to the rules. */
class Judge {
  private readonly decoder = new HpackDecoder(1 << 20, 1000);
  private readonly ended = new Set<number>();
  private readonly sentBytes = new Map<number, number>();
  private total = 0;
  private isOver = false;
  private rest = Buffer.alloc(0);

  read(bytes: Buffer, grants: Grants): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 9) {
      const length = this.rest.readUIntBE(0, 3);
      assert.ok(length <= 16_384, 'a frame is too large');
      if (this.rest.length < 9 + length) return;
      const payload = this.rest.subarray(9, 9 + length);
      this.frame(this.rest[3]!, this.rest[4]!, this.rest.readUInt32BE(5), payload, grants);
      this.rest = this.rest.subarray(9 + length);
    }
  }

  /** The client has taken the stream back: nothing may follow. */
  resetByClient(id: number): void {
    this.ended.add(id);
  }

  done(): void {
    assert.equal(this.rest.length, 0, 'half a frame was sent');
  }

  private frame(type: number, flags: number, id: number, payload: Buffer, grants: Grants): void {
    assert.equal(this.isOver, false, 'a frame after the last GOAWAY');
    if (type === FrameType.goAway && payload.readUInt32BE(4) !== ErrorCode.noError) this.isOver = true;
    if (type === FrameType.rstStream) {
      assert.notEqual(payload.readUInt32BE(0), ErrorCode.internalError);
      assert.equal(id & 1, 1, 'clients open odd streams only');
      this.ended.add(id);
    }
    if (type !== FrameType.data && type !== FrameType.headers) return;
    assert.equal(this.ended.has(id), false, `stream ${id} has ended already`);
    if (type === FrameType.headers) {
      assert.ok(flags & Flag.endHeaders);
      const fields: Parameters<HpackDecoder['decode']>[3] = [];
      assert.ok(this.decoder.decode(payload, 0, payload.length, fields), 'a broken header block');
      assert.ok(fields.every(({ name, wellFormed }) => name === ':status' || wellFormed));
    } else {
      this.total += payload.length;
      const sent = (this.sentBytes.get(id) ?? 0) + payload.length;
      this.sentBytes.set(id, sent);
      assert.ok(this.total <= 65_535 + grants.of(0), 'more than the window of the connection');
      assert.ok(sent <= grants.initialMax + grants.of(id), 'more than the window of the stream');
    }
    if (flags & Flag.endStream) this.ended.add(id);
  }
}

/** What the input has allowed us to send, at most: read from it independently, frame by frame. */
class Grants {
  initialMax = 65_535;
  private readonly increments = new Map<number, number>();
  private rest = Buffer.alloc(0);

  of(id: number): number {
    return this.increments.get(id) ?? 0;
  }

  read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 9) {
      const end = 9 + this.rest.readUIntBE(0, 3);
      if (this.rest.length < end) return;
      const id = this.rest.readUInt32BE(5) & 0x7fffffff;
      if (this.rest[3] === FrameType.windowUpdate && end === 13) {
        this.increments.set(id, this.of(id) + (this.rest.readUInt32BE(9) & 0x7fffffff));
      } else if (this.rest[3] === FrameType.settings) {
        for (let at = 9; at + 6 <= end; at += 6) {
          if (this.rest.readUInt16BE(at) === Setting.initialWindowSize) {
            this.initialMax = Math.max(this.initialMax, this.rest.readUInt32BE(at + 2));
          }
        }
      }
      this.rest = this.rest.subarray(end);
    }
  }
}

/** The parts of a connection that hold something. */
interface Insides {
  readonly output: Http2Output;
  readonly budget: InputBudget;
  readonly input: { readonly streams: { readonly size: number } };
  readonly postponed: readonly unknown[];
}

function oneCase(random: SeededRandom): void {
  const play = new Play(random);
  const fake = fakeConnection(play.handler, play.methods, {
    connectionOutputBytes: 200_000,
    connectionInputBytes: random.pick([20_000, 500_000]),
    pendingOutputBytes: 50_000,
    pendingOutputBytesMax: 400_000,
    bodyIdleTimeoutMs: 3_000,
    writeStallTimeoutMs: 4_000,
  });
  const judge = new Judge();
  const grants = new Grants();
  let nextId = 1;
  const newId = () => {
    nextId += 2;
    return nextId - 2;
  };
  const buffer = Buffer.alloc(70_000);
  const feed = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, random.below(3) === 0 ? 1 + random.below(40) : 65_536);
      bytes.copy(buffer, 100, at, at + count);
      grants.read(bytes.subarray(at, at + count));
      fake.connection.receive(buffer, 100, 100 + count);
      // The shared buffer is used for something else right after.
      buffer.fill(0xdd, 100, 100 + count);
      at += count;
    }
  };
  fake.connection.receive(preface, 0, preface.length);
  feed(
    Buffer.concat([
      settings([Setting.initialWindowSize, random.pick([0, 10, 65_535, 2 ** 20])]),
      frame(FrameType.settings, Flag.ack, 0),
    ]),
  );
  const steps = 5 + random.below(60);
  const wild = random.below(3) === 0;
  for (let step = 0; step < steps && !fake.socket.destroyed; step++) {
    const next = anyFrame(random, newId, nextId - 2);
    if (wild && random.below(6) === 0) {
      feed(mutated(random, next));
    } else if (next[3] === FrameType.rstStream && next.length === 13) {
      fake.settle();
      judge.read(fake.sent(), grants);
      feed(next);
      // A mutated frame before may have swallowed this one.
      if (!wild) judge.resetByClient(next.readUInt32BE(5));
    } else {
      feed(next);
    }
    while (random.below(2) === 0) play.act();
    if (random.below(12) === 0) fake.socket.taking = false;
    if (random.below(6) === 0) fake.socket.take();
    if (random.below(15) === 0) {
      fake.clock.advance(random.pick([10, 1_000, 3_000]));
      fake.context.nowMs = fake.clock.monotonicMs();
      fake.connection.protocol.sweep(fake.context.nowMs);
    }
    if (random.below(80) === 0) fake.connection.protocol.drain();
    fake.settle();
    judge.read(fake.sent(), grants);
  }
  const insides = fake.connection.protocol as unknown as Insides;
  fake.socket.take();
  fake.settle();
  judge.read(fake.sent(), grants);
  judge.done();
  const waiting = insides.output.queuedBytes;
  assert.ok(waiting >= 0);
  fake.socket.destroy();
  for (let i = 0; i < 20; i++) play.act();
  fake.settle();
  assert.equal(fake.sent().length, 0);
  assert.equal(insides.input.streams.size, 0);
  assert.equal(insides.budget.heldBytes, 0);
  assert.equal(insides.output.queuedBytes, 0);
  assert.equal(insides.postponed.length, 0);
  assert.equal(fake.context.deadlines.size, 0);
  for (const [call, times] of play.told) {
    assert.equal(call.closed, true);
    assert.ok(times <= 1);
  }
}

test('whatever comes in, what goes out is HTTP/2 and nothing is left behind', (t) => {
  const seed = printedSeed(t);
  for (let i = 0; i < cases; i++) {
    try {
      oneCase(seededRandom(seed + i));
    } catch (error) {
      throw new Error(
        `${(error as Error).message}: case ${i}, which QUORATE_SEED=${seed + i} QUORATE_FUZZ_CASES=1 repeats`,
        {
          cause: error,
        },
      );
    }
  }
});
