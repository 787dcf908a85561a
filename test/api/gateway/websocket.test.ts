/**
 * The gateway over WebSocket, message for message as etcd 3.5.30 has it: each conversation is played against Quorate and against that etcd. Where Quorate means to
 * do otherwise: an answer that is complete is followed by a close frame (etcd just cuts the connection), and a malformed first message is answered (etcd says
 * nothing for ever).
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type GrpcCall, GrpcStatus, type GrpcStreamCall } from '../../../src/net/grpc-call.ts';
import {
  clientFrame,
  closeFrame,
  type Handshake,
  Opcode,
  WebSocketClient,
} from '../../net/websocket-client.ts';
import { command } from '../../support/command.ts';
import { needs } from '../../support/needs.ts';
import { underTest } from '../../support/program.ts';
import { gatewayOf } from './support/gateway-of.ts';
import { etcd35Program, needsEtcd35, startMember } from './support/members.ts';

const WATCH: Handshake = { path: '/v3/watch' };
const END = 'end';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const watchOf = (key: string, more: object = {}) => ({ create_request: { key: base64(key), ...more } });

interface Conversation {
  readonly what: string;
  readonly handshake: Handshake;
  /** Messages or frames of the client (`say`), and what it must hear, headers of answers aside. */
  readonly steps: readonly ({ readonly say: object | string | Buffer } | { readonly hear: unknown })[];
}

const say = (what: object | string | Buffer) => ({ say: what });
const hear = (what: unknown) => ({ hear: what });
const created = (more: object = {}) => hear({ result: { ...more, created: true } });
const violation = (text: string): string => `close 1002 ${text}`;

