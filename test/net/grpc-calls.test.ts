/** gRPC calls over raw frames: framing, statuses, deadlines, cancellation, back-pressure, compression. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type GrpcMethod, GrpcStatus, type GrpcStreamCall } from '../../src/net/grpc-call.ts';
import { ErrorCode, Flag, FrameType, Setting } from '../../src/net/http2/frame.ts';
import { HandClock } from './clocks.ts';
import {
  data,
  type Fields,
  getFields,
  grpcFields,
  Http2Client,
  headers,
  message,
  ping,
  postFields,
  reset,
  windowUpdate,
} from './http2-client.ts';
import { serveHttp2 } from './http2-server.ts';
import { serve, turnsUntil } from './raw-client.ts';

const last = Flag.endStream;

/** A call with all its input at once. */
async function call(port: number, path: string, input: Uint8Array, more: Fields = []) {
  const client = await Http2Client.connect(port);
  client.send(headers(1, grpcFields(path, more), 0), data(1, input, last));
  const answer = await client.answer(1);
  client.destroy();
  return answer;
}

const ok = (answer: Awaited<ReturnType<typeof call>>) => {
  assert.equal(answer.status, '200');
  assert.equal(answer.headers['content-type'], 'application/grpc');
  assert.deepEqual(answer.trailers, { 'grpc-status': '0' });
  return answer.body;
};

/** A trailers-only answer. */
const failure = (answer: Awaited<ReturnType<typeof call>>) => {
  assert.equal(answer.status, '200');
  assert.equal(answer.headers['content-type'], 'application/grpc');
  assert.deepEqual(answer.trailers, {});
  assert.equal(answer.body.length, 0);
  return [Number(answer.headers['grpc-status']), answer.headers['grpc-message']];
};

test('the kinds of calls, and messages of any size, in any pieces', async () => {
  const server = await serveHttp2();
  const { port } = server;
  assert.deepEqual(ok(await call(port, '/t.T/Unary', message('hello'))), message('hello'));
  assert.deepEqual(ok(await call(port, '/t.T/Unary', message(''))), message(''));
  const three = [1, 2, 3].map((n) => message(Buffer.from([n])));
  assert.deepEqual(ok(await call(port, '/t.T/Count', message(Buffer.from([3])))), Buffer.concat(three));
  assert.deepEqual(ok(await call(port, '/t.T/Count', message(Buffer.from([0])))), Buffer.alloc(0));
  assert.deepEqual(ok(await call(port, '/t.T/Echo', Buffer.concat(three))), Buffer.concat(three));
  assert.deepEqual(ok(await call(port, '/t.T/Echo', Buffer.alloc(0))), Buffer.alloc(0));
  const client = await Http2Client.connect(port);
  const input = Buffer.concat([
    message('first'),
    message(''),
    message(Buffer.alloc(40_000, 7)),
    message('last'),
  ]);
  let id = 1;
  for (const size of [1, 3, 4, 5, 6, 7, 100, 16384]) {
    client.send(headers(id, grpcFields('/t.T/Echo'), 0), windowUpdate(id, 100_000), windowUpdate(0, 100_000));
    // Tiny frames for the beginning only: ten thousand of them would be a test of patience.
    const cut = size < 100 ? 200 : input.length;
    for (let at = 0; at < cut; at += size)
      client.send(data(id, input.subarray(at, Math.min(cut, at + size))));
    for (let at = cut; at < input.length; at += 16384) client.send(data(id, input.subarray(at, at + 16384)));
    client.send(data(id, '', last));
    assert.deepEqual((await client.answer(id)).body, input, `in pieces of ${size}`);
    id += 2;
  }
  client.destroy();
  await server.listener.close();
});

