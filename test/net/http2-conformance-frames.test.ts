/** RFC 9113, sections 3 to 7: the preface, frames and their errors, streams' states, flow control. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ErrorCode, Flag, FrameType, Setting } from '../../src/net/http2/frame.ts';
import {
  block,
  data,
  frame,
  getFields,
  grpcFields,
  Http2Client,
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
import { serveHttp2, type TestServer } from './http2-server.ts';

interface Case {
  readonly section: string;
  readonly title: string;
  readonly send: readonly (Buffer | string)[];
  /** The connection ends with this code. */
  readonly goAway?: ErrorCode;
  /** A stream is reset, the connection goes on. */
  readonly reset?: readonly [streamId: number, code: ErrorCode];
  /** A stream is answered, the connection goes on; with neither of the three, it just goes on. */
  readonly answered?: number;
}

const { protocolError, frameSizeError, flowControlError, streamClosed, compressionError, enhanceYourCalm } =
  ErrorCode;
const hang = headers(1, grpcFields('/t.T/Hang'), 0);
const post = headers(1, postFields, 0);
const get = headers(1, getFields);

const cases: readonly Case[] = [
  {
    section: '4.1',
    title: 'unknown frame types are ignored',
    send: [frame(0x42, 0xff, 0, 'whatever'), frame(0x42, 0, 1, '')],
  },
  {
    section: '4.1',
    title: 'undefined flags and the reserved bit are ignored',
    send: [
      frame(FrameType.ping, 0x16, 0, '12345678'),
      frame(FrameType.headers, 0x45 | 0x80, 1 + 2 ** 31, block(getFields)),
    ],
    answered: 1,
  },
  {
    section: '4.2',
    title: 'DATA of 16384 bytes is taken',
    send: [post, data(1, Buffer.alloc(16384), Flag.endStream)],
    answered: 1,
  },
  {
    section: '4.2',
    title: 'a frame larger than we allow',
    send: [post, data(1, Buffer.alloc(16385))],
    goAway: frameSizeError,
  },
  {
    section: '4.3',
    title: 'a header block that can not be decoded',
    send: [frame(FrameType.headers, 5, 1, Buffer.from([0x80]))],
    goAway: compressionError,
  },
  {
    section: '4.3',
    title: 'trailers that can not be decoded',
    send: [post, frame(FrameType.headers, 5, 1, Buffer.from([0x80]))],
    goAway: compressionError,
  },
  {
    section: '4.3',
    title: 'another frame within a header block',
    send: [frame(FrameType.headers, Flag.endStream, 1, block(getFields)), ping()],
    goAway: protocolError,
  },
  {
    section: '4.3',
    title: 'another unknown frame within a header block',
    send: [frame(FrameType.headers, Flag.endStream, 1, block(getFields)), frame(0x42, 0, 1)],
    goAway: protocolError,
  },
  {
    section: '4.3',
    title: 'HEADERS of another stream within a header block',
    send: [frame(FrameType.headers, Flag.endStream, 1, block(getFields)), headers(3, getFields)],
    goAway: protocolError,
  },
  { section: '5.1', title: 'idle: DATA', send: [data(1, 'x')], goAway: protocolError },
  { section: '5.1', title: 'idle: RST_STREAM', send: [reset(1)], goAway: protocolError },
  { section: '5.1', title: 'idle: WINDOW_UPDATE', send: [windowUpdate(1, 1)], goAway: protocolError },
  {
    section: '5.1',
    title: 'idle: CONTINUATION',
    send: [frame(FrameType.continuation, 4, 1, block(getFields))],
    goAway: protocolError,
  },
  {
    section: '5.1',
    title: 'idle: DATA on a stream of the server',
    send: [headers(9, getFields), data(6, 'x')],
    goAway: protocolError,
  },
  {
    section: '5.1',
    title: 'idle: PRIORITY is no error',
    send: [frame(FrameType.priority, 0, 1, Buffer.alloc(5))],
  },
  {
    section: '5.1',
    title: 'half-closed (remote): DATA',
    send: [headers(1, [...getFields.slice(0, 2), [':path', '/hang']]), data(1, 'x')],
    reset: [1, streamClosed],
  },
  {
    section: '5.1',
    title: 'half-closed (remote): HEADERS',
    send: [headers(1, [...getFields.slice(0, 2), [':path', '/hang']]), headers(1, getFields)],
    reset: [1, streamClosed],
  },
  {
    section: '5.1',
    title: 'half-closed (remote): WINDOW_UPDATE, PRIORITY and RST_STREAM are no errors',
    send: [
      headers(1, [...getFields.slice(0, 2), [':path', '/hang']]),
      windowUpdate(1, 1),
      frame(FrameType.priority, 0, 1, Buffer.alloc(5)),
      reset(1),
    ],
  },
  {
    section: '5.1',
    title: 'closed by the client: DATA',
    send: [hang, reset(1), data(1, 'x')],
    reset: [1, streamClosed],
  },
  {
    section: '5.1',
    title: 'closed: HEADERS',
    send: [hang, reset(1), headers(1, getFields)],
    goAway: streamClosed,
  },
  {
    section: '5.1',
    title: 'closed: WINDOW_UPDATE, PRIORITY and RST_STREAM are no errors',
    send: [get, windowUpdate(1, 1), frame(FrameType.priority, 0, 1, Buffer.alloc(5)), reset(1)],
    answered: 1,
  },
  {
    section: '5.1',
    title: 'closed by us: what was under way is ignored',
    send: [headers(1, grpcFields('/no.Such/Method'), 0), data(1, message('x')), headers(1, [['a', 'b']])],
    answered: 1,
  },
  { section: '5.1.1', title: 'an even stream', send: [headers(2, getFields)], goAway: protocolError },
  { section: '5.1.1', title: 'stream 0 for HEADERS', send: [headers(0, getFields)], goAway: protocolError },
  {
    section: '5.1.1',
    title: 'a stream smaller than the last',
    send: [headers(5, getFields), headers(3, getFields)],
    goAway: streamClosed,
  },
  {
    section: '5.1.1',
    title: 'streams may be left out',
    send: [headers(5, getFields), headers(99, getFields)],
    answered: 99,
  },
  { section: '6.1', title: 'DATA on stream 0', send: [data(0, 'x')], goAway: protocolError },
  {
    section: '6.1',
    title: 'padding is skipped',
    send: [post, data(1, Buffer.from('\x03abc\0\0\0', 'latin1'), Flag.padded | Flag.endStream)],
    answered: 1,
  },
  {
    section: '6.1',
    title: 'padding as long as the payload',
    send: [post, data(1, Buffer.from('\x04abc', 'latin1'), Flag.padded | Flag.endStream)],
    goAway: protocolError,
  },
  {
    section: '6.1',
    title: 'padded without a length',
    send: [post, data(1, '', Flag.padded)],
    goAway: protocolError,
  },
  {
    section: '6.2',
    title: 'padding and priority are skipped',
    send: [
      frame(
        FrameType.headers,
        0x2d,
        1,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 16]), block(getFields), Buffer.alloc(2)]),
      ),
    ],
    answered: 1,
  },
  {
    section: '6.2',
    title: 'padding longer than the payload',
    send: [frame(FrameType.headers, 0x0d, 1, Buffer.concat([Buffer.from([200]), block(getFields)]))],
    goAway: protocolError,
  },
  {
    section: '6.2',
    title: 'padded without a length',
    send: [frame(FrameType.headers, 0x0d, 1)],
    goAway: protocolError,
  },
  {
    section: '6.2',
    title: 'priority cut off',
    send: [frame(FrameType.headers, 0x25, 1, 'abc')],
    goAway: protocolError,
  },
  {
    section: '6.3',
    title: 'PRIORITY on stream 0',
    send: [frame(FrameType.priority, 0, 0, Buffer.alloc(5))],
    goAway: protocolError,
  },
  {
    section: '6.3',
    title: 'PRIORITY of 4 bytes',
    send: [hang, frame(FrameType.priority, 0, 1, Buffer.alloc(4))],
    reset: [1, frameSizeError],
  },
  {
    section: '6.3',
    title: 'PRIORITY of 4 bytes for a stream that is not open',
    send: [frame(FrameType.priority, 0, 1, Buffer.alloc(4))],
    goAway: frameSizeError,
  },
  { section: '6.4', title: 'RST_STREAM on stream 0', send: [reset(0)], goAway: protocolError },
  {
    section: '6.4',
    title: 'RST_STREAM of 3 bytes',
    send: [hang, frame(FrameType.rstStream, 0, 1, 'abc')],
    goAway: frameSizeError,
  },
  { section: '6.4', title: 'RST_STREAM with an unknown code (7)', send: [hang, reset(1, 0xffff)] },
  {
    section: '6.5',
    title: 'SETTINGS on a stream',
    send: [frame(FrameType.settings, 0, 1)],
    goAway: protocolError,
  },
  {
    section: '6.5',
    title: 'SETTINGS of 5 bytes',
    send: [frame(FrameType.settings, 0, 0, Buffer.alloc(5))],
    goAway: frameSizeError,
  },
  {
    section: '6.5',
    title: 'an acknowledgement with a payload',
    send: [frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(6))],
    goAway: frameSizeError,
  },
  {
    section: '6.5.2',
    title: 'ENABLE_PUSH of 2',
    send: [settings([Setting.enablePush, 2])],
    goAway: protocolError,
  },
  {
    section: '6.5.2',
    title: 'INITIAL_WINDOW_SIZE of 2^31',
    send: [settings([Setting.initialWindowSize, 2 ** 31])],
    goAway: flowControlError,
  },
  {
    section: '6.5.2',
    title: 'MAX_FRAME_SIZE of 16383',
    send: [settings([Setting.maxFrameSize, 16383])],
    goAway: protocolError,
  },
  {
    section: '6.5.2',
    title: 'MAX_FRAME_SIZE of 2^24',
    send: [settings([Setting.maxFrameSize, 2 ** 24])],
    goAway: protocolError,
  },
  {
    section: '6.5.2',
    title: 'unknown settings are ignored',
    send: [settings([0x99, 1], [0xffff, 2 ** 32 - 1])],
  },
  {
    section: '6.6',
    title: 'PUSH_PROMISE',
    send: [hang, frame(FrameType.pushPromise, 4, 1, uint32(2))],
    goAway: protocolError,
  },
  {
    section: '6.7',
    title: 'PING on a stream',
    send: [frame(FrameType.ping, 0, 1, '12345678')],
    goAway: protocolError,
  },
  { section: '6.7', title: 'PING of 7 bytes', send: [ping('1234567')], goAway: frameSizeError },
  { section: '6.7', title: 'an answer to no PING is ignored', send: [ping('12345678', Flag.ack)] },
  {
    section: '6.8',
    title: 'GOAWAY on a stream',
    send: [frame(FrameType.goAway, 0, 1, uint32(0, 0))],
    goAway: protocolError,
  },
  {
    section: '6.8',
    title: 'GOAWAY of 7 bytes',
    send: [frame(FrameType.goAway, 0, 0, '1234567')],
    goAway: frameSizeError,
  },
  {
    section: '6.9',
    title: 'WINDOW_UPDATE of 3 bytes',
    send: [frame(FrameType.windowUpdate, 0, 0, 'abc')],
    goAway: frameSizeError,
  },
  {
    section: '6.9',
    title: 'the connection: an increment of 0',
    send: [windowUpdate(0, 0)],
    goAway: protocolError,
  },
  {
    section: '6.9',
    title: 'a stream: an increment of 0',
    send: [hang, windowUpdate(1, 0)],
    reset: [1, protocolError],
  },
  {
    section: '6.9.1',
    title: 'the connection: a window beyond 2^31 - 1',
    send: [windowUpdate(0, 2 ** 31 - 1)],
    goAway: flowControlError,
  },
  {
    section: '6.9.1',
    title: 'a stream: a window beyond 2^31 - 1',
    send: [hang, windowUpdate(1, 2 ** 31 - 1)],
    reset: [1, flowControlError],
  },
  {
    section: '6.9.1',
    title: 'a stream: more DATA than its window',
    send: [
      headers(1, [...postFields.slice(0, 2), [':path', '/hang']], 0),
      ...Array.from({ length: 5 }, () => data(1, Buffer.alloc(16000))),
    ],
    reset: [1, flowControlError],
  },
  {
    section: '6.9.2',
    title: 'SETTINGS that make a window too large',
    send: [hang, windowUpdate(1, 2 ** 31 - 1 - 65535), settings([Setting.initialWindowSize, 65536])],
    goAway: flowControlError,
  },
  {
    section: '6.10',
    title: 'CONTINUATION without HEADERS',
    send: [frame(FrameType.continuation, 4, 1)],
    goAway: protocolError,
  },
  {
    section: '6.10',
    title: 'CONTINUATION after the end of headers',
    send: [hang, frame(FrameType.continuation, 4, 1)],
    goAway: protocolError,
  },
  {
    section: '6.10',
    title: 'a block in pieces, some of them empty',
    send: [
      frame(FrameType.headers, Flag.endStream, 1, block(getFields.slice(0, 1))),
      frame(FrameType.continuation, 0, 1),
      frame(FrameType.continuation, 0, 1, block(getFields.slice(1)).subarray(0, 3)),
      frame(FrameType.continuation, Flag.endHeaders, 1, block(getFields.slice(1)).subarray(3)),
    ],
    answered: 1,
  },
  {
    section: '6.10',
    title: 'a block beyond all bounds',
    send: [
      frame(FrameType.headers, Flag.endStream, 1, block(getFields)),
      ...Array.from({ length: 5 }, () => frame(FrameType.continuation, 0, 1, Buffer.alloc(16384, 0x82))),
    ],
    goAway: enhanceYourCalm,
  },
];

