/** RFC 9113, section 8: what is a request, what is none, and how it is answered. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { HttpStream } from '../../src/net/http-exchange.ts';
import { ErrorCode, Flag, FrameType } from '../../src/net/http2/frame.ts';
import {
  block,
  data,
  type Fields,
  frame,
  getFields,
  Http2Client,
  headers,
  postFields,
} from './http2-client.ts';
import { serveHttp2, type TestServer } from './http2-server.ts';
import { serve, turnsUntil } from './raw-client.ts';

let server: TestServer;
before(async () => {
  server = await serveHttp2();
});
after(() => server.listener.close());

const method = getFields[0]!;
const scheme = getFields[1]!;
const path = getFields[2]!;
const authority = getFields[3]!;

/** No requests at all: the stream is reset with PROTOCOL_ERROR, the connection goes on. */
const malformed: Readonly<Record<string, Fields>> = {
  '8.2 an upper-case name': [...getFields, ['Accept', 'x']],
  '8.2.1 a name with a space': [...getFields, ['a b', 'x']],
  '8.2.1 a name with a control character': [...getFields, ['a\x01', 'x']],
  '8.2.1 a name beyond ASCII': [...getFields, ['caf\xe9', 'x']],
  '8.2.1 a name with a colon': [...getFields, ['a:b', 'x']],
  '8.2.1 an empty name': [...getFields, ['', 'x']],
  '8.2.1 a value with NUL': [...getFields, ['a', 'x\0y']],
  '8.2.1 a value with a line feed': [...getFields, ['a', 'x\ny']],
  '8.2.1 a value with a carriage return': [...getFields, ['a', 'x\ry']],
  '8.2.1 a value that begins with a space': [...getFields, ['a', ' x']],
  '8.2.1 a value that ends with a tab': [...getFields, ['a', 'x\t']],
  '8.2.1 a line feed in the path': [method, scheme, [':path', '/\nx'], authority],
  '8.2.2 connection': [...getFields, ['connection', 'keep-alive']],
  '8.2.2 proxy-connection': [...getFields, ['proxy-connection', 'x']],
  '8.2.2 keep-alive': [...getFields, ['keep-alive', 'x']],
  '8.2.2 transfer-encoding': [...getFields, ['transfer-encoding', 'chunked']],
  '8.2.2 upgrade': [...getFields, ['upgrade', 'x']],
  '8.2.2 te other than trailers': [...getFields, ['te', 'trailers, deflate']],
  '8.3 an unknown pseudo-header': [...getFields, [':test', 'x']],
  '8.3 a pseudo-header of answers': [...getFields, [':status', '200']],
  '8.3 a pseudo-header after a header': [method, scheme, ['a', 'b'], path],
  '8.3.1 no :method': [scheme, path, authority],
  '8.3.1 no :scheme': [method, path, authority],
  '8.3.1 no :path': [method, scheme, authority],
  '8.3.1 an empty :path': [method, scheme, [':path', ''], authority],
  '8.3.1 an empty :method': [[':method', ''], scheme, path],
  '8.3.1 a :method that is no token': [[':method', 'G T'], scheme, path],
  '8.3.1 two :method': [method, method, scheme, path],
  '8.3.1 two :scheme': [method, scheme, scheme, path],
  '8.3.1 two :path': [method, scheme, path, path],
  '8.3.1 two :authority': [...getFields, authority],
  '8.3.1 a host that contradicts :authority': [...getFields, ['host', 'other']],
  '8.3.1 two hosts': [method, scheme, path, ['host', 'a'], ['host', 'a']],
  '8.5 CONNECT with a path': [[':method', 'CONNECT'], authority, path],
  '8.5 CONNECT with a scheme': [[':method', 'CONNECT'], authority, scheme],
  '8.5 CONNECT without an authority': [[':method', 'CONNECT']],
  '8.1.1 a content-length without content': [...getFields, ['content-length', '1']],
  '8.1.1 a content-length that is no number': [...getFields, ['content-length', '+0']],
  '8.1.1 two content-lengths that differ': [...getFields, ['content-length', '0'], ['content-length', '1']],
};