test('a status with a message: trailers only, percent-encoded', async () => {
  const server = await serveHttp2();
  assert.deepEqual(failure(await call(server.port, '/t.T/Fail', message('etcdserver: no such thing'))), [
    GrpcStatus.notFound,
    'etcdserver: no such thing',
  ]);
  const odd = await call(server.port, '/t.T/Fail', message('100 %\n\u00e9\u{1f600}~'));
  assert.deepEqual(failure(odd), [GrpcStatus.notFound, '100 %25%0A%C3%A9%F0%9F%98%80~']);
  const empty = await call(server.port, '/t.T/Fail', message(''));
  assert.deepEqual(failure(empty), [GrpcStatus.notFound, undefined]);
  await server.listener.close();
});

test('a failure after messages comes in the trailers', async () => {
  const methods = new Map<string, GrpcMethod>([
    [
      '/t.T/Half',
      {
        kind: 'server-stream',
        handle(each) {
          each.write(Buffer.from('one'));
          each.fail(GrpcStatus.unavailable, 'that was all');
          each.write(Buffer.from('two'));
          each.end();
        },
      },
    ],
  ]);
  const server = await serve(() => {}, { grpc: methods });
  const answer = await call(server.port, '/t.T/Half', message(''));
  assert.deepEqual(answer.body, message('one'));
  assert.deepEqual(answer.trailers, { 'grpc-status': '14', 'grpc-message': 'that was all' });
  await server.close();
});

describe('calls that no method sees', () => {
  const cases: readonly (readonly [
    title: string,
    path: string,
    more: Fields,
    input: Uint8Array,
    status: GrpcStatus,
    text: string,
  ])[] = [
    ['an unknown service', '/no.Such/Method', [], message(''), 12, 'unknown service no.Such'],
    ['an unknown method', '/t.T/None', [], message(''), 12, 'unknown method None for service t.T'],
    ['a path that is no method', '/method', [], message(''), 12, 'malformed method name: "/method"'],
    ['no message', '/t.T/Unary', [], Buffer.alloc(0), 2, 'EOF'],
    ['half a message', '/t.T/Unary', [], message('hello').subarray(0, 7), 2, 'unexpected EOF'],
    ['half a head', '/t.T/Echo', [], Buffer.alloc(3), 2, 'EOF'],
    [
      'a large message',
      '/t.T/Unary',
      [],
      Buffer.from([0, 0, 32, 0, 1]),
      8,
      'grpc: received message larger than max (2097153 vs. 2097152)',
    ],
    ['an unknown flag', '/t.T/Unary', [], message('x', 2), 13, 'grpc: received unexpected payload format 2'],
    [
      'compressed without an encoding',
      '/t.T/Unary',
      [],
      message('x', 1),
      13,
      'grpc: compressed flag set with identity or empty encoding',
    ],
    [
      'an unknown encoding',
      '/t.T/Unary',
      [['grpc-encoding', 'snappy']],
      message('x'),
      12,
      'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    ],
    [
      'no gzip',
      '/t.T/Unary',
      [['grpc-encoding', 'gzip']],
      message('not gzip', 1),
      13,
      'grpc: failed to decompress the message: gzip: invalid header',
    ],
  ];
  for (const [title, path, more, input, status, text] of cases) {
    test(title, async () => {
      const server = await serveHttp2();
      assert.deepEqual(failure(await call(server.port, path, input, more)), [status, text]);
      await server.listener.close();
    });
  }

  test('another method than POST, another codec (which makes no difference), a timeout that is none', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    const fields = grpcFields('/t.T/Unary');
    client.send(headers(1, [[':method', 'PUT'], ...fields.slice(1)]));
    assert.equal((await client.answer(1)).status, '405');
    client.send(
      headers(
        3,
        fields.map(([name, value]) => [name, name === 'content-type' ? `${value}+json` : value]),
        0,
      ),
      data(3, message('as it is'), last),
    );
    assert.deepEqual((await client.answer(3)).body, message('as it is'));
    client.send(headers(5, [...fields, ['grpc-timeout', '1x']]));
    const answer = await client.answer(5);
    assert.deepEqual(
      [answer.status, answer.headers['grpc-message']],
      ['400', 'malformed grpc-timeout: transport: timeout unit is not recognized: "1x"'],
    );
    client.destroy();
    await server.listener.close();
  });

  test('other content types go to the ordinary handler, application/grpc+proto does not', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    const withType = (type: string): Fields => [
      ...grpcFields('/t.T/Unary').slice(0, 4),
      ['content-type', type],
    ];
    client.send(headers(1, withType('application/grpc-web'), 0), data(1, message('abc'), last));
    assert.equal((await client.answer(1)).body.toString(), '8 bytes');
    client.send(headers(3, withType('application/grpc+proto'), 0), data(3, message('abc'), last));
    assert.deepEqual((await client.answer(3)).body, message('abc'));
    client.send(headers(5, postFields, 0), data(5, 'abc', last));
    assert.equal((await client.answer(5)).body.toString(), '3 bytes');
    client.destroy();
    await server.listener.close();
  });
});

