/** The gateway over methods that a test writes: what reaches them, and how their answers come out. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { clientHandler } from '../../../src/api/client-handler.ts';
import { countCalls } from '../../../src/net/grpc/grpc-traffic.ts';
import {
  type GrpcCall,
  type GrpcMethod,
  type GrpcMethods,
  GrpcStatus,
  type GrpcStreamCall,
} from '../../../src/net/grpc-call.ts';
import {
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/lease_pb.ts';
import { SnapshotResponseSchema } from '../../../src/wire/generated/etcdserverpb/maintenance_pb.ts';
import { HandClock } from '../../net/clocks.ts';
import { createApi } from '../support/api.ts';
import { ask, type FakeExchange, type FakeRequest } from '../support/fake-exchange.ts';

function bytesOf<S extends DescMessage>(schema: S, fields: MessageInitShape<S>): Uint8Array {
  return toBinary(schema, create(schema, fields));
}

class Gateway {
  readonly clock = new HandClock();
  readonly handler: ReturnType<typeof clientHandler>;

  constructor(methods: Readonly<Record<string, GrpcMethod>>, messageBytesMax = 1000) {
    const table: GrpcMethods = new Map(Object.entries(methods));
    this.handler = createApi({ gateway: { methods: table, clock: this.clock, messageBytesMax } }).handler;
  }

  post(target: string, body: string, headers: FakeRequest['headers'] = {}): FakeExchange {
    return ask(this.handler, { method: 'POST', target, headers, body });
  }
}

async function turnsUntil(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !condition(); turn++) await new Promise(setImmediate);
  assert.equal(condition(), true);
}

function answer(exchange: FakeExchange): string {
  return `${exchange.status} ${exchange.chunks?.join('') ?? exchange.answerBody}`;
}

const OK_HEADERS = 'Content-Type: application/json\r\nGrpc-Metadata-Content-Type: application/grpc\r\n';

describe('a unary call through the gateway', () => {
  it('reaches the method as its bytes, and its answer comes back as JSON', () => {
    const seen: unknown[] = [];
    const gateway = new Gateway({
      '/etcdserverpb.KV/Put': {
        kind: 'unary',
        handle(call, request) {
          const { key, value, lease, prevKv } = fromBinary(PutRequestSchema, request);
          seen.push([call.path, Buffer.from(key).toString(), Buffer.from(value).toString(), lease, prevKv]);
          const prev = {
            key,
            createRevision: 2n,
            modRevision: 3n,
            version: 2n,
            value: Uint8Array.of(255, 254),
          };
          const header = { clusterId: 2n ** 64n - 1n, memberId: 1n, revision: 9n, raftTerm: 2n };
          call.respond(bytesOf(PutResponseSchema, { header, prevKv: prev }));
        },
      },
    });
    const body = '{"key":"a2V5","value":"dg==","lease":"-7","prevKv":true,"later":[{}]}';
    const exchange = gateway.post('/v3/kv/put', body);
    assert.deepEqual(seen, [['/etcdserverpb.KV/Put', 'key', 'v', -7n, true]]);
    assert.equal(
      answer(exchange),
      '200 {"header":{"cluster_id":"18446744073709551615","member_id":"1","revision":"9","raft_term":"2"},' +
        '"prev_kv":{"key":"a2V5","create_revision":"2","mod_revision":"3","version":"2","value":"//4="}}',
    );
    assert.equal(exchange.answerHeaders, OK_HEADERS);
    gateway.post('/v3beta/kv/put', body);
    gateway.post('/v3/kv/p%75t', body);
    assert.equal(seen.length, 3);
  });

  it('may be answered later, until the client has gone', () => {
    const calls: GrpcCall[] = [];
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': { kind: 'unary', handle: (call) => calls.push(call) },
    });
    const first = gateway.post('/v3/kv/range', '{}');
    assert.equal(first.status, 0);
    calls[0]!.respond(bytesOf(RangeResponseSchema, { count: 3n, kvs: [{}, {}] }));
    assert.equal(answer(first), '200 {"kvs":[{},{}],"count":"3"}');
    assert.equal(calls[0]!.closed, true);
    calls[0]!.fail(GrpcStatus.internal, 'too late');

    let closed = 0;
    const second = gateway.post('/v3/kv/range', '{}');
    calls[1]!.onClose(() => closed++);
    second.leave();
    assert.equal(closed, 1);
    assert.equal(calls[1]!.closed, true);
    calls[1]!.respond(new Uint8Array(0));
    assert.equal(second.status, 0);
  });

  it('is counted as ended once, also where its client has gone before it is answered', () => {
    const calls: GrpcCall[] = [];
    const path = '/etcdserverpb.KV/Range';
    const methods = countCalls(
      new Map([[path, { kind: 'unary', handle: (call: GrpcCall) => calls.push(call) }]]),
      () => undefined,
    );
    const gateway = new Gateway(Object.fromEntries(methods));
    const { traffic } = methods.get(path)!;
    gateway.post('/v3/kv/range', '{}');
    calls[0]!.respond(Uint8Array.of(0x20, 1));
    gateway.post('/v3/kv/range', '{}').leave();
    calls[1]!.respond(new Uint8Array(0));
    gateway.post('/v3/kv/range', '{}').leave();
    calls[2]!.fail(GrpcStatus.unavailable, 'no leader');
    // Nobody is answered who is known to have gone.
    gateway.post('/v3/kv/range', '{}').leave();
    assert.equal(calls[3]!.closed, true);
    const watched = gateway.post('/v3/kv/range', '{}');
    calls[4]!.onClose(() => assert.equal(calls[4]!.closed, true));
    watched.leave();
    gateway.post('/v3/kv/range', '{}').leave();
    calls[5]!.onClose(() => assert.fail('too late'));
    calls[5]!.respond(new Uint8Array(0));
    assert.equal(traffic.started, 6);
    assert.equal(traffic.handled[GrpcStatus.ok], 1);
    assert.equal(traffic.handled[GrpcStatus.cancelled], 5);
    assert.equal(traffic.messagesReceived, 6);
    assert.deepEqual([traffic.messagesSent, traffic.sentBytes], [1, 2]);
  });

  it('comes in pieces when its answer is large, as fast as the client reads', async () => {
    const kvs = Array.from({ length: 3000 }, () => ({ key: new Uint8Array(100) }));
    const bytes = bytesOf(RangeResponseSchema, { kvs, count: 3000n });
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': { kind: 'unary', handle: (call) => call.respond(bytes) },
    });
    const exchange = gateway.post('/v3/kv/range', '{}');
    assert.equal(exchange.chunks?.length, 1);
    assert.equal(exchange.ended, false);
    // The first piece filled the client's buffer.
    await new Promise(setImmediate);
    assert.equal(exchange.chunks.length, 1);
    exchange.highWaterBytes = Number.POSITIVE_INFINITY;
    exchange.drain();
    assert.equal(exchange.chunks.length, 2);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    assert.equal(exchange.ended, true);
    assert.ok(exchange.chunks.length >= 6);
    const answer = JSON.parse(exchange.chunks.join('')) as { kvs: unknown[]; count: string };
    assert.equal(answer.kvs.length, 3000);
    assert.equal(answer.count, '3000');
  });

  it('fails with the status that HTTP has for it', () => {
    let status: GrpcStatus = GrpcStatus.ok;
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': { kind: 'unary', handle: (call) => call.fail(status, 'a "reason"') },
    });
    const expected: readonly (readonly [GrpcStatus, number])[] = [
      [GrpcStatus.cancelled, 499],
      [GrpcStatus.unknown, 500],
      [GrpcStatus.invalidArgument, 400],
      [GrpcStatus.deadlineExceeded, 504],
      [GrpcStatus.notFound, 404],
      [GrpcStatus.alreadyExists, 409],
      [GrpcStatus.permissionDenied, 403],
      [GrpcStatus.resourceExhausted, 429],
      [GrpcStatus.failedPrecondition, 400],
      [GrpcStatus.aborted, 409],
      [GrpcStatus.outOfRange, 400],
      [GrpcStatus.unimplemented, 501],
      [GrpcStatus.internal, 500],
      [GrpcStatus.unavailable, 503],
      [GrpcStatus.dataLoss, 500],
      [GrpcStatus.unauthenticated, 401],
    ];
    for (const [grpc, http] of expected) {
      status = grpc;
      const exchange = gateway.post('/v3/kv/range', '{}');
      const text = 'a \\"reason\\"';
      assert.equal(answer(exchange), `${http} {"error":"${text}","code":${grpc},"message":"${text}"}`);
      assert.equal(exchange.answerHeaders, 'Content-Type: application/json\r\n');
    }
  });

  it('passes on tokens and metadata', () => {
    const seen: unknown[] = [];
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': {
        kind: 'unary',
        handle(call) {
          const names = ['authorization', 'hasleader', 'content-type'];
          seen.push(names.map((name) => call.metadata(name)));
        },
      },
    });
    gateway.post('/v3/kv/range', '{}', {
      authorization: 'token.5',
      'grpc-metadata-hasleader': 'true',
      'content-type': 'text/plain',
    });
    assert.deepEqual(seen, [['token.5', 'true', undefined]]);
  });

  it('has the deadline that the client sets', () => {
    const calls: GrpcCall[] = [];
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': { kind: 'unary', handle: (call) => calls.push(call) },
    });
    const exchange = gateway.post('/v3/kv/range', '{}', { 'grpc-timeout': '2S' });
    assert.equal(calls[0]!.deadlineMs, gateway.clock.monotonicMs() + 2000);
    let closed = 0;
    calls[0]!.onClose(() => closed++);
    gateway.clock.advance(1999);
    assert.equal(exchange.status, 0);
    gateway.clock.advance(1);
    const text = 'context deadline exceeded';
    assert.equal(answer(exchange), `504 {"error":"${text}","code":4,"message":"${text}"}`);
    assert.equal(closed, 1);
    calls[0]!.respond(new Uint8Array(0));

    const inTime = gateway.post('/v3/kv/range', '{}', { 'grpc-timeout': '2S' });
    calls[1]!.respond(new Uint8Array(0));
    gateway.clock.advance(5000);
    assert.equal(answer(inTime), '200 {}');

    assert.equal(gateway.post('/v3/kv/range', '{}', { 'grpc-timeout': '1u' }).status, 504);
    assert.equal(calls.length, 2);

    const malformed = gateway.post('/v3/kv/range', '{}', { 'grpc-timeout': 'x' });
    assert.equal(malformed.status, 400);
    assert.match(malformed.answerBody, /"message":"invalid grpc-timeout: x"/);
  });

  it('does not reach the method when it is malformed or too large', () => {
    const gateway = new Gateway({
      '/etcdserverpb.KV/Put': {
        kind: 'unary',
        handle() {
          assert.fail('called');
        },
      },
    });
    const text = "invalid character 'g' looking for beginning of value";
    assert.equal(
      answer(gateway.post('/v3/kv/put', 'garbage')),
      `400 {"error":"${text}","code":3,"message":"${text}"}`,
    );
    const large = { value: Buffer.alloc(1001).toString('base64') };
    assert.match(
      answer(gateway.post('/v3/kv/put', JSON.stringify(large))),
      /^429 .*"message":"grpc: received message larger than max \(1004 vs\. 1000\)"/,
    );
    assert.equal(gateway.post('/v3/kv/put', ' '.repeat(2001)).status, 413);
    const latin = ask(gateway.handler, {
      method: 'POST',
      target: '/v3/kv/put',
      body: Uint8Array.of(0x7b, 0xff, 0x7d),
    });
    assert.match(answer(latin), /^400 .*invalid UTF-8/);
  });

  it('knows no other paths and methods', () => {
    const gateway = new Gateway({});
    const told = (exchange: FakeExchange) => [exchange.status, exchange.answerBody.trim()];
    assert.deepEqual(told(gateway.post('/v3/kv/nope', '{}')), [404, 'Not Found']);
    assert.deepEqual(told(gateway.post('/v3/kv/rangestream', '{}')), [404, 'Not Found']);
    assert.deepEqual(told(gateway.post('/v3/', '{}')), [404, 'Not Found']);
    assert.deepEqual(told(ask(gateway.handler, { target: '/v3/kv/range' })), [405, 'Method Not Allowed']);
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'x-http-method-override': 'get' };
    assert.deepEqual(told(gateway.post('/v3/kv/range', '{}', form)), [405, 'Method Not Allowed']);
    const text = 'unknown service v3lockpb.Lock';
    assert.equal(
      answer(gateway.post('/v3/lock/lock', '{}')),
      `501 {"error":"${text}","code":12,"message":"${text}"}`,
    );
    assert.equal(ask(createApi({ gateway: undefined }).handler, { target: '/v3/kv/range' }).status, 404);
  });
});

describe('a server-streaming call through the gateway', () => {
  it('is answered in lines, as fast as the client reads', () => {
    let call: GrpcStreamCall | undefined;
    let drained = 0;
    const gateway = new Gateway({
      '/etcdserverpb.Maintenance/Snapshot': {
        kind: 'server-stream',
        handle(given) {
          call = given;
          given.onDrain(() => drained++);
          given.sendHeaders();
        },
      },
    });
    const exchange = gateway.post('/v3/maintenance/snapshot', '');
    assert.equal(exchange.status, 0);
    exchange.highWaterBytes = 60;
    assert.equal(
      call!.write(bytesOf(SnapshotResponseSchema, { remainingBytes: 1n, blob: Uint8Array.of(1) })),
      true,
    );
    assert.equal(exchange.answerHeaders, OK_HEADERS);
    assert.equal(call!.write(bytesOf(SnapshotResponseSchema, { blob: Uint8Array.of(2) })), false);
    assert.ok(call!.pendingBytes > 60);
    exchange.drain();
    assert.equal(drained, 1);
    call!.end();
    assert.equal(
      answer(exchange),
      '200 {"result":{"remaining_bytes":"1","blob":"AQ=="}}\n{"result":{"blob":"Ag=="}}\n',
    );
    assert.equal(exchange.closed, true);
    assert.equal(call!.write(new Uint8Array(0)), false);
  });

  it('tells errors in a line, or with a status before the first', () => {
    let fail: (call: GrpcStreamCall) => void = () => {};
    const gateway = new Gateway({
      '/etcdserverpb.Maintenance/Snapshot': { kind: 'server-stream', handle: (call) => fail(call) },
    });
    const error =
      '{"error":{"grpc_code":14,"http_code":503,"message":"gone","http_status":"Service Unavailable","code":14}}';
    fail = (call) => call.fail(GrpcStatus.unavailable, 'gone');
    assert.equal(answer(gateway.post('/v3/maintenance/snapshot', '{}')), `503 ${error}`);
    fail = (call) => {
      call.write(new Uint8Array(0));
      call.fail(GrpcStatus.unavailable, 'gone');
    };
    assert.equal(answer(gateway.post('/v3/maintenance/snapshot', '{}')), `200 {"result":{}}\n${error}\n`);
    fail = (call) => call.end();
    const empty = gateway.post('/v3/maintenance/snapshot', '{}');
    assert.equal(answer(empty), '200 ');
    assert.equal(empty.answerHeaders, '');
    assert.match(answer(gateway.post('/v3/maintenance/snapshot', '[')), /^400 .*"code":3/);
  });
});

describe('a bidirectional call through the gateway', () => {
  class KeepAlive {
    readonly ids: bigint[] = [];
    done = false;
    call: GrpcStreamCall | undefined;
    onMessage: () => void = () => {};

    readonly gateway = new Gateway({
      '/etcdserverpb.Lease/LeaseKeepAlive': {
        kind: 'bidirectional',
        open: (call) => {
          this.call = call;
          return {
            message: (bytes) => {
              const { ID } = fromBinary(LeaseKeepAliveRequestSchema, bytes);
              this.ids.push(ID);
              call.write(bytesOf(LeaseKeepAliveResponseSchema, { ID, TTL: 5n }));
              this.onMessage();
            },
            clientDone: () => {
              this.done = true;
            },
          };
        },
      },
    });

    open(body = ''): FakeExchange {
      return this.gateway.post('/v3/lease/keepalive', body);
    }
  }

  it('takes objects as they come, however they are cut', () => {
    const service = new KeepAlive();
    const exchange = service.open('{"ID":1}{"ID"');
    assert.deepEqual(service.ids, [1n]);
    exchange.sendChunk(':2} \n');
    exchange.sendChunk('{"ID":"3","x":"}\\"{');
    exchange.sendChunk('"}');
    assert.deepEqual(service.ids, [1n, 2n, 3n]);
    assert.equal(service.done, false);
    exchange.endBody();
    assert.equal(service.done, true);
    assert.equal(exchange.closed, false);
    service.call!.end();
    assert.equal(
      answer(exchange),
      '200 {"result":{"ID":"1","TTL":"5"}}\n{"result":{"ID":"2","TTL":"5"}}\n{"result":{"ID":"3","TTL":"5"}}\n',
    );
  });

  it('holds objects back while the method pauses', () => {
    const service = new KeepAlive();
    service.onMessage = () => service.call!.pause();
    const exchange = service.open('{"ID":1}{"ID":2}{"ID":3}');
    exchange.endBody();
    assert.deepEqual(service.ids, [1n]);
    assert.equal(exchange.bodyPaused, true);
    service.call!.resume();
    assert.deepEqual(service.ids, [1n, 2n]);
    assert.equal(service.done, false);
    service.onMessage = () => {};
    service.call!.resume();
    assert.deepEqual(service.ids, [1n, 2n, 3n]);
    assert.equal(service.done, true);
    assert.equal(exchange.bodyPaused, false);
  });

  it('refuses a malformed first object and takes a later one for the end', () => {
    const first = new KeepAlive();
    assert.match(answer(first.open('{"ID":"x"}')), /^400 .*invalid value for int64 field ID/);
    assert.equal(first.call!.closed, true);

    const later = new KeepAlive();
    const exchange = later.open('{"ID":1}nonsense\n{"ID":2}');
    exchange.endBody();
    assert.deepEqual(later.ids, [1n]);
    assert.equal(later.done, true);

    const unfinished = new KeepAlive();
    const cut = unfinished.open('{"ID":1');
    cut.endBody();
    assert.match(answer(cut), /^400 .*unexpected EOF/);
  });

  it('takes bytes that are no text for the end as well, and hears what came before them', () => {
    const service = new KeepAlive();
    const exchange = service.open('{"ID":1}');
    exchange.sendChunk(Buffer.from('{"ID":2}{"\xff":3}', 'latin1'));
    exchange.sendChunk('{"ID":4}');
    assert.deepEqual(service.ids, [1n, 2n]);
    assert.equal(service.done, true);
  });

  it('takes ever so many objects a few at a time, and pauses between them', async () => {
    let call: GrpcStreamCall | undefined;
    let heard = 0;
    let done = 0;
    const open = (given: GrpcStreamCall) => {
      call = given;
      return {
        message: () => {
          heard++;
          if (heard === 2500) given.pause();
        },
        clientDone: () => void done++,
      };
    };
    const path = '/etcdserverpb.Lease/LeaseKeepAlive';
    const gateway = new Gateway({ [path]: { kind: 'bidirectional', open } });
    const exchange = gateway.post('/v3/lease/keepalive', '{}'.repeat(300_000));
    assert.equal(heard, 1000);
    assert.equal(exchange.bodyPaused, true);
    await turnsUntil(() => heard === 2500);
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    assert.equal(heard, 2500);
    call!.resume();
    assert.equal(heard, 3500);
    await turnsUntil(() => heard === 300_000 && !exchange.bodyPaused);
    exchange.sendChunk(`${'{}'.repeat(1500)}{"ID":`);
    exchange.endBody();
    assert.equal(done, 0);
    await turnsUntil(() => done === 1);
    assert.equal(heard, 301_500);
  });

  it('hears nothing in blank lines', () => {
    const service = new KeepAlive();
    const exchange = service.open('{"ID":1}\r\n');
    for (const chunk of ['\r\n', '\n', ' \n{"ID":2}\n']) exchange.sendChunk(chunk);
    exchange.endBody();
    assert.deepEqual(service.ids, [1n, 2n]);
    assert.equal(service.done, true);
  });

  it('does not keep an object that never ends', () => {
    const service = new KeepAlive();
    const exchange = service.open('{"x":"');
    exchange.sendChunk('y'.repeat(1990));
    assert.equal(exchange.status, 0);
    exchange.sendChunk('y'.repeat(10));
    assert.equal(exchange.status, 429);
  });

  it('ends with the client', () => {
    const service = new KeepAlive();
    let closed = 0;
    const exchange = service.open('{"ID":1}');
    service.call!.onClose(() => closed++);
    exchange.leave();
    assert.equal(closed, 1);
    assert.equal(service.call!.closed, true);
    assert.equal(service.call!.write(new Uint8Array(0)), false);
  });

  it('ends at its deadline', () => {
    const service = new KeepAlive();
    const exchange = service.gateway.post('/v3/lease/keepalive', '{"ID":1}', { 'grpc-timeout': '1S' });
    service.gateway.clock.advance(1000);
    assert.match(
      answer(exchange),
      /^200 .*\n\{"error":\{"grpc_code":4,.*"message":"context deadline exceeded".*\}\}\n$/,
    );
    assert.equal(exchange.closed, true);
  });
});

describe('requests in JSON', () => {
  it('of a range', () => {
    let seen: unknown;
    const gateway = new Gateway({
      '/etcdserverpb.KV/Range': {
        kind: 'unary',
        handle(call, request) {
          const { $typeName: _, ...fields } = fromBinary(RangeRequestSchema, request);
          seen = fields;
          call.respond(new Uint8Array(0));
        },
      },
    });
    const body =
      '{"key":"AA","range_end":"AA==","limit":"1e1","revision":2.0,"sort_order":"DESCEND","sortTarget":3,"keys_only":true}';
    assert.equal(answer(gateway.post('/v3/kv/range', body)), '200 {}');
    assert.deepEqual(seen, {
      key: Uint8Array.of(0),
      rangeEnd: Uint8Array.of(0),
      limit: 10n,
      revision: 2n,
      sortOrder: 2,
      sortTarget: 3,
      serializable: false,
      keysOnly: true,
      countOnly: false,
      minModRevision: 0n,
      maxModRevision: 0n,
      minCreateRevision: 0n,
      maxCreateRevision: 0n,
    });
  });
});
