/**
 * gRPC on one cleartext connection with as little work as can be, so that what is measured is the server: frames are written by hand and
 * looked at where they lie, no stream object is made, and a message is a range of the read buffer.
 *
 *   frame    length:24  type:8  flags:8  stream:32   payload
 *   payload of DATA    compressed:8  length:32  message
 *
 * Header blocks put each field into the compression table once and refer to it from then on, as real clients do.
 */

import { createConnection, type Socket } from 'node:net';

const frameType = { data: 0, headers: 1, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const frameHeadBytes = 9;
const messageHeadBytes = 5;
const largestWindow = 2 ** 31 - 1;
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
  /** The beginning of a frame. */
  #rest: Buffer = Buffer.alloc(0);
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
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(4, 0);
    settings.writeUInt32BE(largestWindow, 2);
    this.#output.push(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    this.#frame(frameType.settings, 0, 0, settings);
    this.#windowUpdate(largestWindow - 65535);
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
    this.#frame(frameType.headers, END_HEADERS, id, Buffer.concat(block));
    return id;
  }

  send(id: number, message: Uint8Array, isLast: boolean): void {
    const payload = Buffer.alloc(messageHeadBytes + message.length);
    payload.writeUInt32BE(message.length, 1);
    payload.set(message, messageHeadBytes);
    this.#frame(frameType.data, isLast ? END_STREAM : 0, id, payload);
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

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    this.#output.push(head, Buffer.from(payload));
  }

  #windowUpdate(increment: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(increment);
    this.#frame(frameType.windowUpdate, 0, 0, payload);
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + frameHeadBytes + length;
      if (end > bytes.length) break;
      this.#take(bytes, at, end);
      at = end;
    }
    this.#rest = at === bytes.length ? this.#rest.subarray(0, 0) : Buffer.from(bytes.subarray(at));
    if (this.#received > largestWindow / 2) {
      this.#windowUpdate(this.#received);
      this.#received = 0;
    }
    this.flush();
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const id = bytes.readUInt32BE(at + 5);
    const start = at + frameHeadBytes;
    switch (type) {
      case frameType.data:
        this.#received += end - start;
        this.#data(id, bytes, start, end);
        break;
      case frameType.settings:
        if ((flags & ACK) === 0) this.#frame(frameType.settings, ACK, 0, Buffer.alloc(0));
        return;
      case frameType.ping:
        if ((flags & ACK) === 0) this.#frame(frameType.ping, ACK, 0, bytes.subarray(start, end));
        return;
      case frameType.goAway:
        this.#socket.destroy(new Error(`GOAWAY: ${bytes.toString('latin1', start + 8, end)}`));
        return;
    }
    const carriesEnd = type === frameType.data || type === frameType.headers;
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