test('a second message of a unary call is dropped', async () => {
  const server = await serveHttp2();
  const two = Buffer.concat([message('a'), message('b')]);
  assert.deepEqual(ok(await call(server.port, '/t.T/Unary', two)), message('a'));
  await server.listener.close();
});

test('gzip: requests are unpacked, and not beyond the limit', async () => {
  const server = await serveHttp2({ messageBytesMax: 10_000 });
  const gzip: Fields = [['grpc-encoding', 'gzip']];
  const text = Buffer.alloc(9_000, 'abc');
  assert.deepEqual(
    ok(await call(server.port, '/t.T/Unary', message(gzipSync(text), 1), gzip)),
    message(text),
  );
  assert.deepEqual(ok(await call(server.port, '/t.T/Unary', message('plain'), gzip)), message('plain'));
  const bomb = message(gzipSync(Buffer.alloc(5_000_000)), 1);
  assert.deepEqual(failure(await call(server.port, '/t.T/Unary', bomb, gzip)), [
    GrpcStatus.resourceExhausted,
    'grpc: received message after decompression larger than max 10000',
  ]);
  await server.listener.close();
});

test('metadata: by lower-case name, repeated values joined', async () => {
  let seen: unknown[] = [];
  const methods = new Map<string, GrpcMethod>([
    [
      '/t.T/See',
      {
        kind: 'unary',
        handle(each) {
          seen = [
            each.metadata('hasleader'),
            each.metadata('k'),
            each.metadata('none'),
            each.path,
            each.secure,
            each.deadlineMs,
          ];
          assert.match(each.remoteAddress, /^127\.0\.0\.1:\d+$/);
          each.respond(Buffer.from(''));
        },
      },
    ],
  ]);
  const server = await serve(() => {}, { grpc: methods });
  const more: Fields = [
    ['hasleader', 'true'],
    ['k', '1'],
    ['k', '2'],
  ];
  ok(await call(server.port, '/t.T/See', message(''), more));
  assert.deepEqual(seen, ['true', '1, 2', undefined, '/t.T/See', false, undefined]);
  await server.close();
});