let server: TestServer;
before(async () => {
  server = await serveHttp2();
});
after(() => server.listener.close());

describe('RFC 9113', () => {
  for (const each of cases) {
    for (const pieces of ['whole', 'byte by byte'] as const) {
      if (pieces === 'byte by byte' && Buffer.concat(each.send as Buffer[]).length > 400) continue;
      test(`${each.section} ${each.title} (${pieces})`, async () => {
        const client = await Http2Client.connect(server.port);
        client.socket.setNoDelay(true);
        if (pieces === 'whole') client.send(...each.send);
        else for (const byte of Buffer.concat(each.send as Buffer[])) client.send(Buffer.from([byte]));
        if (each.goAway !== undefined) {
          assert.equal(await client.goAway(), each.goAway);
        } else {
          if (each.reset !== undefined) assert.equal(await client.resetCode(each.reset[0]), each.reset[1]);
          if (each.answered !== undefined) assert.equal((await client.answer(each.answered)).status, '200');
          assert.equal((await client.get(101)).status, '200');
        }
        client.destroy();
      });
    }
  }
});

test('3.4 the server begins with SETTINGS, and acknowledges ours', async () => {
  const client = await Http2Client.connectRaw(server.port);
  client.send(preface, settings([Setting.initialWindowSize, 100]));
  await client.until(() => client.frames.length >= 3);
  const [first, window, ack] = client.frames;
  assert.deepEqual([first!.type, first!.flags, first!.streamId], [FrameType.settings, 0, 0]);
  assert.equal(first!.payload.length % 6, 0);
  assert.deepEqual([window!.type, window!.streamId], [FrameType.windowUpdate, 0]);
  assert.deepEqual([ack!.type, ack!.flags, ack!.payload.length], [FrameType.settings, Flag.ack, 0]);
  client.destroy();
});

