/**
 * Fills a store with keys by transactions of many puts, a number of them under way on one connection, with as little work as can be: what is
 * measured is the server. The frames of one transaction are made once; for each the keys are written over and the stream's number is put in.
 *
 * The server's window for the connection is kept to; a stream's must have room for a transaction.
 */

import { createConnection, type Socket } from 'node:net';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FrameFinder,
  FrameType,
  frameHeadBytes,
  frameOf,
  messageHeadBytes,
  preface,
  requestHead,
  windowBytesFirst,
  windowBytesMax,
  windowUpdate,
} from './http2-frames.ts';
import { keyOf, manyPutsMessage } from './v3-messages.ts';

const frameBytesMax = 16_384;
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
  #window = windowBytesFirst;
  readonly #frames = new FrameFinder((...frame) => this.#take(...frame));
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
            this.#frames.take(buffer.subarray(0, count));
            this.#send();
          } catch (error) {
            this.#fail(error as Error);
          }
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#socket.write(preface);
    this.#socket.write(frameOf(FrameType.settings, 0, 0, noBytes));
    // Answers are small: the connection is given all the window there is once.
    this.#socket.write(windowUpdate(0, windowBytesMax - windowBytesFirst));
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

  #take(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (type === FrameType.data && end > start) this.#answered.add(stream);
    else if (type === FrameType.headers && (flags & END_STREAM) !== 0) {
      if (!this.#answered.delete(stream)) throw new Error('a transaction failed');
      this.#underWay--;
    } else if (type === FrameType.windowUpdate && stream === 0) this.#window += bytes.readUInt32BE(start);
    else if (type === FrameType.settings && (flags & ACK) === 0) {
      this.#socket.write(frameOf(FrameType.settings, ACK, 0, noBytes));
    } else if (type === FrameType.ping && (flags & ACK) === 0) {
      this.#socket.write(frameOf(FrameType.ping, ACK, 0, bytes.subarray(start, end)));
    } else if (type === FrameType.reset || type === FrameType.goAway) {
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
    const body = Buffer.alloc(messageHeadBytes + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, messageHeadBytes);
    this.dataBytes = body.length;
    if (body.length > windowBytesFirst) throw new Error("a transaction is larger than a stream's window");
    const frames = [
      frameOf(FrameType.headers, END_HEADERS, 1, requestHead('/etcdserverpb.KV/Txn', `127.0.0.1:${port}`)),
    ];
    const holes: number[] = [];
    let offset = frames[0]!.length;
    const streamsAt = [5];
    for (let at = 0; at < body.length; at += frameBytesMax) {
      const piece = body.subarray(at, at + frameBytesMax);
      streamsAt.push(offset + 5);
      holes.push(offset + frameHeadBytes - at);
      const isLast = at + frameBytesMax >= body.length;
      frames.push(frameOf(FrameType.data, isLast ? END_STREAM : 0, 1, piece));
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

const noBytes = Buffer.alloc(0);