describe('a malformed request', () => {
  for (const [title, fields] of Object.entries(malformed)) {
    test(title, async () => {
      const client = await Http2Client.connect(server.port);
      client.send(headers(1, fields));
      assert.equal(await client.resetCode(1), ErrorCode.protocolError);
      assert.equal((await client.get(3)).status, '200');
      assert.equal(
        client.frames.filter(({ type, streamId }) => type === FrameType.headers && streamId === 1).length,
        0,
      );
      client.destroy();
    });
  }

  const bodies: Readonly<Record<string, readonly Buffer[]>> = {
    '8.1.1 less DATA than content-length': [data(1, 'ab', Flag.endStream)],
    '8.1.1 more DATA than content-length': [data(1, 'abcd', Flag.endStream)],
    '8.1.1 more DATA than content-length, before its end': [data(1, 'abcd')],
    '8.1.1 trailers before content-length is reached': [data(1, 'ab'), headers(1, [['a', 'b']])],
    '8.1 trailers that do not end the stream': [data(1, 'abc'), headers(1, [['a', 'b']], 0)],
    '8.1 a pseudo-header in trailers': [data(1, 'abc'), headers(1, [[':path', '/']])],
    '8.1 an upper-case name in trailers': [data(1, 'abc'), headers(1, [['A', '/']])],
  };
  for (const [title, frames] of Object.entries(bodies)) {
    test(title, async () => {
      const client = await Http2Client.connect(server.port);
      client.send(headers(1, [...postFields, ['content-length', '3']], 0), ...frames);
      assert.equal(await client.resetCode(1), ErrorCode.protocolError);
      assert.equal((await client.get(3)).status, '200');
      client.destroy();
    });
  }
});

/** Requests that are understood and refused. */
const refused: Readonly<Record<string, readonly [fields: Fields, status: string]>> = {
  '8.5 CONNECT': [[[':method', 'CONNECT'], authority], '405'],
  'a path without a slash': [[method, scheme, [':path', 'x'], authority], '400'],
  'an asterisk for another method than OPTIONS': [[method, scheme, [':path', '*'], authority], '400'],
  'a path with a space': [[method, scheme, [':path', '/a b'], authority], '400'],
  'a broken escape': [[method, scheme, [':path', '/%4'], authority], '400'],
  'an authority with userinfo': [[method, scheme, path, [':authority', 'u@a']], '400'],
  'too many headers': [
    [...getFields, ...Array.from({ length: 100 }, (_, i) => [`h${i}`, ''] as const)],
    '431',
  ],
};

describe('a request that is refused', () => {
  for (const [title, [fields, status]] of Object.entries(refused)) {
    test(title, async () => {
      const client = await Http2Client.connect(server.port);
      client.send(headers(1, fields));
      assert.equal((await client.answer(1)).status, status);
      assert.equal((await client.get(3)).status, '200');
      client.destroy();
    });
  }

  test('a header list larger than SETTINGS_MAX_HEADER_LIST_SIZE says', async () => {
    const client = await Http2Client.connect(server.port);
    const small = Array.from({ length: 40 }, () => ['b', ''] as const);
    const long = block([...getFields, ...small, ['a', 'x'.repeat(40_000)], ['b', 'y'.repeat(24_500)]]);
    client.send(frame(FrameType.headers, Flag.endStream, 1, long.subarray(0, 16384)));
    for (let at = 16384; at < long.length; at += 16384) {
      const last = at + 16384 >= long.length;
      client.send(
        frame(FrameType.continuation, last ? Flag.endHeaders : 0, 1, long.subarray(at, at + 16384)),
      );
    }
    assert.equal((await client.answer(1)).status, '431');
    assert.equal((await client.get(3)).status, '200');
    client.destroy();
  });
});

