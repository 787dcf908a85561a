/**
 * gRPC on one cleartext connection with as little work as can be, so that what is measured is the server: frames are written by hand and
 * looked at where they lie, no stream object is made, and a message is a range of the read buffer.
 *
 * Header blocks put each field into the compression table once and refer to it from then on, as real clients do.
 */

import { createConnection, type Socket } from 'node:net';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FrameFinder,
  FrameType,
  frameOf,
  messageHeadBytes,
  preface,
  settingsWithWindow,
  windowBytesFirst,
  windowBytesMax,
  windowUpdate,
} from './http2-frames.ts';

/** Behind HPACK's static table. */
const firstDynamicIndex = 62;
const readBytes = 256 * 1024;

/** A message of stream `id` is `bytes[start, end)`, valid during the call. */
export type OnMessage = (id: number, bytes: Buffer, start: number, end: number) => void;

export class RawGrpc {
  readonly #socket: Socket;
  readonly #onMessage: OnMessage;
  readonly #onEnd: (id: number) => void;
  readonly #authority: string;
  readonly #indexed: string[] = [];
  readonly #frames = new FrameFinder((...frame) => this.#take(...frame));
  /** Beginnings of messages. */
  readonly #partial = new Map<number, Buffer>();
  #nextId = 1;
  #received = 0;
  #output: Buffer[] = [];

  private constructor(socket: Socket, authority: string, onMessage: OnMessage, onEnd: (id: number) => void) {
    this.#socket = socket;
    this.#authority = authority;
    this.#onMessage = onMessage;
    this.#onEnd = onEnd;
    this.#output.push(preface, settingsWithWindow(windowBytesMax));
    this.#output.push(windowUpdate(0, windowBytesMax - windowBytesFirst));
    this.flush();
  }

  /** `onEnd`: the server has ended a stream. */
  static connect(port: number, onMessage: OnMessage, onEnd: (id: number) => void): Promise<RawGrpc> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafeSlow(readBytes);
      let made: RawGrpc | undefined;
      const callback = (count: number): boolean => {
        if (made !== undefined) made.#receive(buffer.subarray(0, count));
        return true;
      };
      const socket = createConnection({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer, callback },
      });
      socket.once('error', reject);
      socket.once('connect', () => {
        made = new RawGrpc(socket, `127.0.0.1:${port}`, onMessage, onEnd);
        resolve(made);
      });
    });
  }

  /** Begins a call; leaves with the next `flush`. */
  open(path: string): number {
    const id = this.#nextId;
    this.#nextId += 2;
    const block: Buffer[] = [Buffer.of(0x83, 0x86)];
    // By their numbers in the static table: ':authority', ':path', 'content-type'; 'te' is not in it.
    block.push(this.#field(1, '', this.#authority), this.#field(4, '', path));
    block.push(this.#field(31, '', 'application/grpc'), this.#field(0, 'te', 'trailers'));
    this.#output.push(frameOf(FrameType.headers, END_HEADERS, id, Buffer.concat(block)));
    return id;
  }

  send(id: number, message: Uint8Array, isLast: boolean): void {
    const payload = Buffer.alloc(messageHeadBytes + message.length);
    payload.writeUInt32BE(message.length, 1);
    payload.set(message, messageHeadBytes);
    this.#output.push(frameOf(FrameType.data, isLast ? END_STREAM : 0, id, payload));
  }

  flush(): void {
    if (this.#output.length === 0) return;
    const output = this.#output.length === 1 ? this.#output[0]! : Buffer.concat(this.#output);
    this.#output = [];
    this.#socket.write(output);
  }

  close(): void {
    this.#socket.destroy();
  }

  #field(name: number, literalName: string, value: string): Buffer {
    const known = this.#indexed.indexOf(value);
    if (known >= 0) return Buffer.of(0x80 | (firstDynamicIndex + this.#indexed.length - 1 - known));
    this.#indexed.push(value);
    const text = (each: string): Buffer => Buffer.from(String.fromCharCode(each.length) + each, 'latin1');
    return Buffer.concat([Buffer.of(0x40 | name), ...(name === 0 ? [text(literalName)] : []), text(value)]);
  }

  #receive(chunk: Buffer): void {
    this.#frames.take(chunk);
    if (this.#received > windowBytesMax / 2) {
      this.#output.push(windowUpdate(0, this.#received));
      this.#received = 0;
    }
    this.flush();
  }

  #take(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.data:
        this.#received += end - start;
        this.#data(id, bytes, start, end);
        break;
      case FrameType.settings:
      case FrameType.ping: {
        const echo = bytes.subarray(start, type === FrameType.ping ? end : start);
        if ((flags & ACK) === 0) this.#output.push(frameOf(type, ACK, 0, echo));
        return;
      }
      case FrameType.goAway:
        this.#socket.destroy(new Error(`GOAWAY: ${bytes.toString('latin1', start + 8, end)}`));
        return;
    }
    const carriesEnd = type === FrameType.data || type === FrameType.headers;
    if (carriesEnd && (flags & END_STREAM) !== 0) this.#onEnd(id);
  }

  #data(id: number, bytes: Buffer, start: number, end: number): void {
    const before = this.#partial.get(id);
    if (before === undefined) {
      const at = this.#messages(id, bytes, start, end);
      if (at < end) this.#partial.set(id, Buffer.from(bytes.subarray(at, end)));
      return;
    }
    const whole = Buffer.concat([before, bytes.subarray(start, end)]);
    const at = this.#messages(id, whole, 0, whole.length);
    if (at < whole.length) this.#partial.set(id, whole.subarray(at));
    else this.#partial.delete(id);
  }

  #messages(id: number, bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (end - at >= messageHeadBytes) {
      const last = at + messageHeadBytes + bytes.readUInt32BE(at + 1);
      if (last > end) break;
      this.#onMessage(id, bytes, at + messageHeadBytes, last);
      at = last;
    }
    return at;
  }
}
