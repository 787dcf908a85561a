/**
 * Clients that mean harm. Each attack runs beside an honest client on another connection that must go on being served, and ends with
 * a look at what the server did and holds. The attacker shares the process, so bounds on memory are generous; unbounded,
 * each attack here would take a hundred times as much.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { ErrorCode, Flag, FrameType, Setting } from '../../src/net/http2/frame.ts';
import type { ListenOptions } from '../../src/net/listener.ts';
import {
  block,
  data,
  type Fields,
  frame,
  getFields,
  grpcFields,
  Http2Client,
  headers,
  hpackText,
  message,
  ping,
  reset,
  type SettingPair,
  settings,
  uint32,
  windowUpdate,
} from './http2-client.ts';
import { serveHttp2, type TestServer } from './http2-server.ts';
import { heldBytes } from './memory.ts';
import { turnsUntil } from './raw-client.ts';

const mebibyte = 1024 * 1024;
/** Lets a client ping as often as it likes, to know how far the server has read. */
const anyPings = { minTimeMs: 0 };

/** Runs an attack with an honest client beside it, before, during and after. */
async function beside(
  options: Partial<ListenOptions>,
  attack: (client: Http2Client, server: TestServer, honest: () => Promise<void>) => Promise<void>,
  ...pairs: readonly SettingPair[]
): Promise<void> {
  const server = await serveHttp2(options);
  const other = await Http2Client.connect(server.port);
  let id = 1;
  const honest = async (): Promise<void> => {
    other.send(headers(id, grpcFields('/t.T/Unary'), 0), data(id, message('honest'), Flag.endStream));
    assert.deepEqual((await other.answer(id)).body, message('honest'));
    id += 2;
  };
  const clients = [other];
  try {
    await honest();
    const attacker = await Http2Client.connect(server.port, ...pairs);
    clients.push(attacker);
    const before = heldBytes();
    await attack(attacker, server, honest);
    await honest();
    const held = heldBytes() - before;
    assert.ok(held < 20 * mebibyte, `${held} bytes are held after the attack`);
  } finally {
    for (const client of clients) client.destroy();
    await server.listener.close();
  }
}

