/** How HTTP/2 connections begin, are kept alive, and end: draining, keepalive, timeouts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode, Flag, FrameType } from '../../src/net/http2/frame.ts';
import { HandClock } from './clocks.ts';
import {
  data,
  frame,
  getFields,
  grpcFields,
  Http2Client,
  headers,
  message,
  ping,
  preface,
  settings,
  windowUpdate,
} from './http2-client.ts';
import { serveHttp2 } from './http2-server.ts';
import { exchange, serve, turnsUntil } from './raw-client.ts';

const hangFields = [...getFields.slice(0, 2), [':path', '/hang'] as const];

describe('draining', () => {
  test('in two steps: what is under way is finished, streams end with a status, then the connection does', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Hang'), 0), data(1, message(''), Flag.endStream));
    client.send(headers(3, grpcFields('/t.T/Open'), 0), headers(5, hangFields), headers(7, hangFields));
    await turnsUntil(() => server.calls.length === 1 && server.exchanges.length === 2);
    let polled = 0;
    server.exchanges[1]!.onClose(() => polled++);
    const drained = server.listener.drain(60_000);
    const first = await client.frame(({ type }) => type === FrameType.goAway);
    assert.deepEqual(
      [first.payload.readUInt32BE(0), first.payload.readUInt32BE(4)],
      [2 ** 31 - 1, ErrorCode.noError],
    );
    const stream = await client.answer(3);
    assert.deepEqual(
      [stream.headers['grpc-status'], stream.headers['grpc-message']],
      ['14', 'the server is stopping'],
    );
    assert.deepEqual(server.closed, ['/t.T/Open']);
    assert.equal(polled, 1);
    // A request that crossed the first GOAWAY is served.
    assert.equal((await client.get(9)).status, '200');
    const asked = await client.frame(({ type, flags }) => type === FrameType.ping && flags === 0);
    client.send(frame(FrameType.ping, Flag.ack, 0, asked.payload));
    await client.frame(({ type, payload }) => type === FrameType.goAway && payload.readUInt32BE(0) === 9);
    // One after the second is not, and its header block must still be read.
    client.send(headers(11, getFields), data(11, ''), windowUpdate(0, 1));
    server.calls[0]!.respond(Buffer.from('finished'));
    assert.deepEqual((await client.answer(1)).body, message('finished'));
    assert.equal(client.ended, false);
    server.exchanges[0]!.send(200, '', 'too');
    assert.equal((await client.answer(5)).body.toString(), 'too');
    const frames = await client.untilEnd();
    assert.equal(
      frames.some(({ streamId }) => streamId === 11),
      false,
    );
    client.socket.end();
    await drained;
    assert.equal(server.listener.connectionCount, 0);
  });

  test('an idle connection ends as soon as the client has seen the first step', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    const drained = server.listener.drain(60_000);
    const asked = await client.frame(({ type }) => type === FrameType.ping);
    client.send(frame(FrameType.ping, Flag.ack, 0, asked.payload));
    assert.equal(await client.goAway(), ErrorCode.noError);
    client.socket.end();
    await drained;
  });

  test('a client that does not answer is not waited for', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock });
    const client = await Http2Client.connect(server.port);
    const drained = server.listener.drain(60_000);
    await client.frame(({ type }) => type === FrameType.ping);
    clock.advance(3_000);
    assert.equal(await client.goAway(), ErrorCode.noError);
    clock.advance(3_000);
    await drained;
    client.destroy();
  });

  test('an exchange with nothing answered yet that waits for an event is cancelled', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, hangFields));
    await turnsUntil(() => server.exchanges.length === 1);
    let closed = 0;
    server.exchanges[0]!.onClose(() => closed++);
    void server.listener.drain(60_000);
    assert.equal(await client.resetCode(1), ErrorCode.cancel);
    assert.equal(closed, 1);
    await server.listener.close();
    client.destroy();
  });
});

describe('keepalive', () => {
  const pings = (client: Http2Client) =>
    client.frames.filter(({ type, flags }) => type === FrameType.ping && flags === 1).length;

  test('the third ping too early without streams ends the connection', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    for (let i = 0; i < 3; i++) client.send(ping());
    await client.until(() => pings(client) === 3);
    assert.equal(client.ended, false);
    client.send(ping());
    const frames = await client.untilEnd();
    const { payload } = frames.at(-1)!;
    assert.deepEqual(
      [payload.readUInt32BE(4), payload.toString('latin1', 8)],
      [ErrorCode.enhanceYourCalm, 'too_many_pings'],
    );
    client.destroy();
    await server.listener.close();
  });

  test('with a stream open a ping every min-time is welcome, and output forgives all', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, keepalive: { minTimeMs: 5_000 } });
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, grpcFields('/t.T/Open'), 0));
    await turnsUntil(() => server.streams.length === 1);
    for (let i = 1; i <= 10; i++) {
      client.send(ping());
      await client.until(() => pings(client) === i);
      clock.advance(5_000);
    }
    for (let i = 1; i <= 10; i++) {
      server.streams[0]!.write(Buffer.from('x'));
      client.send(ping());
      await client.until(() => pings(client) === 10 + i);
    }
    for (let i = 1; i <= 3; i++) client.send(ping());
    assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
    assert.deepEqual(server.closed, ['/t.T/Open']);
    client.destroy();
    await server.listener.close();
  });

  test('a min-time of 0 lets everybody ping', async () => {
    const server = await serveHttp2({ keepalive: { minTimeMs: 0 } });
    const client = await Http2Client.connect(server.port);
    for (let i = 0; i < 20; i++) client.send(ping());
    await client.until(() => pings(client) === 20);
    assert.equal((await client.get(1)).status, '200');
    client.destroy();
    await server.listener.close();
  });

  test('a silent client is pinged, and dropped if it stays silent', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, keepalive: { intervalMs: 60_000, timeoutMs: 10_000 } });
    const client = await Http2Client.connect(server.port);
    const asked = () => client.frames.filter(({ type, flags }) => type === FrameType.ping && flags === 0);
    clock.advance(59_000);
    assert.equal((await client.get(1)).status, '200');
    assert.equal(asked().length, 0);
    clock.advance(62_000);
    await client.until(() => asked().length === 1);
    client.send(frame(FrameType.ping, Flag.ack, 0, asked()[0]!.payload));
    assert.equal((await client.get(3)).status, '200');
    clock.advance(30_000);
    assert.equal(server.listener.connectionCount, 1);
    clock.advance(32_000);
    await client.until(() => asked().length === 2);
    clock.advance(12_000);
    assert.equal(await client.goAway(), -1);
    await turnsUntil(() => server.listener.connectionCount === 0);
    client.destroy();
    await server.listener.close();
  });
});

describe('timeouts', () => {
  test('a client that never acknowledges our settings', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, limits: { headTimeoutMs: 5_000 } });
    const client = await Http2Client.connectRaw(server.port);
    client.send(preface, settings());
    await client.until(() => client.frames.length >= 3);
    clock.advance(6_000);
    assert.equal(await client.goAway(), ErrorCode.settingsTimeout);
    client.destroy();
    await server.listener.close();
  });

  test('a frame that is never completed', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, limits: { bodyIdleTimeoutMs: 5_000 } });
    const client = await Http2Client.connect(server.port);
    const before = server.listener.metrics.receivedBytes;
    client.send(headers(1, getFields).subarray(0, 20));
    await turnsUntil(() => server.listener.metrics.receivedBytes === before + 20);
    clock.advance(6_000);
    assert.equal(await client.goAway(), ErrorCode.protocolError);
    client.destroy();
    await server.listener.close();
  });

  test('an answer that the client opens no window for is dropped', async () => {
    const clock = new HandClock();
    const server = await serveHttp2({ clock, limits: { writeStallTimeoutMs: 5_000 } });
    const client = await Http2Client.connect(server.port, [4, 0]);
    client.send(
      headers(1, grpcFields('/t.T/Unary'), 0),
      data(1, message('x'), Flag.endStream),
      headers(3, getFields),
    );
    await client.until(() => client.frames.filter(({ type }) => type === FrameType.headers).length === 2);
    clock.advance(7_000);
    assert.equal(await client.resetCode(1), ErrorCode.cancel);
    assert.equal(await client.resetCode(3), ErrorCode.cancel);
    client.destroy();
    await server.listener.close();
  });
});

test('a listener without gRPC refuses HTTP/2 by prior knowledge, in HTTP/2', async () => {
  const server = await serve((request) => request.send(200, '', ''));
  const client = await Http2Client.connectRaw(server.port);
  client.send(preface, settings());
  assert.equal(await client.goAway(), ErrorCode.http11Required);
  client.destroy();
  await server.close();
});

test('HTTP/1.1 goes on beside it on the same port', async () => {
  const server = await serveHttp2();
  const answer = await exchange(server.port, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  await server.listener.close();
});

test('a client that ends its side is gone: calls are told, the connection ends', async () => {
  const server = await serveHttp2();
  const client = await Http2Client.connect(server.port);
  client.send(headers(1, grpcFields('/t.T/Open'), 0));
  await turnsUntil(() => server.streams.length === 1);
  client.socket.end();
  await client.untilEnd();
  assert.deepEqual(server.closed, ['/t.T/Open']);
  await turnsUntil(() => server.listener.connectionCount === 0);
  await server.listener.close();
});
