/**
 * A client that speaks HTTP/2 frame by frame, right or wrong. Header blocks are written by hand (literals without Huffman), so that
 * the server's own encoder does not vouch for its decoder.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Flag, FrameType } from '../../src/net/http2/frame.ts';
import type { HeaderField } from '../../src/net/http2/header-field.ts';
import { HpackDecoder } from '../../src/net/http2/hpack-decoder.ts';

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface Answer {
  readonly status: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The code of a reset after or instead of the answer; undefined if its end was seen first. */
  readonly reset: number | undefined;
}

export type Fields = readonly (readonly [name: string, value: string])[];

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

/** An integer with a prefix of `bits` bits below `form` (RFC 7541, 5.1). */
export function hpackInteger(form: number, bits: number, value: number): Buffer {
  const mask = 2 ** bits - 1;
  if (value < mask) return Buffer.from([form | value]);
  const bytes = [form | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function hpackText(text: string): Buffer {
  return Buffer.concat([hpackInteger(0, 7, Buffer.byteLength(text, 'latin1')), Buffer.from(text, 'latin1')]);
}

/** Fields as literals that are not indexed. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), hpackText(name), hpackText(value)])),
  );
}

export const getFields: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
export const postFields: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

export function grpcFields(path: string, more: Fields = []): Fields {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'a'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ];
}

/** HEADERS that end the block; `flags` adds END_STREAM or takes nothing away. */
export function headers(streamId: number, fields: Fields, flags: number = Flag.endStream): Buffer {
  return frame(FrameType.headers, flags | Flag.endHeaders, streamId, block(fields));
}

export function data(streamId: number, payload: Uint8Array | string, flags = 0): Buffer {
  return frame(FrameType.data, flags, streamId, payload);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

export type SettingPair = readonly [setting: number, value: number];

export function settings(...pairs: readonly SettingPair[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([setting, value], index) => {
    payload.writeUInt16BE(setting, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FrameType.settings, 0, 0, payload);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.windowUpdate, 0, streamId, uint32(increment));
}

export function reset(streamId: number, code = 8): Buffer {
  return frame(FrameType.rstStream, 0, streamId, uint32(code));
}

export function ping(payload = '12345678', flags = 0): Buffer {
  return frame(FrameType.ping, flags, 0, payload);
}

/** A gRPC message with its head. */
export function message(bytes: Uint8Array | string, flag = 0): Buffer {
  const body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  return Buffer.concat([Buffer.from([flag]), uint32(body.length), body]);
}

export class Http2Client {
  readonly socket: Socket;
  /** Every frame received so far. */
  readonly frames: Frame[] = [];
  ended = false;
  private unread: Buffer = Buffer.alloc(0);
  private waiters: (() => void)[] = [];
  private readonly decoder = new HpackDecoder(1 << 20, 1 << 16);
  private readonly decoded = new Map<Frame, HeaderField[]>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.receive(bytes));
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true;
        this.wake();
      });
    }
  }

  /** Connects without a word. */
  static async connectRaw(port: number): Promise<Http2Client> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const client = new Http2Client(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects, sends preface and settings, acknowledges the server's. */
  static async connect(port: number, ...pairs: readonly SettingPair[]): Promise<Http2Client> {
    const client = await Http2Client.connectRaw(port);
    client.send(preface, settings(...pairs), frame(FrameType.settings, Flag.ack, 0));
    await client.until(() =>
      client.frames.some(({ type, flags }) => type === FrameType.settings && flags === Flag.ack),
    );
    return client;
  }

  send(...parts: readonly (Uint8Array | string)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))));
  }

  /** Rejects if the connection ends before the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) throw new Error(`ended after ${this.frames.map(describeFrame).join(', ')}`);
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  async frame(match: (frame: Frame) => boolean): Promise<Frame> {
    let found: Frame | undefined;
    await this.until(() => {
      found = this.frames.find(match);
      return found !== undefined;
    });
    return found!;
  }

  /** All frames until the server ends the connection. */
  async untilEnd(): Promise<readonly Frame[]> {
    while (!this.ended) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return this.frames;
  }

  /** The code of the GOAWAY that ends the connection; -1 if it ends without one. */
  async goAway(): Promise<number> {
    await this.untilEnd();
    return this.frames.findLast(({ type }) => type === FrameType.goAway)?.payload.readUInt32BE(4) ?? -1;
  }

  /** The code a stream was reset with. */
  async resetCode(streamId: number): Promise<number> {
    const found = await this.frame((each) => each.type === FrameType.rstStream && each.streamId === streamId);
    return found.payload.readUInt32BE(0);
  }

  /** The whole answer on a stream, or what there is of it when the stream is reset. */
  async answer(streamId: number): Promise<Answer> {
    const mine = () => this.frames.filter((each) => each.streamId === streamId);
    const isEnd = (each: Frame) =>
      each.type === FrameType.rstStream ||
      ((each.type === FrameType.data || each.type === FrameType.headers) &&
        (each.flags & Flag.endStream) !== 0);
    await this.until(() => mine().some(isEnd));
    const frames = mine();
    const last = frames.findIndex(isEnd);
    const seen = frames.slice(0, last + 1);
    const blocks = seen
      .filter(({ type }) => type === FrameType.headers)
      .map((each) => record(this.decoded.get(each)!));
    const end = seen.at(-1)!;
    return {
      status: blocks[0]?.[':status'],
      headers: blocks[0] ?? {},
      trailers: blocks[1] ?? {},
      body: Buffer.concat(seen.filter(({ type }) => type === FrameType.data).map(({ payload }) => payload)),
      reset: end.type === FrameType.rstStream ? end.payload.readUInt32BE(0) : undefined,
    };
  }

  /** Does the connection still serve? */
  async get(streamId: number): Promise<Answer> {
    this.send(headers(streamId, getFields));
    return this.answer(streamId);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private receive(bytes: Buffer): void {
    this.unread = this.unread.length === 0 ? bytes : Buffer.concat([this.unread, bytes]);
    let at = 0;
    while (this.unread.length - at >= 9) {
      const end = at + 9 + this.unread.readUIntBE(at, 3);
      if (end > this.unread.length) break;
      const each: Frame = {
        type: this.unread[at + 3]!,
        flags: this.unread[at + 4]!,
        streamId: this.unread.readUInt32BE(at + 5),
        // A copy: a few bytes must not keep all that was read with them.
        payload: Buffer.from(this.unread.subarray(at + 9, end)),
      };
      this.frames.push(each);
      if (each.type === FrameType.headers) this.decode(each);
      at = end;
    }
    this.unread = this.unread.subarray(at);
    this.wake();
  }

  private decode(each: Frame): void {
    const fields: HeaderField[] = [];
    if (!this.decoder.decode(each.payload, 0, each.payload.length, fields)) {
      throw new Error(`the server sent a broken header block: ${each.payload.toString('hex')}`);
    }
    this.decoded.set(each, fields);
  }

  private wake(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

export function describeFrame({ type, flags, streamId, payload }: Frame): string {
  const name = Object.entries(FrameType).find(([, number]) => number === type)?.[0] ?? `type ${type}`;
  return `${name}(stream ${streamId}, flags ${flags}, ${payload.subarray(0, 32).toString('latin1')})`;
}

function record(fields: readonly HeaderField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}
