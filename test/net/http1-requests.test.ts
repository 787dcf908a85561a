import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import type { Listener } from '../../src/net/listener.ts';
import { exchange, exchangeOpen, RawClient, serve, turnsUntil, undated } from './raw-client.ts';

/** Tells what it was asked, body included. */
function echo(request: HttpExchange): void {
  request.readBody(1 << 20, (body) => {
    const text = Buffer.from(body).toString('latin1');
    request.send(200, 'X-Test: yes\r\n', `${request.method} ${request.path} ? ${request.query} [${text}]`);
  });
}

function answer(text: string, connection = '', version = '1.1'): string {
  return `HTTP/${version} 200 OK\r\nX-Test: yes\r\nContent-Length: ${text.length}\r\n${connection}\r\n${text}`;
}

for (const rawAccept of [true, false]) {
  describe(`requests, ${rawAccept ? 'shared read buffer' : 'documented events only'}`, () => {
    let server: Listener;
    before(async () => {
      server = await serve(echo, { rawAccept });
    });
    after(() => server.close());

    const host = 'Host: a\r\n';
    const cases: readonly (readonly [name: string, request: string, expected: string])[] = [
      ['origin form', `GET /a/b?c=d HTTP/1.1\r\n${host}\r\n`, answer('GET /a/b ? c=d []')],
      ['only the first ? divides', `GET /a?b?c HTTP/1.1\r\n${host}\r\n`, answer('GET /a ? b?c []')],
      ['absolute form', `GET http://x:1/a?b HTTP/1.1\r\n${host}\r\n`, answer('GET /a ? b []')],
      ['absolute form without path', `GET HTTPS://x?b HTTP/1.1\r\n${host}\r\n`, answer('GET / ? b []')],
      ['any token is a method', `brew /pot HTTP/1.1\r\n${host}\r\n`, answer('brew /pot ?  []')],
      ['escapes stay as they are', `GET /a%2Fb%c3 HTTP/1.1\r\n${host}\r\n`, answer('GET /a%2Fb%c3 ?  []')],
      ['empty lines before', `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`, answer('GET / ?  []')],
      ['a body', `PUT / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`, answer('PUT / ?  [abc]')],
      ['an empty body', `PUT / HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`, answer('PUT / ?  []')],
      [
        'a GET with a body',
        `GET / HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
        answer('GET / ?  [abc]'),
      ],
      [
        'chunks, extensions and trailers',
        `PUT / HTTP/1.1\r\n${host}Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n000\r\nX: y\r\n\r\n`,
        answer('PUT / ?  [abc0123456789]'),
      ],
      [
        'connection: close',
        `GET / HTTP/1.1\r\n${host}Connection: x, Close\r\n\r\n`,
        answer('GET / ?  []', 'Connection: close\r\n'),
      ],
      ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', answer('GET / ?  []', '', '1.0')],
      [
        'HTTP/1.0 kept alive',
        'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n',
        answer('GET /a ?  []', 'Connection: keep-alive\r\n', '1.0') + answer('GET /b ?  []', '', '1.0'),
      ],
      [
        'OPTIONS * is answered without a handler',
        `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
        'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      ],
      [
        'HEAD has a length and no body',
        `HEAD /a HTTP/1.1\r\n${host}\r\n`,
        'HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 13\r\n\r\n',
      ],
      [
        'pipelined',
        `GET /1 HTTP/1.1\r\n${host}\r\nPUT /2 HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n${host}\r\n`,
        answer('GET /1 ?  []') + answer('PUT /2 ?  [x]') + answer('GET /3 ?  []'),
      ],
      [
        'nothing after connection: close',
        `GET /1 HTTP/1.1\r\n${host}Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n${host}\r\n`,
        answer('GET /1 ?  []', 'Connection: close\r\n'),
      ],
    ];
    for (const [name, request, expected] of cases) {
      test(name, async () => {
        assert.equal(undated(await exchange(server.port, request)), expected);
      });
    }

    test('the same, one byte at a time', async () => {
      for (const [name, request, expected] of cases) {
        const client = await RawClient.connect(server.port);
        client.socket.setNoDelay(true);
        for (const byte of request) {
          client.send(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
        client.socket.end();
        assert.equal(undated(await client.untilEnd()), expected, name);
      }
    });

    test('a large body in pieces', async () => {
      const body = 'x'.repeat(900_000);
      const text = await exchange(
        server.port,
        `PUT / HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`,
      );
      assert.ok(text.endsWith(`PUT / ?  [${body}]`));
    });

    test('the answer to a bad request comes after the answers before it, and is the last', async () => {
      const text = undated(
        await exchangeOpen(
          server.port,
          `GET /1 HTTP/1.1\r\n${host}\r\nGET\r\n\r\nGET /3 HTTP/1.1\r\n${host}\r\n`,
        ),
      );
      assert.equal(
        text,
        `${answer('GET /1 ?  []')}HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request`,
      );
    });
  });
}

test('headers are found by lower-case name, joined when repeated, trimmed', async () => {
  const server = await serve((request) => {
    const values = ['x-a', 'x-b', 'x-empty', 'x-none', 'host'].map((name) => request.header(name));
    const first = ['x-a', 'x-none'].map((name) => request.header(name, 'first'));
    request.send(200, '', JSON.stringify([...values, ...first]));
  });
  const text = await exchange(
    server.port,
    'GET / HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nx-ab: no\r\nX-B: \t b c\t \r\nX-a:2\r\nX-Empty:\r\n\r\n',
  );
  assert.ok(text.endsWith(JSON.stringify(['1, 2', 'b c', '', null, 'h:1', '1', null])), text);
  await server.close();
});

test('the facts of a request', async () => {
  const server = await serve((request) => {
    request.send(
      200,
      '',
      `${request.httpVersion} ${request.secure} ${request.clientCertificate} ${request.remoteAddress}`,
    );
  });
  const client = await RawClient.connect(server.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const port = client.socket.localPort;
  assert.ok((await client.untilEnd()).endsWith(`\r\n\r\n1.1 false undefined 127.0.0.1:${port}`));
  assert.equal(server.metrics.requests, 1);
  await server.close();
});

test('bodies as text are UTF-8, bytes stay as they are, large and small, side by side', async () => {
  const large = Buffer.alloc(5000, 0xe9);
  const server = await serve((request) => {
    if (request.path === '/text') request.send(200, '', 'é€');
    else if (request.path === '/bytes') request.send(200, '', Buffer.from([0xe9, 0x00]));
    else request.send(200, '', large);
  });
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const text = await exchange(
    server.port,
    get('/bytes') + get('/text') + get('/large') + get('/text') + get('/bytes'),
  );
  const bodies = undated(text).split(/HTTP\/1.1 200 OK\r\nContent-Length: \d+\r\n\r\n/);
  const utf8 = Buffer.from('é€').toString('latin1');
  assert.deepEqual(bodies, ['', '\xe9\0', utf8, large.toString('latin1'), utf8, '\xe9\0']);
  await server.close();
});

test('statuses without a body have no length', async () => {
  const server = await serve((request) => request.send(Number(request.path.slice(1)), '', 'ignored'));
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  assert.equal(
    undated(await exchange(server.port, get('/204') + get('/304'))),
    'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n',
  );
  await server.close();
});

test('a streamed answer: chunks to 1.1, the bare body to 1.0, only the head to HEAD', async () => {
  const server = await serve((request) => {
    const stream = request.begin(200, '');
    assert.equal(stream.write('ab'), true);
    stream.write('');
    stream.write(Buffer.from('é'));
    stream.end();
    assert.equal(request.closed, true);
  });
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\n\xc3\xa9\r\n0\r\n\r\n';
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  assert.equal(undated(await exchange(server.port, get + get)), chunked + chunked);
  assert.equal(
    undated(await exchangeOpen(server.port, 'GET / HTTP/1.0\r\n\r\n')),
    'HTTP/1.0 200 OK\r\n\r\nab\xc3\xa9',
  );
  assert.equal(
    undated(await exchange(server.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')),
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  await server.close();
});

test('the head of a stream is sent before its first chunk', async () => {
  const begun: { end(): void }[] = [];
  const server = await serve((request) => begun.push(request.begin(200, '')));
  const client = await RawClient.connect(server.port);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.endsWith('\r\n\r\n'));
  begun[0]!.end();
  await client.until((text) => text.endsWith('0\r\n\r\n'));
  await server.close();
});

test('a stream that is destroyed ends the connection without the last chunk', async () => {
  const server = await serve((request) => {
    const stream = request.begin(200, '');
    stream.write('ab');
    setImmediate(() => stream.destroy());
  });
  const text = await exchangeOpen(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.ok(!text.includes('0\r\n\r\n'));
  await server.close();
});

test('pipelined answers go out in request order whatever the order they are given in', async () => {
  const open: HttpExchange[] = [];
  const server = await serve((request) => {
    open.push(request);
    if (open.length < 3) return;
    open[2]!.send(200, '', 'third');
    const stream = open[1]!.begin(200, '');
    stream.write('sec');
    open[0]!.send(200, '', 'first');
    stream.write('ond');
    stream.end();
  });
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const text = undated(await exchange(server.port, get + get + get));
  assert.equal(
    text,
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird',
  );
  await server.close();
});

test('a request that may change something starts when those before it are answered, and is alone', async () => {
  const log: string[] = [];
  const open: HttpExchange[] = [];
  const server = await serve((request) => {
    log.push(`start ${request.path}`);
    open.push(request);
    setImmediate(() => {
      log.push(`answer ${request.path}`);
      request.send(200, '', '');
    });
  });
  const line = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  await exchange(
    server.port,
    line('GET', '/1') + line('GET', '/2') + line('PUT', '/3') + line('GET', '/4') + line('DELETE', '/5'),
  );
  assert.deepEqual(log, [
    'start /1',
    'start /2',
    'answer /1',
    'answer /2',
    'start /3',
    'answer /3',
    'start /4',
    'answer /4',
    'start /5',
    'answer /5',
  ]);
  await server.close();
});

test('what became ready in one turn leaves in one write', async () => {
  const open: HttpExchange[] = [];
  const server = await serve((request) => open.push(request));
  const client = await RawClient.connect(server.port);
  const chunks: string[] = [];
  client.socket.on('data', (text: string) => chunks.push(text));
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
  await turnsUntil(() => open.length === 3);
  for (const request of open) request.send(200, '', 'x');
  await client.until((text) => text.split('HTTP/1.1').length === 4);
  assert.equal(chunks.length, 1);
  await server.close();
});

test('100 Continue is sent when the handler asks for the body, before the answer', async () => {
  const open: HttpExchange[] = [];
  const server = await serve((request) => open.push(request));
  const client = await RawClient.connect(server.port);
  client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n');
  await turnsUntil(() => open.length === 1);
  assert.equal(client.received, '');
  open[0]!.readBody(10, (body) => open[0]!.send(200, '', body));
  await client.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n');
  client.send('ok');
  await client.until((text) => text.endsWith('\r\n\r\nok'));
  await server.close();
});

test('an answer instead of 100 Continue closes the connection: the body may come or not', async () => {
  const server = await serve((request) => request.send(403, '', 'no'));
  const text = await exchangeOpen(
    server.port,
    'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
  );
  assert.equal(undated(text), 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
  await server.close();
});

test('a body nobody reads is skipped when small, and ends the connection when large', async () => {
  const server = await serve((request) => request.send(404, '', ''), { limits: { skippedBodyBytes: 100 } });
  const put = (length: number) => `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
  const small = await exchange(server.port, `${put(100)}${'x'.repeat(100)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.equal(small.split('HTTP/1.1 404').length, 3);
  const large = await exchangeOpen(
    server.port,
    `${put(101)}${'x'.repeat(101)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  assert.equal(large.split('HTTP/1.1 404').length, 2);
  assert.ok(large.includes('Connection: close'));
  await server.close();
});

test('413 when the body is more than the handler takes, declared or not', async () => {
  const server = await serve((request) => request.readBody(4, () => assert.fail('never called')));
  const expected =
    'HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n413 Request Entity Too Large';
  assert.equal(
    await exchangeOpen(server.port, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n'),
    expected,
  );
  const chunked = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  assert.equal(await exchangeOpen(server.port, `${chunked}3\r\nabc\r\n2\r\nde\r\n`), expected);
  await server.close();
});

test('a streamed body pauses until it is resumed, and the client is held back meanwhile', async () => {
  const chunks: Uint8Array[] = [];
  let request: HttpExchange | undefined;
  const server = await serve((opened) => {
    request = opened;
    opened.streamBody(
      (chunk) => {
        chunks.push(chunk);
        return false;
      },
      (complete) => opened.send(200, '', `${complete} ${Buffer.concat(chunks).length}`),
    );
  });
  const total = 8 << 20;
  const client = await RawClient.connect(server.port);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
  client.socket.write(Buffer.alloc(total, 'x'));
  await turnsUntil(() => chunks.length > 0);
  // The client's socket fills up and stays full: it has not drained while the handler holds back.
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(chunks.length, 1);
  assert.ok(client.socket.writableLength > 0);
  const resume = setInterval(() => request!.resumeBody(), 0);
  const text = await client.until((received) => received.includes('true'));
  clearInterval(resume);
  assert.ok(text.endsWith(`true ${total}`));
  await server.close();
});

test('a client that leaves in the middle of a body', async () => {
  const events: string[] = [];
  const server = await serve((request) => {
    events.push('start');
    request.onClose(() => events.push('closed'));
    request.streamBody(
      () => true,
      (complete) => events.push(`end ${complete}`),
    );
  });
  const client = await RawClient.connect(server.port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  await turnsUntil(() => events.length > 0);
  client.socket.resetAndDestroy();
  await turnsUntil(() => events.length === 3);
  assert.deepEqual(events, ['start', 'end false', 'closed']);
  await server.close();
});