describe('ends of calls', () => {
  test('the deadline: the call fails, its method is told, what it says later is dropped', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock });
    const client = await Http2Client.connect(server.port);
    client.send(
      headers(1, grpcFields('/t.T/Hang', [['grpc-timeout', '250m']]), 0),
      data(1, message(''), last),
    );
    client.send(
      headers(3, grpcFields('/t.T/Hang', [['grpc-timeout', '30S']]), 0),
      data(3, message(''), last),
    );
    await turnsUntil(() => server.calls.length === 2);
    assert.equal(server.calls[0]!.deadlineMs, clock.monotonicMs() + 250);
    clock.advance(200);
    assert.deepEqual(server.closed, []);
    clock.advance(100);
    assert.deepEqual(server.closed, ['/t.T/Hang']);
    assert.equal(server.calls[0]!.closed, true);
    server.calls[0]!.respond(Buffer.from('late'));
    const answer = await client.answer(1);
    assert.deepEqual(failure(answer), [GrpcStatus.deadlineExceeded, 'context deadline exceeded']);
    clock.advance(29_000);
    assert.equal(server.calls[1]!.closed, false);
    server.calls[1]!.respond(Buffer.from('in time'));
    assert.deepEqual((await client.answer(3)).body, message('in time'));
    clock.advance(10_000);
    assert.equal(server.closed.length, 1);
    client.destroy();
    await server.listener.close();
  });

  test('a deadline that has passed already', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock });
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Hang', [['grpc-timeout', '0n']]), 0), data(1, message(''), last));
    await turnsUntil(() => server.calls.length === 1);
    clock.advance(20);
    assert.deepEqual(failure(await client.answer(1)), [
      GrpcStatus.deadlineExceeded,
      'context deadline exceeded',
    ]);
    client.destroy();
    await server.listener.close();
  });

  test('cancelled by the client', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(
      headers(1, grpcFields('/t.T/Hang'), 0),
      data(1, message(''), last),
      headers(3, grpcFields('/t.T/Open'), 0),
    );
    await turnsUntil(() => server.calls.length === 1 && server.streams.length === 1);
    client.send(reset(1), reset(3));
    await turnsUntil(() => server.closed.length === 2);
    assert.deepEqual([server.calls[0]!.closed, server.streams[0]!.closed], [true, true]);
    server.calls[0]!.respond(Buffer.from('late'));
    assert.equal(server.streams[0]!.write(Buffer.from('late')), false);
    server.streams[0]!.end();
    assert.equal((await client.get(5)).status, '200');
    assert.equal(
      client.frames.some(({ streamId }) => streamId === 1 || streamId === 3),
      false,
    );
    client.destroy();
    await server.listener.close();
  });

  test('the connection is lost', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(
      headers(1, grpcFields('/t.T/Hang'), 0),
      data(1, message(''), last),
      headers(3, grpcFields('/t.T/Open'), 0),
    );
    await turnsUntil(() => server.calls.length === 1 && server.streams.length === 1);
    client.socket.resetAndDestroy();
    await turnsUntil(() => server.closed.length === 2);
    await server.listener.close();
    assert.equal(server.closed.length, 2);
  });

  test('a stream that ends itself has not been closed on', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    server.streams[0]!.end();
    const answer = await client.answer(1);
    assert.equal(answer.trailers['grpc-status'], '0');
    assert.equal(await client.resetCode(1), ErrorCode.noError);
    assert.deepEqual(server.closed, []);
    client.destroy();
    await server.listener.close();
  });

  test('a request whose message never comes is given up', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, limits: { bodyIdleTimeoutMs: 5_000 } });
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Unary'), 0), data(1, Buffer.alloc(3)));
    client.send(headers(3, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    clock.advance(6_000);
    assert.deepEqual(failure(await client.answer(1)), [
      GrpcStatus.deadlineExceeded,
      'the request did not arrive in time',
    ]);
    assert.equal(server.streams[0]!.closed, false);
    client.destroy();
    await server.listener.close();
  });
});