const conversations: readonly Conversation[] = [
  {
    what: 'two watches, one cancelled',
    handshake: WATCH,
    steps: [
      say(watchOf('a')),
      created(),
      say(watchOf('b', { watch_id: 7 })),
      created({ watch_id: '7' }),
      say({ cancel_request: { watch_id: 7 } }),
      hear({ result: { watch_id: '7', canceled: true } }),
      say(closeFrame(1000, 'bye')),
      hear('close 1000 '),
      hear(END),
    ],
  },
  {
    what: 'a binary message, and one in two frames with a ping between',
    handshake: WATCH,
    steps: [
      say(clientFrame(Opcode.binary, JSON.stringify(watchOf('a')))),
      created(),
      say(clientFrame(Opcode.text, '{"create_request":', false)),
      say(clientFrame(Opcode.ping, 'hi')),
      hear('pong hi'),
      say(clientFrame(Opcode.continuation, `{"key":"${base64('a')}"}}`)),
      created({ watch_id: '1' }),
    ],
  },
  {
    what: 'two requests in a message, one request in two messages',
    handshake: WATCH,
    steps: [
      say(`${JSON.stringify(watchOf('a'))}${JSON.stringify(watchOf('b'))}`),
      created(),
      created({ watch_id: '1' }),
      say('{"create_request":'),
      say(`{"key":"${base64('a')}"}}`),
      created({ watch_id: '2' }),
      say(clientFrame(Opcode.close, '')),
      hear('close'),
      hear(END),
    ],
  },
  {
    what: 'blank messages',
    handshake: WATCH,
    steps: [
      say(''),
      say('\n'),
      say(`\n${JSON.stringify(watchOf('a'))}\n`),
      created(),
      say('\n'),
      say(watchOf('b')),
      created({ watch_id: '1' }),
    ],
  },
  {
    what: 'blank messages before a unary request',
    handshake: { path: '/v3/kv/range' },
    steps: [say(''), say('\r\n'), say({ key: base64('a') }), hear({}), hear(END)],
  },
  {
    what: 'a method in the query counts for nothing',
    handshake: { path: '/v3/watch?method=GET' },
    steps: [say(watchOf('a')), created()],
  },
  {
    what: 'keep-alives of leases that are not there',
    handshake: { path: '/v3/lease/keepalive' },
    steps: [
      say({ ID: '77' }),
      hear({ result: { ID: '77' } }),
      say({ ID: '78' }),
      hear({ result: { ID: '78' } }),
    ],
  },
  {
    what: 'a unary method answers the first message and ends',
    handshake: { path: '/v3/kv/range' },
    steps: [say({ key: base64('a') }), hear({}), hear(END)],
  },
  {
    what: 'the same in two messages',
    handshake: { path: '/v3/kv/range' },
    steps: [say('{"key":'), say(`"${base64('a')}"}`), hear({}), hear(END)],
  },
  {
    what: 'an error',
    handshake: { path: '/v3/kv/range' },
    steps: [say({}), hear({ code: 3, message: 'etcdserver: key is not provided' }), hear(END)],
  },
  {
    what: 'a put that is too large',
    handshake: { path: '/v3/kv/put' },
    steps: [
      say({ key: base64('a'), value: base64('x'.repeat(1_800_000)) }),
      hear({ code: 3, message: 'etcdserver: request is too large' }),
      hear(END),
    ],
  },
  ...(
    [
      ['Bearer, token', 'Bearer'],
      ['Bearer,token', 'Bearer'],
      ['other', ''],
    ] as const
  ).map(([protocol, answered]) => ({
    what: `the protocol '${protocol}'`,
    handshake: { path: '/v3/kv/range', headers: { 'Sec-WebSocket-Protocol': protocol } },
    steps: [hear(`protocol ${answered}`), say({ key: base64('a') }), hear({}), hear(END)],
  })),
  {
    what: 'any origin, no extensions',
    handshake: {
      path: '/v3/kv/range',
      headers: { Origin: 'http://elsewhere', 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    },
    steps: [hear('protocol '), say({ key: base64('a') }), hear({}), hear(END)],
  },
  ...(
    [
      ['POST', { ...WATCH, method: 'POST' }, 405],
      ['version 12', { ...WATCH, headers: { 'Sec-WebSocket-Version': '12' } }, 400],
      ['no key', { ...WATCH, headers: { 'Sec-WebSocket-Key': '' } }, 400],
      ['a short key', { ...WATCH, headers: { 'Sec-WebSocket-Key': 'abc' } }, 400],
    ] as const
  ).map(([what, handshake, status]) => ({ what, handshake, steps: [hear(`status ${status}`)] })),
  ...(
    [
      ['a frame without a mask', Buffer.of(0x81, 1, 65), 'bad MASK'],
      ['a reserved bit', Buffer.of(0xc1, 0x80, 0, 0, 0, 0), 'RSV1 set'],
      ['an unknown opcode', Buffer.of(0x83, 0x80, 0, 0, 0, 0), 'bad opcode 3'],
      ['a part of nothing', clientFrame(Opcode.continuation, 'x'), 'continuation after FIN'],
      [
        'a message in a message',
        Buffer.concat([clientFrame(Opcode.text, 'x', false), clientFrame(Opcode.text, 'y')]),
        'data before FIN',
      ],
      [
        'several things',
        Buffer.of(0x70, 1, 65),
        'RSV1 set, RSV2 set, RSV3 set, continuation after FIN, bad MASK',
      ],
      [
        'a long part of a ping in a message',
        Buffer.concat([
          clientFrame(Opcode.text, 'x', false),
          clientFrame(Opcode.ping, 'x'.repeat(126), false),
        ]),
        'len > 125 for control, FIN not set on control',
      ],
      ['a long ping', clientFrame(Opcode.ping, 'x'.repeat(126)), 'len > 125 for control'],
      ['a ping in parts', clientFrame(Opcode.ping, 'x', false), 'FIN not set on control'],
      [
        'a close reason that is no text',
        clientFrame(Opcode.close, Buffer.of(3, 232, 0xff)),
        'invalid utf8 payload in close frame',
      ],
      ['a close code that is none', closeFrame(1005), 'bad close code 1005'],
    ] as const
  ).map(([what, frame, text]) => ({
    what,
    handshake: WATCH,
    steps: [say(frame), hear(violation(text)), hear(END)],
  })),
];

async function play(port: number, { handshake, steps }: Conversation): Promise<void> {
  const client = await WebSocketClient.connect(port, handshake);
  let hasEnded = false;
  for (const step of steps) {
    if ('say' in step) {
      if (Buffer.isBuffer(step.say)) client.socket.write(step.say);
      else client.text(step.say);
    } else if (typeof step.hear === 'string' && /^(status|protocol) /.test(step.hear)) {
      const protocol = /^Sec-WebSocket-Protocol: (.*)\r$/m.exec(client.head)?.[1] ?? '';
      const said = step.hear.startsWith('status') ? `status ${client.status}` : `protocol ${protocol}`;
      assert.equal(said, step.hear);
    } else {
      let heard = await nextOf(client);
      // etcd says no goodbye when all is answered.
      if (step.hear === END && heard === 'close 1000 ' && !hasEnded) {
        hasEnded = true;
        client.socket.end();
        heard = await nextOf(client);
      }
      assert.deepEqual(heard, step.hear);
    }
  }
  client.destroy();
}

async function nextOf(client: WebSocketClient): Promise<unknown> {
  const frame = await client.frame();
  if (frame === undefined) return END;
  const { first, payload } = frame;
  assert.equal(first & 0x70, 0);
  switch (first & 0x0f) {
    case Opcode.text:
      assert.equal(first & 0x80, 0x80);
      return withoutHeader(JSON.parse(payload.toString()));
    case Opcode.close:
      return payload.length === 0
        ? 'close'
        : `close ${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`;
    default:
      return `${first === (0x80 | Opcode.pong) ? 'pong' : first} ${payload.toString()}`;
  }
}

/** Headers tell ids; errors have the fields of both versions of the gateway here (see error-body.ts). */
function withoutHeader(answer: Record<string, unknown>): unknown {
  const { header, error, ...rest } = answer;
  if ('result' in rest) return { result: withoutHeader(rest['result'] as Record<string, unknown>) };
  return rest;
}

async function playAll(t: TestContext, port: number): Promise<void> {
  for (const each of conversations) await t.test(each.what, () => play(port, each));
}

test('Quorate holds the conversations', { skip: needs('quorate') }, async (t) => {
  await playAll(t, await startMember(t, underTest, []));
});

test('etcd 3.5 holds the conversations', { skip: needsEtcd35 }, async (t) => {
  await playAll(t, await startMember(t, etcd35Program, []));
});

test('credentials come as a protocol or as a cookie, and in no other way', async (t) => {
  const heard: (string | undefined)[] = [];
  const handle = (call: GrpcCall) => {
    heard.push(call.metadata('authorization'));
    call.respond(new Uint8Array(0));
  };
  const port = await gatewayOf(t, new Map([['/etcdserverpb.KV/Range', { kind: 'unary', handle }]]));
  for (const headers of [
    { 'Sec-WebSocket-Protocol': 'Bearer, one' },
    { 'Sec-WebSocket-Protocol': 'Bearer,two' },
    { 'Sec-WebSocket-Protocol': 'Bearer, one', Cookie: 'a=b; token=three' },
    { 'Sec-WebSocket-Protocol': 'other' },
    { Authorization: 'Bearer four' },
  ]) {
    const client = await WebSocketClient.connect(port, { path: '/v3/kv/range', headers });
    client.text('{}');
    assert.equal(await client.message(), '{}');
    client.destroy();
  }
  assert.deepEqual(heard, ['Bearer one', 'Bearer two', 'Bearer three', undefined, undefined]);
});

test('a malformed first message is answered; later ones end the input as over HTTP', async (t) => {
  const open = (call: GrpcStreamCall) => ({
    message: () => void call.write(new Uint8Array(0)),
    clientDone() {},
  });
  const port = await gatewayOf(t, new Map([['/etcdserverpb.Watch/Watch', { kind: 'bidirectional', open }]]));
  const client = await WebSocketClient.connect(port, WATCH);
  client.text('nonsense');
  const answer = JSON.parse((await client.message())!) as { readonly code: number };
  assert.equal(answer.code, GrpcStatus.invalidArgument);
  assert.equal(await nextOf(client), 'close 1000 ');
  client.destroy();
});

test('the end of the client ends the call, and the end of the call the connection', async (t) => {
  const calls: GrpcStreamCall[] = [];
  let left: () => void = () => {};
  const leaving = new Promise<void>((resolve) => {
    left = resolve;
  });
  const open = (call: GrpcStreamCall) => {
    call.onClose(left);
    calls.push(call);
    return { message: () => void call.write(new Uint8Array(0)), clientDone() {} };
  };
  const port = await gatewayOf(t, new Map([['/etcdserverpb.Watch/Watch', { kind: 'bidirectional', open }]]));
  const leaver = await WebSocketClient.connect(port, WATCH);
  leaver.text({});
  assert.equal(await leaver.message(), '{"result":{}}');
  leaver.destroy();
  await leaving;
  assert.equal(calls[0]!.closed, true);

  const stayer = await WebSocketClient.connect(port, WATCH);
  stayer.text({});
  assert.equal(await stayer.message(), '{"result":{}}');
  calls[1]!.fail(GrpcStatus.unavailable, 'no more');
  const { error } = JSON.parse((await stayer.message())!) as {
    readonly error: { readonly grpc_code: number };
  };
  assert.equal(error.grpc_code, GrpcStatus.unavailable);
  assert.equal(await nextOf(stayer), 'close 1000 ');
  stayer.destroy();
});

test('a large answer is one message, whatever parts it is sent in', async (t) => {
  // RangeResponse: 2: kvs { 1: key, 5: value }.
  const value = Buffer.alloc(600_000, 'v');
  const kv = Buffer.concat([Buffer.of(0x0a, 1, 97, 0x2a, ...varint(value.length)), value]);
  const handle = (call: GrpcCall) => call.respond(Buffer.concat([Buffer.of(0x12, ...varint(kv.length)), kv]));
  const port = await gatewayOf(t, new Map([['/etcdserverpb.KV/Range', { kind: 'unary', handle }]]));
  const client = await WebSocketClient.connect(port, { path: '/v3/kv/range' });
  client.text('{}');
  let text = '';
  for (let isLast = false; !isLast; ) {
    const frame = (await client.frame())!;
    assert.equal(frame.first & 0x0f, text === '' ? Opcode.text : Opcode.continuation);
    text += frame.payload.toString();
    isLast = (frame.first & 0x80) !== 0;
  }
  assert.deepEqual(JSON.parse(text), { kvs: [{ key: base64('a'), value: value.toString('base64') }] });
  client.destroy();
});

test("Node's own client, which nobody here wrote", async (t) => {
  const open = (call: GrpcStreamCall) => ({
    message: (bytes: Uint8Array) => void call.write(Uint8Array.of(0x10, bytes[1]!)),
    clientDone() {},
  });
  const port = await gatewayOf(
    t,
    new Map([['/etcdserverpb.Lease/LeaseKeepAlive', { kind: 'bidirectional', open }]]),
  );
  const script = `
    const socket = new WebSocket('ws://127.0.0.1:${port}/v3/lease/keepalive', ['Bearer', 'token']);
    socket.onopen = () => socket.send('{"ID":1}');
    socket.onmessage = ({ data }) => { console.log(socket.protocol, data); socket.close(1000); };
    socket.onclose = ({ code, wasClean }) => console.log(code, wasClean);
    socket.onerror = ({ error }) => console.log(error);`;
  const printed = await command([
    process.execPath,
    '--experimental-websocket',
    '--no-warnings',
    '-e',
    script,
  ]);
  assert.equal(printed, 'Bearer {"result":{"ID":"1"}}\n1000 true\n');
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}