test('3.4 a client that does not begin with SETTINGS', async () => {
  const client = await Http2Client.connectRaw(server.port);
  client.send(preface, get);
  assert.equal(await client.goAway(), protocolError);
  client.destroy();
});

test('3.4 an acknowledgement is not where settings begin', async () => {
  const client = await Http2Client.connectRaw(server.port);
  client.send(preface, frame(FrameType.settings, Flag.ack, 0));
  assert.equal(await client.goAway(), protocolError);
  client.destroy();
});

test('6.7 PING is answered with the same bytes, before anything that comes later', async () => {
  const client = await Http2Client.connect(server.port);
  client.send(ping('\x01\x02abc\xff\xfe\0'), get);
  await client.answer(1);
  const answers = client.frames.filter(({ type }) => type === FrameType.ping);
  assert.deepEqual(
    answers.map(({ flags, payload }) => [flags, payload.toString('latin1')]),
    [[Flag.ack, '\x01\x02abc\xff\xfe\0']],
  );
  assert.ok(client.frames.indexOf(answers[0]!) < client.frames.findIndex(({ streamId }) => streamId === 1));
  client.destroy();
});

test('6.8 GOAWAY names the last stream that was served', async () => {
  const client = await Http2Client.connect(server.port);
  client.send(headers(7, getFields));
  await client.answer(7);
  client.send(data(0, 'x'));
  const frames = await client.untilEnd();
  assert.equal(frames.at(-1)!.payload.readUInt32BE(0), 7);
  client.destroy();
});

