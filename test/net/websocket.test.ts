/** WebSocket on an HTTP/1.1 connection, frame by frame: RFC 6455, and the words of etcd's library where a client breaks it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import { openServerTls } from '../../src/net/tls/server-tls.ts';
import { noTls } from '../../src/net/tls/tls-options.ts';
import type { WebSocketConnection } from '../../src/net/websocket/websocket-connection.ts';
import { CloseCode, Opcode } from '../../src/net/websocket/websocket-frame.ts';
import { asksForWebSocket, openWebSocket } from '../../src/net/websocket/websocket-handshake.ts';
import { silentLog } from '../../src/ports/log.ts';
import { fc } from '../support/fast-check.ts';
import { TestAuthority, TestFolder } from './certificates.ts';
import { HandClock, systemClockForTests } from './clocks.ts';
import { type FakeConnection, fakeConnection } from './fake-socket.ts';
import { heldBytes } from './memory.ts';
import { exchange, serve } from './raw-client.ts';
import { clientFrame, closeFrame, WebSocketClient } from './websocket-client.ts';

const messageBytesMax = 1 << 20;
const FIN = 0x80;

interface Open {
  readonly connection: WebSocketConnection;
  readonly messages: string[];
  /** Returned to the connection for each message. */
  goesOn: boolean;
  drains: number;
  overs: number;
}

/** Takes every handshake; keeps what comes, and repeats it as text unless told otherwise. */
function webSocketHandler(opened: Open[], repeats = true): (exchange: HttpExchange) => void {
  return (request) => {
    if (!asksForWebSocket(request)) {
      if (request.path !== '/hang') request.send(200, '', request.path);
      return;
    }
    const refusal = openWebSocket(request, {
      messageBytesMax,
      protocol: undefined,
      handlerOf: (connection) => {
        const mine: Open = { connection, messages: [], goesOn: true, drains: 0, overs: 0 };
        opened.push(mine);
        return {
          message: (bytes) => {
            mine.messages.push(bytes.toString());
            if (repeats) connection.write(bytes.toString(), true);
            return mine.goesOn;
          },
          drained: () => void mine.drains++,
          over: () => void mine.overs++,
        };
      },
    });
    if (refusal !== undefined) request.send(refusal, '', 'refused');
  };
}

function textOf(frame: { readonly first: number; readonly payload: Buffer } | undefined): string {
  assert.equal(frame?.first, FIN | Opcode.text);
  return frame!.payload.toString();
}

/** A fake connection behind its handshake. */
function opened(repeats: boolean, limits: Parameters<typeof fakeConnection>[2] = {}): [FakeConnection, Open] {
  const all: Open[] = [];
  const fake = fakeConnection(webSocketHandler(all, repeats), new Map(), limits);
  give(
    fake,
    Buffer.from(
      'GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    ),
  );
  assert.match(fake.sent().toString(), /^HTTP\/1\.1 101 /);
  return [fake, all[0]!];
}

function give({ connection, settle }: FakeConnection, bytes: Buffer): void {
  connection.receive(bytes, 0, bytes.length);
  settle();
}

describe('handshake', () => {
  test("the RFC's own example, after an ordinary request on the same connection", async () => {
    const all: Open[] = [];
    const server = await serve(webSocketHandler(all));
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.write('GET /before HTTP/1.1\r\nHost: a\r\n\r\n');
    const [before] = (await once(socket, 'data')) as [Buffer];
    assert.match(before.toString(), /^HTTP\/1\.1 200 /);
    const client = new WebSocketClient(socket);
    await client.open({ path: '/chat' });
    assert.equal(
      client.head,
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n',
    );
    client.text('hello');
    assert.equal(textOf(await client.frame()), 'hello');
    client.destroy();
    await server.close();
  });

  const refused: readonly (readonly [string, number, Parameters<WebSocketClient['open']>[0]])[] = [
    ['another method', 405, { path: '/', method: 'POST' }],
    ['another version', 400, { path: '/', headers: { 'Sec-WebSocket-Version': '12' } }],
    ['no key', 400, { path: '/', headers: { 'Sec-WebSocket-Key': '' } }],
    ['a short key', 400, { path: '/', headers: { 'Sec-WebSocket-Key': 'c2hvcnQ=' } }],
    ['a body', 400, { path: '/', headers: { 'Content-Length': '1' } }],
  ];
  for (const [what, status, handshake] of refused) {
    test(`refused: ${what}`, async () => {
      const all: Open[] = [];
      const server = await serve(webSocketHandler(all));
      const client = await WebSocketClient.connect(server.port, handshake);
      assert.equal(client.status, status);
      assert.equal(all.length, 0);
      client.destroy();
      await server.close();
    });
  }

  test('no handshake: another upgrade, or no wish for one', async () => {
    const server = await serve(webSocketHandler([]));
    const answers = [
      await exchange(
        server.port,
        'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n',
      ),
      await exchange(
        server.port,
        'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n',
      ),
    ];
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 /);
    await server.close();
  });

  test('behind a request that is not answered yet it is refused; frames in its own packet are taken', () => {
    const all: Open[] = [];
    const handshake =
      'GET /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c, WebSocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const behind = fakeConnection(webSocketHandler(all), new Map());
    give(behind, Buffer.from(`GET /hang HTTP/1.1\r\nHost: a\r\n\r\n${handshake}`));
    assert.equal(all.length, 0);
    const together = fakeConnection(webSocketHandler(all), new Map());
    give(together, Buffer.concat([Buffer.from(handshake), clientFrame(Opcode.text, 'early')]));
    assert.deepEqual(all[0]?.messages, ['early']);
    // Its head comes in pieces, with what follows it in the last.
    const slowly = fakeConnection(webSocketHandler(all), new Map());
    const bytes = Buffer.concat([Buffer.from(handshake), clientFrame(Opcode.text, 'late')]);
    give(slowly, bytes.subarray(0, 40));
    give(slowly, bytes.subarray(40));
    assert.deepEqual(all[1]?.messages, ['late']);
  });

  test('over TLS', async () => {
    const folder = new TestFolder();
    const authority = await TestAuthority.create('authority');
    const { certificate, key } = await authority.issue('CN=server', ['127.0.0.1']);
    const tls = await openServerTls(
      { ...noTls, certFile: folder.write('cert.pem', certificate), keyFile: folder.write('key.pem', key) },
      {
        autoDirectory: `${folder.path}/auto`,
        hosts: ['127.0.0.1'],
        clock: systemClockForTests,
        log: silentLog,
      },
      false,
    );
    const server = await serve(webSocketHandler([]), { tls });
    const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: authority.certificate });
    await once(socket, 'secureConnect');
    const client = new WebSocketClient(socket);
    await client.open({ path: '/' });
    const long = 'x'.repeat(100_000);
    client.text(long);
    assert.equal(textOf(await client.frame()), long);
    client.destroy();
    await server.close();
    folder.remove();
  });
});