describe('back-pressure', () => {
  test("the producer is told to wait, at the stream's high-water mark, and when to go on", async () => {
    const server = await serveHttp2({ limits: { pendingOutputBytes: 10_000 } });
    const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 20_000]);
    client.send(headers(1, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    const stream = server.streams[0]!;
    let drains = 0;
    stream.onDrain(() => drains++);
    const piece = Buffer.alloc(9_995);
    assert.equal(stream.write(piece), true);
    assert.equal(stream.write(piece), true);
    assert.equal(stream.pendingBytes, 0);
    assert.equal(stream.write(piece), true);
    assert.equal(stream.pendingBytes, 10_000);
    assert.equal(stream.write(piece), false);
    assert.equal(stream.pendingBytes, 20_000);
    client.send(windowUpdate(1, 10_000), ping());
    await client.frame(({ type }) => type === FrameType.ping);
    assert.equal(drains, 0);
    client.send(windowUpdate(1, 8_000));
    await turnsUntil(() => drains === 1);
    assert.equal(stream.pendingBytes, 2_000);
    assert.equal(stream.write(Buffer.from('more')), true);
    stream.end();
    assert.equal(stream.closed, true);
    client.send(windowUpdate(1, 100_000));
    const answer = await client.answer(1);
    assert.equal(answer.body.length, 40_009);
    assert.equal(answer.trailers['grpc-status'], '0');
    client.destroy();
    await server.listener.close();
  });

  test('who was told to wait is told to go on, though another producer of the stream has written meanwhile', async () => {
    const server = await serveHttp2({ limits: { pendingOutputBytes: 10_000 } });
    const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 0]);
    client.send(headers(1, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    const stream = server.streams[0]!;
    let drains = 0;
    stream.onDrain(() => drains++);
    assert.equal(stream.write(Buffer.alloc(19_995)), false);
    client.send(windowUpdate(1, 15_000), ping());
    await client.frame(({ type }) => type === FrameType.ping);
    assert.equal(stream.pendingBytes, 5_000);
    assert.equal(stream.write(Buffer.from('more')), false);
    client.send(windowUpdate(1, 100_000));
    await turnsUntil(() => stream.pendingBytes === 0);
    assert.equal(drains, 1);
    client.destroy();
    await server.listener.close();
  });

  test('a producer that does not listen is cut off', async () => {
    const server = await serveHttp2({
      limits: { pendingOutputBytes: 1_000, pendingOutputBytesMax: 100_000 },
    });
    const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 0]);
    client.send(headers(1, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    const stream = server.streams[0]!;
    for (let i = 0; i < 100 && !stream.closed; i++) stream.write(Buffer.alloc(10_000));
    assert.equal(stream.closed, true);
    assert.deepEqual(server.closed, ['/t.T/Open']);
    assert.equal(await client.resetCode(1), ErrorCode.enhanceYourCalm);
    client.send(headers(3, getFields), windowUpdate(3, 100));
    assert.equal((await client.answer(3)).status, '200');
    client.destroy();
    await server.listener.close();
  });

  test('a paused call keeps what has come, opens no window, and hears it all after', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Open'), 0), data(1, message('one')));
    await turnsUntil(() => server.messages.length === 1);
    const stream = server.streams[0]!;
    stream.pause();
    const half = message(Buffer.alloc(20_000));
    for (let i = 0; i < 3; i++)
      client.send(data(1, half.subarray(0, 10_000)), data(1, half.subarray(10_000)));
    client.send(ping());
    await client.frame(({ type }) => type === FrameType.ping);
    assert.equal(server.messages.length, 1);
    const opened = () =>
      client.frames.some(({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1);
    assert.equal(opened(), false);
    stream.resume();
    assert.equal(server.messages.length, 4);
    await client.until(opened);
    client.send(data(1, message('last')));
    await turnsUntil(() => server.messages.length === 5);
    client.destroy();
    await server.listener.close();
  });

  test('a call may pause and resume within message()', async () => {
    const order: string[] = [];
    let opened: GrpcStreamCall | undefined;
    const methods = new Map<string, GrpcMethod>([
      [
        '/t.T/Pauses',
        {
          kind: 'bidirectional',
          open(each) {
            opened = each;
            return {
              message(bytes) {
                order.push(Buffer.from(bytes).toString());
                each.pause();
                if (order.length === 2) each.resume();
              },
              clientDone: () => each.end(),
            };
          },
        },
      ],
    ]);
    const server = await serve(() => {}, { grpc: methods });
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Pauses'), 0));
    client.send(data(1, Buffer.concat(['a', 'b', 'c', 'd'].map((text) => message(text))), last));
    await turnsUntil(() => order.length === 1);
    opened!.resume();
    assert.deepEqual(order, ['a', 'b', 'c']);
    opened!.resume();
    assert.deepEqual(order, ['a', 'b', 'c', 'd']);
    assert.equal(opened!.closed, false);
    opened!.resume();
    assert.equal((await client.answer(1)).trailers['grpc-status'], '0');
    client.destroy();
    await server.close();
  });

  test('requests wait while too many answers do, and run in order once the client takes them', async () => {
    const server = await serveHttp2({ limits: { connectionOutputBytes: 50_000 } });
    const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 0]);
    const large = message(Buffer.alloc(15_000));
    for (const id of [1, 3, 5, 7])
      client.send(headers(id, grpcFields('/t.T/Unary'), 0), data(id, large, last));
    for (const id of [9, 11])
      client.send(headers(id, grpcFields('/t.T/Hang'), 0), data(id, message(`${id}`), last));
    client.send(ping());
    await client.frame(({ type }) => type === FrameType.ping);
    assert.equal(server.calls.length, 0);
    client.send(windowUpdate(1, 20_000));
    await turnsUntil(() => server.calls.length === 2);
    client.send(windowUpdate(3, 20_000), windowUpdate(5, 20_000), windowUpdate(7, 20_000));
    for (const id of [1, 3, 5, 7]) assert.equal((await client.answer(id)).body.length, 15_005);
    client.destroy();
    await server.listener.close();
  });
});