test('6.8 after the client has said GOAWAY its answers are finished and the connection ends', async () => {
  const client = await Http2Client.connect(server.port);
  const before = server.calls.length;
  client.send(headers(1, grpcFields('/t.T/Hang'), 0), data(1, message('x'), Flag.endStream));
  client.send(frame(FrameType.goAway, 0, 0, uint32(0, 0)));
  await client.get(3);
  assert.equal(client.ended, false);
  server.calls[before]!.respond(Buffer.from('late'));
  await client.untilEnd();
  assert.equal((await client.answer(1)).body.toString('latin1', 5), 'late');
  client.destroy();
});

test('6.9 our DATA keeps to the windows, of the stream and of the connection, as they open byte by byte', async () => {
  const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 3]);
  client.send(headers(1, grpcFields('/t.T/Unary'), 0), data(1, message('0123456789'), Flag.endStream));
  const bytes = () =>
    client.frames.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload.length);
  await client.until(() => bytes().length === 1);
  client.send(windowUpdate(1, 1));
  await client.until(() => bytes().length === 2);
  client.send(windowUpdate(1, 100));
  const answer = await client.answer(1);
  assert.deepEqual(bytes(), [3, 1, 11]);
  assert.equal(answer.trailers['grpc-status'], '0');
  client.destroy();
});