describe('messages', () => {
  test('of every form of length, there and back', async () => {
    const server = await serve(webSocketHandler([]));
    const client = await WebSocketClient.connect(server.port, { path: '/' });
    for (const length of [1, 125, 126, 127, 65_535, 65_536, 300_000]) {
      const text = 'ü'.padEnd(length, 'x');
      client.text(text);
      assert.equal(textOf(await client.frame()), text);
    }
    client.destroy();
    await server.close();
  });

  test('the same whatever pieces they come in, pings between their parts answered', () => {
    const part = fc.record({ text: fc.string({ maxLength: 40 }), ping: fc.boolean() });
    const message = fc.record({
      parts: fc.array(part, { minLength: 1, maxLength: 4 }),
      binary: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (all, cuts) => {
          const frames: Buffer[] = [];
          let pings = 0;
          for (const { parts, binary } of all) {
            parts.forEach(({ text, ping }, at) => {
              const opcode = at > 0 ? Opcode.continuation : binary ? Opcode.binary : Opcode.text;
              frames.push(clientFrame(opcode, text, at === parts.length - 1));
              if (ping) frames.push(clientFrame(Opcode.ping, `ping ${pings++}`));
            });
          }
          const [fake, mine] = opened(false);
          const bytes = Buffer.concat(frames);
          for (let at = 0; at < bytes.length; ) {
            const end = Math.min(bytes.length, at + cuts.next().value);
            give(fake, bytes.subarray(at, end));
            at = end;
          }
          assert.deepEqual(
            mine.messages,
            all.map(({ parts }) => Buffer.concat(parts.map(({ text }) => Buffer.from(text))).toString()),
          );
          const pongs = Array.from({ length: pings }, (_, at) => {
            const payload = Buffer.from(`ping ${at}`);
            return Buffer.concat([Buffer.of(FIN | Opcode.pong, payload.length), payload]);
          });
          assert.deepEqual(fake.sent(), Buffer.concat(pongs));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('in ever so many parts it costs what it weighs', () => {
    const [fake, mine] = opened(false);
    const part = clientFrame(Opcode.continuation, 'x', false);
    const empty = clientFrame(Opcode.continuation, '', false);
    const parts = Buffer.concat(Array.from({ length: 1000 }, (_, at) => (at % 2 === 0 ? part : empty)));
    give(fake, clientFrame(Opcode.text, '', false));
    const before = heldBytes();
    for (let i = 0; i < 200; i++) give(fake, parts);
    assert.ok(heldBytes() - before < 4_000_000);
    give(fake, clientFrame(Opcode.continuation, ''));
    assert.deepEqual(mine.messages, ['x'.repeat(100_000)]);
  });

  test('as large as may be, with pings between its parts', () => {
    const [fake, mine] = opened(false);
    give(fake, clientFrame(Opcode.text, 'x'.repeat(messageBytesMax), false));
    give(fake, clientFrame(Opcode.ping, 'hi'));
    assert.deepEqual(fake.sent(), Buffer.from([FIN | Opcode.pong, 2, 0x68, 0x69]));
    give(fake, clientFrame(Opcode.continuation, ''));
    assert.equal(mine.messages[0]?.length, messageBytesMax);
  });

  test('one may be written in parts', () => {
    const [fake, { connection }] = opened(false);
    connection.write('one ', false);
    connection.write('', false);
    connection.write('message', false);
    connection.write('', true);
    connection.write('', true);
    connection.write('another', true);
    fake.settle();
    const frame = (first: number, text: string): Buffer =>
      Buffer.concat([Buffer.of(first, text.length), Buffer.from(text)]);
    assert.deepEqual(
      fake.sent(),
      Buffer.concat([
        frame(Opcode.text, 'one '),
        frame(Opcode.continuation, 'message'),
        frame(FIN | Opcode.continuation, ''),
        frame(FIN | Opcode.text, 'another'),
      ]),
    );
  });
});

describe('what is no frame ends the connection', () => {
  const tooLong = Buffer.from(clientFrame(Opcode.text, 'x'.repeat(70_000)).subarray(0, 14));
  tooLong.writeBigUInt64BE(BigInt(messageBytesMax) + 1n, 2);
  const beyondCounting = Buffer.from(tooLong);
  beyondCounting.writeBigUInt64BE(1n << 62n, 2);
  const cases: readonly (readonly [string, Buffer, number, string])[] = [
    ['no mask', Buffer.of(0x81, 1, 65), 1002, 'bad MASK'],
    ['a reserved bit', Buffer.of(0xc1, 0x80, 0, 0, 0, 0), 1002, 'RSV1 set'],
    ['another reserved bit', Buffer.of(0x91, 0x80, 0, 0, 0, 0), 1002, 'RSV3 set'],
    ['an opcode of data that is none', Buffer.of(0x83, 0x80, 0, 0, 0, 0), 1002, 'bad opcode 3'],
    ['an opcode of control that is none', Buffer.of(0x8b, 0x80, 0, 0, 0, 0), 1002, 'bad opcode 11'],
    ['a part of no message', clientFrame(Opcode.continuation, 'x'), 1002, 'continuation after FIN'],
    [
      'a message within another',
      Buffer.concat([clientFrame(Opcode.text, 'x', false), clientFrame(Opcode.text, 'y')]),
      1002,
      'data before FIN',
    ],
    [
      'several things',
      Buffer.of(0x70, 1, 65),
      1002,
      'RSV1 set, RSV2 set, RSV3 set, continuation after FIN, bad MASK',
    ],
    [
      'a long part of a ping',
      clientFrame(Opcode.ping, 'x'.repeat(126), false),
      1002,
      'len > 125 for control, FIN not set on control',
    ],
    ['a long ping', clientFrame(Opcode.ping, 'x'.repeat(126)), 1002, 'len > 125 for control'],
    ['a part of a ping', clientFrame(Opcode.ping, 'x', false), 1002, 'FIN not set on control'],
    ['a close code for use at home', closeFrame(1005), 1002, 'bad close code 1005'],
    ['a close code of nobody', closeFrame(999), 1002, 'bad close code 999'],
    [
      'a close reason that is no text',
      clientFrame(Opcode.close, Buffer.of(3, 232, 0xff)),
      1002,
      'invalid utf8 payload in close frame',
    ],
    ['half a close code', clientFrame(Opcode.close, 'x'), 1002, ''],
    ['a message too large, before it is there', tooLong, CloseCode.tooBig, ''],
    ['a message larger than any', beyondCounting, CloseCode.tooBig, ''],
    [
      'a message too large in parts',
      Buffer.concat([
        clientFrame(Opcode.text, 'x'.repeat(messageBytesMax / 2), false),
        clientFrame(Opcode.continuation, 'x'.repeat(messageBytesMax / 2 + 1), false),
      ]),
      CloseCode.tooBig,
      '',
    ],
  ];
  for (const [what, bytes, code, reason] of cases) {
    test(what, () => {
      const [fake, mine] = opened(false);
      give(fake, bytes);
      give(fake, clientFrame(Opcode.text, 'unheard'));
      const sent = fake.sent();
      assert.equal(sent[0], FIN | Opcode.close);
      assert.deepEqual([sent.readUInt16BE(2), sent.toString('utf8', 4)], [code, reason]);
      assert.deepEqual(mine.messages, []);
      assert.equal(mine.overs, 1);
      assert.equal(fake.socket.writable, false);
    });
  }
});

describe('ends', () => {
  test("the client's close is answered with its code", () => {
    for (const [close, answer] of [
      [closeFrame(1000, 'bye'), Buffer.of(0x88, 2, 3, 232)],
      [closeFrame(4321), Buffer.of(0x88, 2, 0x10, 0xe1)],
      [clientFrame(Opcode.close, ''), Buffer.of(0x88, 0)],
    ] as const) {
      const [fake, mine] = opened(false);
      give(fake, close);
      assert.deepEqual(fake.sent(), answer);
      assert.equal(mine.overs, 1);
      assert.equal(fake.socket.writable, false);
    }
  });

  test('a client that ends or loses its connection is gone', () => {
    const [fake, mine] = opened(false);
    fake.socket.emit('end');
    fake.settle();
    assert.equal(mine.overs, 1);
    assert.equal(mine.connection.write('late', true), false);
    const [lost, other] = opened(false);
    lost.socket.destroy();
    assert.equal(other.overs, 1);
    assert.equal(lost.sent().length, 0);
  });

  test('our close: input is dropped, and the connection after a moment', () => {
    const [fake, mine] = opened(false);
    mine.connection.close(CloseCode.normal, 'done');
    fake.settle();
    assert.deepEqual(fake.sent(), Buffer.concat([Buffer.of(0x88, 6, 3, 232), Buffer.from('done')]));
    give(fake, clientFrame(Opcode.text, 'late'));
    assert.deepEqual(mine.messages, []);
    assert.equal(mine.overs, 1);
    fake.connection.protocol.sweep(fake.context.nowMs + 500);
    assert.equal(fake.socket.destroyed, false);
    fake.connection.protocol.sweep(fake.context.nowMs + 1000);
    assert.equal(fake.socket.destroyed, true);
  });

  test('a server that stops says so', async () => {
    const all: Open[] = [];
    const server = await serve(webSocketHandler(all), { clock: new HandClock() });
    const client = await WebSocketClient.connect(server.port, { path: '/' });
    const drained = server.drain(60_000);
    const frame = await client.frame();
    assert.equal(frame?.first, FIN | Opcode.close);
    assert.equal(frame.payload.readUInt16BE(0), CloseCode.goingAway);
    client.socket.end();
    await drained;
    assert.equal(all[0]?.overs, 1);
  });

  test('a message that does not go on', () => {
    const [fake, mine] = opened(false);
    give(fake, clientFrame(Opcode.text, 'half', false));
    fake.connection.protocol.sweep(fake.context.nowMs + 59_000);
    assert.equal(mine.overs, 0);
    fake.connection.protocol.sweep(fake.context.nowMs + 60_000);
    assert.equal(mine.overs, 1);
    assert.equal(fake.context.metrics.timeouts, 1);
    // While nothing is begun the client may be silent for ever.
    const [idle, other] = opened(false);
    idle.connection.protocol.sweep(idle.context.nowMs + 1e9);
    assert.equal(other.overs, 0);
  });
});

describe('back-pressure', () => {
  test('a paused handler gets no message, and the socket is not read', () => {
    const [fake, mine] = opened(false);
    let reading = true;
    fake.socket.pause = () => {
      reading = false;
    };
    fake.socket.resume = () => {
      reading = true;
    };
    mine.goesOn = false;
    give(fake, Buffer.concat([clientFrame(Opcode.text, '1'), clientFrame(Opcode.text, '2')]));
    assert.deepEqual(mine.messages, ['1']);
    assert.equal(reading, false);
    mine.goesOn = true;
    mine.connection.resume();
    assert.deepEqual(mine.messages, ['1', '2']);
    assert.equal(reading, true);
  });

  test('a slow reader: writers are told to wait, pings are not read, then all go on', () => {
    const [fake, mine] = opened(false, { pendingOutputBytes: 1000 });
    let reading = true;
    fake.socket.pause = () => {
      reading = false;
    };
    fake.socket.resume = () => {
      reading = true;
    };
    fake.socket.taking = false;
    assert.equal(mine.connection.write('x'.repeat(900), true), true);
    assert.equal(mine.connection.write('x'.repeat(900), true), false);
    fake.settle();
    give(fake, clientFrame(Opcode.ping, ''));
    assert.equal(reading, false);
    fake.socket.take();
    fake.settle();
    assert.equal(mine.drains, 1);
    assert.equal(reading, true);
    assert.equal(mine.connection.write('x', true), true);
  });

  test('a producer that does not listen is cut off', () => {
    const [fake, mine] = opened(false, { pendingOutputBytes: 1000, pendingOutputBytesMax: 10_000 });
    fake.socket.taking = false;
    for (let i = 0; i < 20; i++) mine.connection.write('x'.repeat(1000), true);
    assert.equal(fake.socket.destroyed, true);
    assert.equal(mine.overs, 1);
  });
});
