import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpExchange, HttpStream } from '../../src/net/http-exchange.ts';
import { HandClock } from './clocks.ts';
import { exchange, RawClient, serve, turnsUntil } from './raw-client.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server whose time stands still, and a client that has been accepted. */
async function atHandTime(handler: (request: HttpExchange) => void, limits: object = {}) {
  const clock = new HandClock();
  const server = await serve(handler, { clock, limits });
  const client = await RawClient.connect(server.port);
  await turnsUntil(() => server.connectionCount === 1);
  return { clock, server, client };
}

const timedOut =
  'HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n408 Request Timeout';

test('a client that says nothing is dropped after the time for a head', async () => {
  const { clock, server, client } = await atHandTime(() => {}, { headTimeoutMs: 5000 });
  clock.advance(4000);
  assert.equal(server.connectionCount, 1);
  clock.advance(1000);
  assert.equal(await client.untilEnd(), '');
  await server.close();
});

test('slowloris: a head that trickles in gets 408, however busy it looks', async () => {
  const { clock, server, client } = await atHandTime(() => assert.fail('no request'), {
    headTimeoutMs: 5000,
  });
  client.send(get.slice(0, 20));
  await turnsUntil(() => server.metrics.receivedBytes === 20);
  for (let second = 0; second < 5; second++) {
    client.send(`X-${second}: y\r\n`);
    await turnsUntil(() => server.metrics.receivedBytes === 20 + 8 * (second + 1));
    clock.advance(1000);
  }
  assert.equal(await client.untilEnd(), timedOut);
  assert.equal(server.metrics.timeouts, 1);
  await server.close();
});

test('a head cut within the first three letters is timed as well', async () => {
  const { clock, server, client } = await atHandTime(() => {}, { headTimeoutMs: 5000 });
  client.send('PR');
  await turnsUntil(() => server.metrics.receivedBytes === 2);
  clock.advance(5000);
  assert.equal(await client.untilEnd(), '');
  await server.close();
});

test('a body that stops coming gets 408; one the handler has paused does not', async () => {
  let paused = true;
  const ended: boolean[] = [];
  const { clock, server, client } = await atHandTime(
    (request) => {
      request.streamBody(
        () => !paused,
        (complete) => ended.push(complete),
      );
      setImmediate(function resumeLater() {
        if (paused) return setImmediate(resumeLater);
        return request.resumeBody();
      });
    },
    { bodyIdleTimeoutMs: 3000 },
  );
  client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  await turnsUntil(() => server.metrics.requests === 1);
  clock.advance(60_000);
  assert.equal(server.connectionCount, 1);
  paused = false;
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(3000);
  assert.equal(await client.untilEnd(), timedOut);
  assert.deepEqual(ended, [false]);
  await server.close();
});

test('an idle connection is ended after its time, silently; a long poll is not idle', async () => {
  const polls: HttpExchange[] = [];
  const { clock, server, client } = await atHandTime((request) => polls.push(request), {
    keepAliveTimeoutMs: 10_000,
  });
  client.send(get);
  await turnsUntil(() => polls.length === 1);
  clock.advance(3_600_000);
  polls[0]!.send(200, '', 'at last');
  await client.until((text) => text.endsWith('at last'));
  clock.advance(9000);
  assert.equal(server.connectionCount, 1);
  clock.advance(1000);
  await client.untilEnd();
  assert.equal(server.metrics.timeouts, 0);
  await server.close();
});

test('a client that takes none of its answer is dropped; one that takes some is kept', async () => {
  const size = 32 << 20;
  const { clock, server, client } = await atHandTime(
    (request) => request.send(200, '', Buffer.alloc(size, 'x')),
    {
      writeStallTimeoutMs: 5000,
    },
  );
  client.send(get);
  await client.until((text) => text.length > 1000);
  for (let second = 0; second < 10; second++) {
    const before = client.received.length;
    clock.advance(1000);
    await client.until((text) => text.length > Math.min(before + (1 << 20), size));
  }
  assert.equal(server.connectionCount, 1);
  client.destroy();
  await server.close();

  const stalled = await atHandTime((request) => request.send(200, '', Buffer.alloc(size, 'x')), {
    writeStallTimeoutMs: 5000,
  });
  stalled.client.socket.pause();
  stalled.client.send(get);
  await turnsUntil(() => stalled.server.metrics.requests === 1);
  for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
  stalled.clock.advance(7000);
  await turnsUntil(() => stalled.server.connectionCount === 0);
  assert.equal(stalled.server.metrics.timeouts, 1);
  stalled.client.destroy();
  await stalled.server.close();
});