test('6.9.2 a window made smaller than what was sent is negative until it is paid back', async () => {
  const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 20]);
  client.send(headers(1, grpcFields('/t.T/Unary'), 0), data(1, message(Buffer.alloc(95)), Flag.endStream));
  const sent = () =>
    client.frames
      .filter(({ type }) => type === FrameType.data)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  await client.until(() => sent() === 20);
  client.send(settings([Setting.initialWindowSize, 0]), windowUpdate(1, 20), ping());
  await client.frame(({ type }) => type === FrameType.ping);
  assert.equal(sent(), 20);
  client.send(windowUpdate(1, 30));
  await client.until(() => sent() === 50);
  client.send(settings([Setting.initialWindowSize, 50]));
  assert.equal((await client.answer(1)).body.length, 100);
  client.destroy();
});

test('6.9 the connection window holds back all streams', async () => {
  const client = await Http2Client.connect(server.port, [Setting.initialWindowSize, 1 << 20]);
  const size = 50_000;
  for (const id of [1, 3]) {
    client.send(headers(id, grpcFields('/t.T/Unary'), 0));
    const whole = message(Buffer.alloc(size));
    for (let at = 0; at < whole.length; at += 16000) client.send(data(id, whole.subarray(at, at + 16000)));
    client.send(data(id, '', Flag.endStream));
  }
  const sent = () =>
    client.frames
      .filter(({ type }) => type === FrameType.data)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  await client.until(() => sent() >= 65535);
  client.send(ping());
  await client.frame(({ type }) => type === FrameType.ping);
  assert.equal(sent(), 65535);
  client.send(windowUpdate(0, 100_000));
  assert.equal((await client.answer(1)).body.length, size + 5);
  assert.equal((await client.answer(3)).body.length, size + 5);
  client.destroy();
});

test('6.9 the client may always send more than the first windows hold: both are opened as data is used', async () => {
  const client = await Http2Client.connect(server.port);
  client.send(headers(1, grpcFields('/t.T/Echo'), 0));
  const rounds = 200;
  let window = 65535;
  let connectionWindow = 65535;
  let seen = 0;
  const settle = () => {
    for (; seen < client.frames.length; seen++) {
      const { type, streamId, payload } = client.frames[seen]!;
      if (type !== FrameType.windowUpdate) continue;
      if (streamId === 0) connectionWindow += payload.readUInt32BE(0);
      else window += payload.readUInt32BE(0);
    }
  };
  const piece = message(Buffer.alloc(16000));
  client.send(windowUpdate(0, 2 ** 30), windowUpdate(1, 2 ** 30));
  for (let i = 0; i < rounds; i++) {
    await client.until(() => {
      settle();
      return window >= piece.length && connectionWindow >= piece.length;
    });
    window -= piece.length;
    connectionWindow -= piece.length;
    client.send(data(1, piece));
  }
  client.send(data(1, '', Flag.endStream));
  assert.equal((await client.answer(1)).body.length, rounds * piece.length);
  client.destroy();
});