test('a table whose methods change while connections are open', async () => {
  const answering = (text: string): GrpcMethod => ({
    kind: 'unary',
    handle: (each) => each.respond(Buffer.from(text)),
  });
  const methods = new Map([['/t.T/M', answering('before')]]);
  const server = await serve(() => {}, { grpc: methods });
  const client = await Http2Client.connect(server.port);
  for (const [id, text] of [
    [1, 'before'],
    [3, 'before'],
    [5, 'after'],
    [7, 'after'],
  ] as const) {
    if (id === 5) methods.set('/t.T/M', answering('after'));
    // The same short block each time, as from a client with a table.
    client.send(headers(id, grpcFields('/t.T/M').slice(0, 5), 0), data(id, message(''), last));
    assert.deepEqual((await client.answer(id)).body, message(text));
  }
  client.destroy();
  await server.close();
});

test('a call cancelled while its answer waits for a window says nothing more when the window opens', async () => {
  const server = await serveHttp2();
  const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 1 << 20]);
  for (const id of [1, 3]) {
    client.send(headers(id, grpcFields('/t.T/Hang'), 0), data(id, message(''), last));
  }
  await turnsUntil(() => server.calls.length === 2);
  for (const each of server.calls) each.respond(Buffer.alloc(60_000));
  await client.until(() => client.frames.filter(({ type }) => type === FrameType.data).length >= 4);
  client.send(reset(3), ping());
  await client.frame(({ type }) => type === FrameType.ping);
  const before = client.frames.filter(({ streamId }) => streamId === 3).length;
  client.send(windowUpdate(0, 1 << 20));
  assert.equal((await client.get(5)).status, '200');
  assert.equal(client.frames.filter(({ streamId }) => streamId === 3).length, before);
  client.destroy();
  await server.listener.close();
});

test('sendHeaders: the client sees the headers before the first message', async () => {
  const server = await serveHttp2();
  const client = await Http2Client.connect(server.port);
  client.send(headers(1, grpcFields('/t.T/Open'), 0));
  await turnsUntil(() => server.streams.length === 1);
  server.streams[0]!.sendHeaders();
  server.streams[0]!.sendHeaders();
  await client.frame(({ streamId }) => streamId === 1);
  server.streams[0]!.write(Buffer.from('x'));
  server.streams[0]!.end();
  const answer = await client.answer(1);
  assert.equal(answer.status, '200');
  assert.deepEqual(answer.body, message('x'));
  client.destroy();
  await server.listener.close();
});