test('more connections than allowed are closed unanswered, and there is room again when one leaves', async () => {
  const server = await serve((request) => request.send(200, '', 'ok'), { limits: { connections: 2 } });
  const first = await RawClient.connect(server.port);
  const second = await RawClient.connect(server.port);
  await turnsUntil(() => server.connectionCount === 2);
  const third = await RawClient.connect(server.port);
  assert.equal(await third.untilEnd(), '');
  assert.equal(server.metrics.refusedConnections, 1);
  first.destroy();
  await turnsUntil(() => server.connectionCount === 1);
  assert.ok((await exchange(server.port, get)).endsWith('ok'));
  second.destroy();
  await server.close();
});

test('hundreds of idle connections do not hinder a busy one, and all end when the server does', async () => {
  const server = await serve((request) => request.send(200, '', 'ok'));
  const idle = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(server.port)));
  await turnsUntil(() => server.connectionCount === 300);
  const answers = await exchange(server.port, get.repeat(500));
  assert.equal(answers.split('\r\n\r\nok').length, 501);
  await server.close();
  for (const client of idle) assert.equal(await client.untilEnd(), '');
});

test('a flood of pipelined requests: only so many are taken before the first is answered, the rest is not even read', async () => {
  const open: HttpExchange[] = [];
  const server = await serve((request) => open.push(request), { limits: { pipelinedRequests: 8 } });
  const client = await RawClient.connect(server.port);
  const flood = get.repeat(400_000);
  client.send(flood);
  await turnsUntil(() => open.length === 8);
  for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(open.length, 8);
  // What one read brings on top of the allowance, and no more.
  assert.ok(server.metrics.receivedBytes <= 3 * 65536, `${server.metrics.receivedBytes}`);
  for (const request of open.splice(0)) request.send(200, '', '');
  await turnsUntil(() => open.length === 8);
  client.destroy();
  await server.close();
});

test('a client that asks and asks but reads no answers is not served further', async () => {
  let served = 0;
  const body = Buffer.alloc(100_000, 'x');
  const server = await serve((request) => {
    served++;
    request.send(200, '', body);
  });
  const client = await RawClient.connect(server.port);
  client.socket.pause();
  client.send(get.repeat(10_000));
  await turnsUntil(() => served > 5);
  for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
  const stopped = served;
  assert.ok(stopped < 500, `${stopped} of 10000 served`);
  assert.ok((await exchange(server.port, get)).length > body.length);
  client.socket.resume();
  await turnsUntil(() => served > stopped + 100);
  client.destroy();
  await server.close();
});

test('a slow reader of a big stream bounds memory, and others are served meanwhile', async () => {
  const total = 200 << 20;
  const chunk = Buffer.alloc(64 << 10, 'x');
  let written = 0;
  let most = 0;
  const server = await serve((request) => {
    if (request.path === '/small') {
      request.send(200, '', 'ok');
      return;
    }
    const stream = request.begin(200, '');
    const pump = () => {
      let more = true;
      while (more && written < total) {
        more = stream.write(chunk);
        written += chunk.length;
        most = Math.max(most, stream.pendingBytes);
      }
      if (written >= total) stream.end();
    };
    stream.onDrain(pump);
    pump();
  });
  const client = await RawClient.connect(server.port);
  client.socket.removeAllListeners('data');
  client.socket.setEncoding('latin1');
  client.socket.pause();
  client.send('GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await turnsUntil(() => written > 0);
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  const held = written;
  assert.ok(held < 20 << 20, `${held} bytes written to a client that does not read`);
  assert.ok((await exchange(server.port, 'GET /small HTTP/1.1\r\nHost: a\r\n\r\n')).endsWith('ok'));
  assert.equal(written, held);
  let received = 0;
  let tail = '';
  client.socket.on('data', (text: string) => {
    received += text.length;
    tail = (tail + text).slice(-7);
  });
  client.socket.resume();
  await client.untilEnd();
  assert.ok(received > total);
  assert.equal(tail, '\r\n0\r\n\r\n');
  assert.ok(most < 1 << 20, `${most} bytes waited at most`);
  await server.close();
});

test('a handler that ignores back-pressure loses the connection, not the memory', async () => {
  let stream: HttpStream | undefined;
  let closed = false;
  const server = await serve(
    (request) => {
      request.onClose(() => {
        closed = true;
      });
      stream = request.begin(200, '');
    },
    { limits: { pendingOutputBytesMax: 8 << 20 } },
  );
  const client = await RawClient.connect(server.port);
  client.socket.pause();
  client.send(get);
  await turnsUntil(() => stream !== undefined);
  const chunk = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 64; i++) stream!.write(chunk);
  await turnsUntil(() => closed);
  assert.equal(stream!.write(chunk), false);
  assert.equal(stream!.pendingBytes, 0);
  client.destroy();
  await server.close();
});

test('a body in one-byte chunks is bounded by its size, not by its pieces', async () => {
  const server = await serve((request) =>
    request.readBody(100_000, (body) => request.send(200, '', String(body.length))),
  );
  const chunks = '1\r\nx\r\n'.repeat(100_000);
  const text = await exchange(
    server.port,
    `PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  );
  assert.ok(text.endsWith('\r\n\r\n100000'));
  await server.close();
});
