/**
 * Fills a store with keys by transactions of many puts, a number of them under way on one connection, with as little work as can be: what is
 * measured is the server. The frames of one transaction are made once; for each the keys are written over and the stream's number is put in.
 *
 *     frame    length:24  type:8  flags:8  stream:32   payload
 *
 * The server's window for the connection is kept to; a stream's must have room for a transaction.
 */

import { createConnection, type Socket } from 'node:net';
import { keyOf, manyPutsMessage } from './v3-messages.ts';

const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const frameHeadBytes = 9;
const frameBytesMax = 16_384;
const windowBytes = 65_535;
const readBytes = 256 * 1024;

export interface FillLoad {
  readonly port: number;
  /** Keys [from, to) are put; a whole number of transactions. */
  readonly from: number;
  readonly to: number;
  readonly putsPerTxn: number;
  /** Transactions under way. */
  readonly underWay: number;
}

/** Resolves when all are answered, to the seconds it took. @throws when one fails. */
export function fillKeys(load: FillLoad): Promise<number> {
  return new Promise((resolve, reject) => new Fill(load, resolve, reject));
}

class Fill {
  readonly #load: FillLoad;
  readonly #resolve: (seconds: number) => void;
  readonly #reject: (error: Error) => void;
  readonly #socket: Socket;
  readonly #template: Template;
  readonly #began = performance.now();
  #nextKey: number;
  #nextStream = 1;
  #underWay = 0;
  #window = windowBytes;
  #rest: Buffer = Buffer.alloc(0);
  /** Streams with an answer: an error has none. */
  readonly #answered = new Set<number>();

  constructor(load: FillLoad, resolve: (seconds: number) => void, reject: (error: Error) => void) {
    this.#load = load;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#nextKey = load.from;
    this.#template = new Template(load.port, load.from, load.putsPerTxn);
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    this.#socket = createConnection({
      port: load.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer,
        callback: (count) => {
          try {
            this.#receive(buffer.subarray(0, count));
          } catch (error) {
            this.#fail(error as Error);
          }
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#socket.write(frame(frameType.settings, 0, 0, Buffer.alloc(0)));
    // Answers are small: the connection is given all the window there is once.
    const window = Buffer.alloc(4);
    window.writeUInt32BE(2 ** 31 - 1 - windowBytes);
    this.#socket.write(frame(frameType.windowUpdate, 0, 0, window));
    this.#send();
  }

  #send(): void {
    const { to, putsPerTxn, underWay } = this.#load;
    const template = this.#template;
    while (this.#underWay < underWay && this.#nextKey < to && this.#window >= template.dataBytes) {
      this.#socket.write(template.frames(this.#nextStream, this.#nextKey));
      this.#nextStream += 2;
      this.#nextKey += putsPerTxn;
      this.#underWay++;
      this.#window -= template.dataBytes;
    }
    if (this.#underWay > 0 || this.#nextKey < to) return;
    this.#resolve((performance.now() - this.#began) / 1000);
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#take(bytes, at, end);
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    this.#send();
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const stream = bytes.readUInt32BE(at + 5);
    const payload = at + frameHeadBytes;
    if (type === frameType.data && end > payload) this.#answered.add(stream);
    else if (type === frameType.headers && (flags & END_STREAM) !== 0) {
      if (!this.#answered.delete(stream)) throw new Error('a transaction failed');
      this.#underWay--;
    } else if (type === frameType.windowUpdate && stream === 0) this.#window += bytes.readUInt32BE(payload);
    else if (type === frameType.settings && (flags & ACK) === 0) {
      this.#socket.write(frame(frameType.settings, ACK, 0, Buffer.alloc(0)));
    } else if (type === frameType.ping && (flags & ACK) === 0) {
      this.#socket.write(frame(frameType.ping, ACK, 0, bytes.subarray(payload, end)));
    } else if (type === frameType.reset || type === frameType.goAway) {
      throw new Error(`the server sent a frame of type ${type}`);
    }
  }

  #fail(error: Error): void {
    this.#socket.destroy();
    this.#reject(error);
  }
}

/** The frames of a transaction: HEADERS, then DATA. */
class Template {
  /** Of DATA frames, which count against the window. */
  readonly dataBytes: number;
  readonly #bytes: Buffer;
  /** Where the streams' numbers and the keys are. */
  readonly #streamsAt: number[] = [];
  readonly #keysAt: readonly number[];
  readonly #holes: readonly number[];

  constructor(port: number, from: number, puts: number) {
    const message = manyPutsMessage(from, from + puts);
    const body = Buffer.alloc(5 + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, 5);
    this.dataBytes = body.length;
    if (body.length > windowBytes) throw new Error("a transaction is larger than a stream's window");
    const frames = [frame(frameType.headers, END_HEADERS, 1, headerBlock(port))];
    const holes: number[] = [];
    let offset = frames[0]!.length;
    const streamsAt = [5];
    for (let at = 0; at < body.length; at += frameBytesMax) {
      const piece = body.subarray(at, at + frameBytesMax);
      streamsAt.push(offset + 5);
      holes.push(offset + frameHeadBytes - at);
      const isLast = at + frameBytesMax >= body.length;
      frames.push(frame(frameType.data, isLast ? END_STREAM : 0, 1, piece));
      offset += frameHeadBytes + piece.length;
    }
    this.#bytes = Buffer.concat(frames);
    this.#streamsAt = streamsAt;
    this.#holes = holes;
    this.#keysAt = Array.from({ length: puts }, (_, i) => body.indexOf(keyOf(from + i)));
  }

  /** A copy with the stream's number and the keys from `from` on. */
  frames(stream: number, from: number): Buffer {
    const bytes = Buffer.from(this.#bytes);
    for (const at of this.#streamsAt) bytes.writeUInt32BE(stream, at);
    for (const [i, at] of this.#keysAt.entries()) {
      const key = keyOf(from + i);
      // A key may be cut in two by the end of a frame.
      for (let j = 0; j < key.length; j++) {
        const place = at + j;
        bytes[place + this.#holes[Math.floor(place / frameBytesMax)]!] = key[j]!;
      }
    }
    return bytes;
  }
}

function headerBlock(port: number): Buffer {
  const field = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]);
  return Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', '/etcdserverpb.KV/Txn'),
    field(':authority', `127.0.0.1:${port}`),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ]);
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeadBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}
