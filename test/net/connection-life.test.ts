import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import { HandClock } from './clocks.ts';
import { exchange, RawClient, serve, turnsUntil, undated } from './raw-client.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

test('a client that ends its side still gets the answers it asked for', async () => {
  const open: HttpExchange[] = [];
  const server = await serve((request) => open.push(request));
  const client = await RawClient.connect(server.port);
  client.socket.end(get + get.replace('GET', 'PUT'));
  await turnsUntil(() => open.length === 1);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  open[0]!.send(200, '', 'one');
  await turnsUntil(() => open.length === 2);
  open[1]!.send(200, '', 'two');
  const text = undated(await client.untilEnd());
  assert.equal(
    text,
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo',
  );
  await server.close();
});

test('but it is not waited for without end', async () => {
  const clock = new HandClock();
  let request: HttpExchange | undefined;
  const server = await serve(
    (opened) => {
      request = opened;
    },
    { clock, limits: { halfClosedTimeoutMs: 5000 } },
  );
  const client = await RawClient.connect(server.port);
  client.socket.end(get);
  await turnsUntil(() => request !== undefined);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(6000);
  assert.equal(await client.untilEnd(), '');
  assert.equal(request!.closed, true);
  request!.send(200, '', 'too late, and no error');
  await server.close();
});

for (const how of ['ends its side', 'resets the connection'] as const) {
  test(`a long poll is told when the client ${how}`, async () => {
    let closed = 0;
    let request: HttpExchange | undefined;
    const server = await serve((opened) => {
      request = opened;
      opened.onClose(() => closed++);
    });
    const client = await RawClient.connect(server.port);
    client.send(get);
    await turnsUntil(() => request !== undefined);
    assert.equal(request!.closed, false);
    if (how === 'ends its side') client.socket.end();
    else client.socket.resetAndDestroy();
    await turnsUntil(() => closed === 1);
    assert.equal(request!.closed, true);
    await turnsUntil(() => server.connectionCount === 0);
    assert.equal(closed, 1);
    client.destroy();
    await server.close();
  });
}

test('a stream ends well when its client ends its side', async () => {
  const server = await serve((request) => {
    request.onClose(() => {});
    request.begin(200, '').write('event');
  });
  const text = undated(await exchange(server.port, get));
  assert.equal(text, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n0\r\n\r\n');
  await server.close();
});

test('a long poll notices its client leaving though further requests wait behind it', async () => {
  let closed = false;
  const server = await serve((request) =>
    request.onClose(() => {
      closed = true;
    }),
  );
  const client = await RawClient.connect(server.port);
  client.send(get + get.replace('GET', 'PUT').repeat(20));
  await turnsUntil(() => server.metrics.requests === 1);
  client.socket.end();
  await turnsUntil(() => closed);
  assert.equal(server.metrics.requests, 1);
  client.destroy();
  await server.close();
});

test('close() drops everything; the port is free again', async () => {
  let closed = false;
  const server = await serve((request) =>
    request.onClose(() => {
      closed = true;
    }),
  );
  const client = await RawClient.connect(server.port);
  client.send(get);
  await turnsUntil(() => server.metrics.requests === 1);
  await server.close();
  assert.equal(closed, true);
  assert.equal(server.connectionCount, 0);
  assert.equal(await client.untilEnd(), '');
  const next = await serve((request) => request.send(200, '', ''), { port: server.port });
  await next.close();
});

test('a port in use is refused with the system error', async () => {
  const server = await serve(() => {});
  await assert.rejects(
    serve(() => {}, { port: server.port }),
    { code: 'EADDRINUSE' },
  );
  await server.close();
});

test('drain() finishes answers with Connection: close, ends the idle, the waiting and the streams', async () => {
  const open = new Map<string, HttpExchange>();
  const closed: string[] = [];
  const server = await serve((request) => {
    open.set(request.path, request);
    if (request.path === '/poll') request.onClose(() => closed.push('poll'));
    if (request.path === '/stream') {
      request.onClose(() => closed.push('stream'));
      request.begin(200, '').write('event');
    }
  });
  const clients = new Map<string, RawClient>();
  for (const path of ['/slow', '/poll', '/stream', '/idle']) {
    const client = await RawClient.connect(server.port);
    clients.set(path, client);
    if (path !== '/idle') client.send(get.replace('/', path));
  }
  await turnsUntil(() => open.size === 3 && server.connectionCount === 4);
  await clients.get('/stream')!.until((text) => text.includes('event'));
  const drained = server.drain(60_000);
  assert.equal(await clients.get('/idle')!.untilEnd(), '');
  assert.equal(await clients.get('/poll')!.untilEnd(), '');
  assert.ok((await clients.get('/stream')!.untilEnd()).endsWith('5\r\nevent\r\n0\r\n\r\n'));
  assert.deepEqual(closed.sort(), ['poll', 'stream']);
  const slow = clients.get('/slow')!;
  assert.equal(slow.ended, false);
  open.get('/slow')!.send(200, '', 'done');
  assert.equal(
    undated(await slow.untilEnd()),
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone',
  );
  for (const client of clients.values()) client.destroy();
  await drained;
  assert.equal(server.connectionCount, 0);
  await assert.rejects(RawClient.connect(server.port), { code: 'ECONNREFUSED' });
});

test('drain() drops what is not finished in time', async () => {
  const clock = new HandClock();
  const server = await serve(() => {}, { clock });
  const client = await RawClient.connect(server.port);
  client.send(get);
  await turnsUntil(() => server.metrics.requests === 1);
  const drained = server.drain(5000);
  clock.advance(5000);
  await drained;
  assert.equal(await client.untilEnd(), '');
});

test('the Date header follows the clock', async () => {
  const clock = new HandClock();
  const server = await serve((request) => request.send(200, '', ''), { clock });
  assert.match(await exchange(server.port, get), /\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n/);
  clock.advance(61_000);
  assert.match(await exchange(server.port, get), /\r\nDate: Tue, 14 Nov 2023 22:14:21 GMT\r\n/);
  await server.close();
});

test('a request is answered once', async () => {
  let thrown: unknown;
  const server = await serve((request) => {
    request.send(200, '', '');
    try {
      request.send(200, '', '');
    } catch (error) {
      thrown = error;
    }
  });
  await exchange(server.port, get);
  assert.match(String(thrown), /answered once/);
  await server.close();
});