/** Sends pieces until the server ends the connection; returns how many went out. */
async function flood(
  client: Http2Client,
  piece: (index: number) => Buffer,
  piecesMax: number,
): Promise<number> {
  let sent = 0;
  const end = client.untilEnd();
  for (; sent < piecesMax && !client.ended; sent++) {
    if (!client.socket.write(piece(sent))) {
      const drained = once(client.socket, 'drain').catch(() => {});
      await Promise.race([drained, end]);
    }
    if (sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

function repeated(bytes: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

describe('floods end the connection with ENHANCE_YOUR_CALM, and no other', () => {
  const opened = [headers(1, grpcFields('/t.T/Open'), 0)];
  const floods: Readonly<Record<string, { readonly first?: readonly Buffer[]; readonly piece: Buffer }>> = {
    SETTINGS: { piece: repeated(settings([Setting.initialWindowSize, 65535]), 100) },
    'SETTINGS full of settings': {
      first: opened,
      piece: settings(...Array.from({ length: 2700 }, (_, i) => [Setting.initialWindowSize, i] as const)),
    },
    'acknowledgements of SETTINGS': { piece: repeated(frame(FrameType.settings, Flag.ack, 0), 100) },
    PING: { piece: repeated(ping(), 100) },
    'answers to no PING': { piece: repeated(ping('12345678', Flag.ack), 100) },
    'WINDOW_UPDATE of the connection': { piece: repeated(windowUpdate(0, 1), 100) },
    'WINDOW_UPDATE of a stream': { first: opened, piece: repeated(windowUpdate(1, 1), 100) },
    'empty DATA': { first: opened, piece: repeated(data(1, ''), 100) },
    'DATA of padding only': {
      first: opened,
      piece: repeated(data(1, Buffer.from([3, 0, 0, 0]), Flag.padded), 100),
    },
    PRIORITY: { piece: repeated(frame(FrameType.priority, 0, 1, Buffer.alloc(5)), 100) },
    'unknown frames': { piece: repeated(frame(0x42, 0, 0), 100) },
    'RST_STREAM of finished streams': {
      first: [headers(1, getFields)],
      piece: repeated(reset(1), 100),
    },
  };
  for (const [title, { first = [], piece }] of Object.entries(floods)) {
    test(title, () =>
      beside({ keepalive: anyPings }, async (client, server, honest) => {
        client.send(...first);
        const before = server.listener.metrics.receivedBytes;
        const flooding = flood(client, () => piece, 20_000);
        await honest();
        await flooding;
        assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
        // One sweep a second forgives a thousand frames, so a slow machine reads a little more than the bound.
        const read = server.listener.metrics.receivedBytes - before;
        assert.ok(read < 1000 * piece.length + mebibyte, `${read} bytes were read`);
        assert.ok(server.listener.metrics.protocolErrors >= 1);
      }),
    );
  }

  test('PING, by the rules of keepalive', () =>
    beside({}, async (client, _server, honest) => {
      const flooding = flood(client, () => ping(), 1000);
      await honest();
      await flooding;
      assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
    }));
});

describe('streams opened in vain', () => {
  test('rapid reset: the work begun is bounded', () =>
    beside({}, async (client, server, honest) => {
      const start = (id: number) =>
        Buffer.concat([
          headers(id, grpcFields('/t.T/Hang'), 0),
          data(id, message('x'), Flag.endStream),
          reset(id),
        ]);
      const flooding = flood(client, (i) => start(2 * i + 1), 200_000);
      await honest();
      const sent = await flooding;
      assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
      assert.ok(
        server.calls.length >= 1000 && server.calls.length < 20_000,
        `${server.calls.length} of ${sent} calls ran`,
      );
      assert.ok(server.calls.every((call) => call.closed));
      assert.equal(server.closed.length, server.calls.length);
    }));

  test('streams that the client makes us reset count the same', () =>
    beside({}, async (client, server, honest) => {
      const start = (id: number) =>
        Buffer.concat([headers(id, grpcFields('/t.T/Hang'), 0), data(id, message('x')), windowUpdate(id, 0)]);
      const flooding = flood(client, (i) => start(2 * i + 1), 200_000);
      await honest();
      await flooding;
      assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
      assert.ok(server.calls.length < 20_000);
    }));

  test('malformed requests count the same', () =>
    beside({}, async (client, _server, honest) => {
      const flooding = flood(client, (i) => headers(2 * i + 1, [...getFields, ['A', 'b']]), 200_000);
      await honest();
      await flooding;
      assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
    }));

  test('a client that answers its calls may cancel others for ever', async () => {
    const server = await serveHttp2();
    const client = await Http2Client.connect(server.port);
    for (let id = 1; id < 8000; id += 4) {
      client.send(headers(id, grpcFields('/t.T/Open'), 0), reset(id));
      client.send(headers(id + 2, grpcFields('/t.T/Unary'), 0), data(id + 2, message(''), Flag.endStream));
      if (id % 400 === 1) await client.answer(id + 2);
    }
    assert.equal((await client.get(9001)).status, '200');
    client.destroy();
    await server.listener.close();
  });

  test('more streams than allowed are refused, and may be tried again', () =>
    beside({ concurrentStreams: 10 }, async (client, server, honest) => {
      assert.equal(
        client.frames[0]!.payload.toString('hex').includes(`0003${uint32(10).toString('hex')}`),
        true,
      );
      for (let i = 0; i < 11; i++) client.send(headers(2 * i + 1, grpcFields('/t.T/Open'), 0));
      assert.equal(await client.resetCode(21), ErrorCode.refusedStream);
      await honest();
      server.streams[0]!.end();
      await client.answer(1);
      client.send(
        headers(23, grpcFields('/t.T/Count'), 0),
        data(23, message(Buffer.from([1])), Flag.endStream),
      );
      assert.equal((await client.answer(23)).trailers['grpc-status'], '0');
    }));
});

describe('header blocks', () => {
  test('CONTINUATION without end, of any size', async () => {
    for (const size of [0, 1, 16384]) {
      await beside({}, async (client, _server, honest) => {
        client.send(frame(FrameType.headers, Flag.endStream, 1, block(getFields)));
        const piece = frame(FrameType.continuation, 0, 1, Buffer.alloc(size, 0x82));
        const flooding = flood(client, () => piece, 10_000);
        await honest();
        await flooding;
        assert.equal(await client.goAway(), ErrorCode.enhanceYourCalm);
      });
    }
  });

  test('HPACK bombs: small blocks that name a large entry thousands of times', () =>
    beside({}, async (client, _server, honest) => {
      const entry = Buffer.concat([Buffer.from([0x40]), hpackText('bomb'), hpackText('x'.repeat(4000))]);
      const seed = Buffer.concat([block(getFields), entry]);
      client.send(frame(FrameType.headers, 5, 1, seed));
      assert.equal((await client.answer(1)).status, '200');
      const bomb = frame(
        FrameType.headers,
        5,
        0,
        Buffer.concat([block(getFields), Buffer.alloc(16_000, 0xbe)]),
      );
      for (let id = 3; id < 1000; id += 2) {
        const each = Buffer.from(bomb);
        each.writeUInt32BE(id, 5);
        client.send(each);
      }
      await honest();
      assert.equal((await client.answer(999)).status, '431');
      // The table has stayed in step all the time.
      client.send(frame(FrameType.headers, 5, 1001, Buffer.concat([block(getFields), Buffer.from([0xbe])])));
      assert.equal((await client.answer(1001)).status, '200');
    }));

  test('a table that is filled over and over holds 4096 bytes', () =>
    beside({}, async (client, _server, honest) => {
      for (let id = 1; id < 4000; id += 2) {
        const entry = Buffer.concat([Buffer.from([0x40]), hpackText(`n${id}`), hpackText('x'.repeat(1000))]);
        client.send(frame(FrameType.headers, 5, id, Buffer.concat([block(getFields), entry])));
        if (id % 400 === 1) await client.answer(id);
      }
      await honest();
      assert.equal((await client.answer(3999)).status, '200');
    }));
});

describe('input that is never used', () => {
  test('messages that claim to be huge are refused at their head', () =>
    beside({}, async (client, _server, honest) => {
      const claim = Buffer.concat([Buffer.from([0]), uint32(2 ** 32 - 1), Buffer.alloc(1000)]);
      client.send(headers(1, grpcFields('/t.T/Unary'), 0), data(1, claim));
      await honest();
      const answer = await client.answer(1);
      assert.equal(answer.headers['grpc-status'], '8');
      assert.equal(await client.resetCode(1), ErrorCode.noError);
    }));

  test('unfinished messages on many streams: beyond the bound they fail, and the others go on', () =>
    beside(
      { limits: { connectionInputBytes: 4 * mebibyte }, keepalive: anyPings },
      async (client, _server, honest) => {
        const part = Buffer.concat([Buffer.from([0]), uint32(60_000), Buffer.alloc(16_000)]);
        const streams = 2000;
        for (let i = 0; i < streams; i++) {
          client.send(headers(2 * i + 1, grpcFields('/t.T/Unary'), 0), data(2 * i + 1, part));
          // The connection's window is 1 MiB; it opens as DATA arrives.
          if (i % 32 === 31) {
            client.send(ping(`${i}`.padStart(8)));
            await client.until(() =>
              client.frames.some(
                ({ type, payload }) => type === FrameType.ping && payload.toString() === `${i}`.padStart(8),
              ),
            );
          }
        }
        await honest();
        const failed = await client.answer(2 * streams - 1);
        assert.deepEqual(
          [failed.headers['grpc-status'], failed.headers['grpc-message']],
          ['8', 'too many unfinished requests on one connection'],
        );
        const refused = client.frames.filter(
          ({ type, flags }) => type === FrameType.headers && flags === 5,
        ).length;
        assert.equal(streams - refused, Math.floor((4 * mebibyte) / part.length));
        const rest = Buffer.alloc(44_000);
        for (let at = 0; at < rest.length; at += 11_000)
          client.send(data(1, rest.subarray(at, at + 11_000), at === 33_000 ? Flag.endStream : 0));
        // What was held by 1 is free again, but it needs room for its own rest first.
        assert.ok(['0', '8'].includes((await client.answer(1)).trailers['grpc-status'] ?? '8'));
      },
      [Setting.initialWindowSize, 1 << 20],
    ));

  test('windows for large messages are given out in turn, and every honest one is served', () =>
    beside(
      { limits: { connectionInputBytes: 4 * mebibyte }, keepalive: anyPings },
      async (client, server, honest) => {
        const head = Buffer.concat([Buffer.from([0]), uint32(1_500_000), Buffer.alloc(10)]);
        for (let i = 0; i < 100; i++)
          client.send(headers(2 * i + 1, grpcFields('/t.T/Hang'), 0), data(2 * i + 1, head));
        await honest();
        const openedFor = () =>
          client.frames
            .filter(({ type, streamId }) => type === FrameType.windowUpdate && streamId > 0)
            .map(({ streamId }) => streamId);
        client.send(ping());
        await client.frame(({ type }) => type === FrameType.ping);
        assert.deepEqual(openedFor(), [1]);
        client.send(reset(1));
        await client.until(() => openedFor().length === 2);
        assert.deepEqual(openedFor(), [1, 3]);
        assert.equal(server.calls.length, 0);
      },
    ));
});

describe('slow readers', () => {
  test('who asks and never reads is not read any more', () =>
    beside(
      {},
      async (client, server, honest) => {
        client.send(windowUpdate(0, 2 ** 30));
        client.socket.pause();
        const request = Buffer.concat([
          headers(1, grpcFields('/t.T/Unary'), 0),
          data(1, message(Buffer.alloc(10_000)), Flag.endStream),
        ]);
        let sent = 0;
        // Our socket fills up once the server has stopped reading; what it takes until then is bounded by buffers of the kernel.
        for (; sent < 20_000 && client.socket.writableLength < 4 * mebibyte; sent++) {
          const each = Buffer.from(request);
          each.writeUInt32BE(2 * sent + 1, 5);
          each.writeUInt32BE(2 * sent + 1, request.length - 10_005 - 4);
          client.socket.write(each);
          if (sent % 64 === 0) {
            await new Promise((resolve) => setImmediate(resolve));
            if (sent % 1024 === 0) await honest();
          }
        }
        assert.ok(client.socket.writableLength >= 4 * mebibyte, 'the server read on');
        assert.ok(server.listener.metrics.receivedBytes < 64 * mebibyte);
        await honest();
      },
      [Setting.initialWindowSize, 2 ** 30],
    ));

  test('who opens no window has few of its requests carried out', () =>
    beside(
      { limits: { connectionOutputBytes: mebibyte }, keepalive: anyPings },
      async (client, server, honest) => {
        let ran = 0;
        const input = message(Buffer.alloc(10_000));
        for (let i = 0; i < 1000; i++) {
          client.send(
            headers(2 * i + 1, grpcFields('/t.T/Unary'), 0),
            data(2 * i + 1, input, Flag.endStream),
          );
          if (i % 32 === 31) {
            client.send(ping(`${i}`.padStart(8)));
            await client.until(() =>
              client.frames.some(
                ({ type, payload }) => type === FrameType.ping && payload.toString() === `${i}`.padStart(8),
              ),
            );
          }
        }
        ran = client.frames.filter(({ type, streamId }) => type === FrameType.headers && streamId > 0).length;
        assert.equal(ran, Math.floor(mebibyte / input.length) + 1);
        await honest();
        assert.equal(server.listener.metrics.requests >= 1000, true);
      },
      [Setting.initialWindowSize, 0],
    ));

  test('a stream whose client does not read holds no more than its producer was let', () =>
    beside(
      {},
      async (client, server, honest) => {
        const streams = 50;
        for (let i = 0; i < streams; i++) client.send(headers(2 * i + 1, grpcFields('/t.T/Open'), 0));
        await turnsUntil(() => server.streams.length === streams);
        for (const stream of server.streams) while (stream.write(Buffer.alloc(10_000))) {}
        await honest();
        const pending = server.streams.map((stream) => stream.pendingBytes);
        assert.ok(Math.max(...pending) < 300_000, `${Math.max(...pending)} bytes wait on one stream`);
        const sum = pending.reduce((total, each) => total + each, 0);
        assert.ok(sum < 6 * mebibyte, `${sum} bytes wait on one connection`);
      },
      [Setting.initialWindowSize, 0],
    ));
});

const manyFields: Fields = Array.from({ length: 90 }, (_, i) => [`name-${i}`, 'value'] as const);

test('a thousand requests with many headers leave nothing behind', () =>
  beside({}, async (client, _server, honest) => {
    for (let id = 1; id < 2000; id += 2) client.send(headers(id, [...getFields, ...manyFields]));
    await honest();
    assert.equal((await client.answer(1999)).status, '200');
  }));