describe('a request that is fine', () => {
  test('without an authority, and with a host alone', async () => {
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, [method, scheme, path]), headers(3, [method, scheme, path, ['host', 'a']]));
    assert.equal((await client.answer(1)).status, '200');
    assert.equal((await client.answer(3)).status, '200');
    client.destroy();
  });

  test('with te: trailers, a body in pieces, empty DATA, trailers', async () => {
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, [...postFields, ['te', 'trailers'], ['content-length', '6']], 0));
    client.send(data(1, 'abc'), data(1, ''), data(1, 'def'), headers(1, [['x', 'y']]));
    assert.equal((await client.answer(1)).body.toString(), '6 bytes');
    client.destroy();
  });

  test('OPTIONS *', async () => {
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, [[':method', 'OPTIONS'], scheme, [':path', '*']]));
    assert.equal((await client.answer(1)).status, '200');
    client.destroy();
  });

  test('HEAD has the head of GET and no body', async () => {
    const client = await Http2Client.connect(server.port);
    client.send(headers(1, [[':method', 'HEAD'], scheme, path]));
    const { headers: head, body } = await client.answer(1);
    assert.equal(head['content-length'], '2');
    assert.equal(body.length, 0);
    client.destroy();
  });

  test('headers are found by name, joined where repeated, cookies with semicolons; :authority is the host', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve(
      (exchange) => {
        for (const name of ['a', 'cookie', 'host', 'none']) seen.push(exchange.header(name));
        seen.push(
          exchange.header('a', 'first'),
          exchange.path,
          exchange.query,
          exchange.httpVersion,
          exchange.method,
        );
        exchange.send(204, 'X-One: 1\r\nX-Two: 2\r\n', '');
      },
      { grpc: new Map() },
    );
    const client = await Http2Client.connect(other.port);
    const more: Fields = [
      ['a', '1'],
      ['cookie', 'x=1'],
      ['a', '2'],
      ['cookie', 'y=2'],
    ];
    client.send(headers(1, [method, scheme, [':path', '/p%20q?r=s?t'], [':authority', 'h:80'], ...more]));
    const answer = await client.answer(1);
    assert.deepEqual(seen, ['1, 2', 'x=1; y=2', 'h:80', undefined, '1', '/p%20q', 'r=s?t', '2', 'GET']);
    assert.equal(answer.status, '204');
    assert.equal(answer.headers['x-one'], '1');
    assert.equal(answer.headers['x-two'], '2');
    assert.equal('content-length' in answer.headers, false);
    client.destroy();
    await other.close();
  });
});

describe('answers', () => {
  test('one given before the body is read tells the client to send no more', async () => {
    const other = await serve((exchange) => exchange.send(403, '', 'no'), { grpc: new Map() });
    const client = await Http2Client.connect(other.port);
    client.send(headers(1, postFields, 0), data(1, Buffer.alloc(10_000)));
    assert.equal((await client.answer(1)).status, '403');
    assert.equal(await client.resetCode(1), ErrorCode.noError);
    client.send(data(1, Buffer.alloc(10_000)), data(1, '', Flag.endStream));
    assert.equal((await client.get(3)).status, '403');
    assert.equal(client.frames.filter(({ type }) => type === FrameType.rstStream).length, 1);
    client.destroy();
    await other.close();
  });

  test('a body beyond the limit of its reader is refused, declared or not', async () => {
    const other = await serve((exchange) => exchange.readBody(100, () => assert.fail('not reached')), {
      grpc: new Map(),
    });
    const client = await Http2Client.connect(other.port);
    client.send(headers(1, [...postFields, ['content-length', '101']], 0));
    client.send(headers(3, postFields, 0), data(3, Buffer.alloc(60)), data(3, Buffer.alloc(60)));
    assert.equal((await client.answer(1)).status, '413');
    assert.equal((await client.answer(3)).status, '413');
    client.destroy();
    await other.close();
  });

  test('a streamed body pauses the client until its handler goes on', async () => {
    const chunks: number[] = [];
    let resume: (() => void) | undefined;
    let ended: boolean | undefined;
    const other = await serve(
      (exchange) => {
        resume = () => exchange.resumeBody();
        exchange.streamBody(
          (chunk) => {
            chunks.push(chunk.length);
            return false;
          },
          (complete) => {
            ended = complete;
            exchange.send(200, '', '');
          },
        );
      },
      { grpc: new Map() },
    );
    const client = await Http2Client.connect(other.port);
    client.send(headers(1, postFields, 0));
    for (let i = 0; i < 4; i++) client.send(data(1, Buffer.alloc(16_000)));
    await turnsUntil(() => other.metrics.receivedBytes > 64_000);
    assert.equal(chunks.length, 1);
    assert.equal(
      client.frames.some(({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1),
      false,
    );
    while (chunks.reduce((sum, each) => sum + each, 0) < 64_000) resume!();
    resume!();
    await client.frame(({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1);
    client.send(data(1, '', Flag.endStream));
    assert.equal((await client.answer(1)).status, '200');
    assert.equal(ended, true);
    client.destroy();
    await other.close();
  });

  test('a streamed answer obeys the window: write says no, onDrain says when', async () => {
    let stream: HttpStream | undefined;
    let drains = 0;
    const other = await serve(
      (exchange) => {
        stream = exchange.begin(200, '');
        stream.onDrain(() => drains++);
      },
      { grpc: new Map(), limits: { pendingOutputBytes: 10_000 } },
    );
    const client = await Http2Client.connect(other.port);
    client.send(headers(1, getFields));
    await turnsUntil(() => stream !== undefined);
    assert.equal(stream!.write('x'.repeat(65_000)), true);
    assert.equal(stream!.write('x'.repeat(5_000)), true);
    assert.equal(stream!.write('x'.repeat(10_000)), false);
    assert.equal(stream!.pendingBytes, 80_000 - 65_535);
    // Still so for another piece while the queue is shorter, but not short.
    client.send(
      frame(FrameType.windowUpdate, 0, 0, Buffer.from([0, 1, 0, 0])),
      frame(FrameType.windowUpdate, 0, 1, Buffer.from([0, 0, 0x20, 0])),
    );
    await turnsUntil(() => stream!.pendingBytes === 80_000 - 65_535 - 8192);
    assert.equal(stream!.write('x'), false);
    assert.equal(drains, 0);
    client.send(frame(FrameType.windowUpdate, 0, 1, Buffer.from([0, 1, 0, 0])));
    await turnsUntil(() => stream!.pendingBytes === 0);
    assert.equal(drains, 1);
    stream!.end();
    assert.equal((await client.answer(1)).body.length, 80_001);
    client.destroy();
    await other.close();
  });

  test('a client that resets its stream is gone for the handler, and for nobody else', async () => {
    const closed: string[] = [];
    let stream: HttpStream | undefined;
    const other = await serve(
      (exchange) => {
        if (exchange.path === '/fine') {
          exchange.send(200, '', '');
          return;
        }
        exchange.onClose(() => closed.push(exchange.path));
        stream = exchange.begin(200, '');
        stream.write('event');
      },
      { grpc: new Map() },
    );
    const client = await Http2Client.connect(other.port);
    client.send(headers(1, getFields), headers(3, [method, scheme, [':path', '/other']]));
    await turnsUntil(() => stream !== undefined && other.metrics.requests === 2);
    client.send(frame(FrameType.rstStream, 0, 1, Buffer.from([0, 0, 0, 8])));
    await turnsUntil(() => closed.length === 1);
    assert.deepEqual(closed, ['/']);
    client.send(headers(5, [method, scheme, [':path', '/fine']]));
    assert.equal((await client.answer(5)).status, '200');
    client.socket.resetAndDestroy();
    await turnsUntil(() => closed.length === 2);
    await other.close();
  });
});
