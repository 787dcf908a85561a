/**
 * Keep-alives of leases over many streams at once. Each answer is followed by the next request on its stream, so that a fixed number is under way.
 *
 * Frames are made beforehand and answers counted in place. An answer that is not the one expected ends the load.
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
  settingsWithWindow,
  windowBytesFirst,
  windowUpdate,
} from './http2-frames.ts';

export interface KeepAliveLoad {
  readonly port: number;
  readonly connections: number;
  /** On each connection. */
  readonly streams: number;
  /** Dealt out evenly: each renewal is of another lease than those under way. All granted with a TTL of `ttlSeconds`. */
  readonly leases: readonly bigint[];
  /** From 128 to 16,383. */
  readonly ttlSeconds: number;
  readonly seconds: number;
}

export interface KeepAliveResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const path = '/etcdserverpb.Lease/LeaseKeepAlive';
const windowBytes = 2 ** 30;
/** A window is opened anew after so many bytes. */
const windowStepBytes = 2 ** 28;
const latencyBucketsMax = 2_000_000;

/** @throws when a stream ends or an answer is not that of a living lease. */
export async function keepAliveLoad(load: KeepAliveLoad): Promise<KeepAliveResult> {
  const perConnection = load.leases.length / load.connections;
  const latencies = new Uint32Array(latencyBucketsMax);
  const startedMs = performance.now();
  const runs = Array.from({ length: load.connections }, (_, at) => {
    const leases = load.leases.slice(at * perConnection, (at + 1) * perConnection);
    return new KeepAliveConnection(load, leases, startedMs + load.seconds * 1000, latencies).ended;
  });
  const counts = await Promise.all(runs);
  const requests = counts.reduce((sum, count) => sum + count, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  const quantile = (share: number): number => {
    let left = requests * share;
    const bucket = latencies.findIndex((count) => {
      left -= count;
      return left < 0;
    });
    return bucket / 1000;
  };
  return { requests, requestsPerSecond: requests / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

interface Stream {
  /** Frames of its renewals, to be sent in turn. */
  readonly frames: readonly Buffer[];
  /** When the renewals under way were sent: a ring, as answers keep the order of requests. */
  readonly sentMs: Float64Array;
  sent: number;
  answered: number;
  /** The beginning of a message whose rest is still to come. */
  partial: Buffer;
  window: number;
}

class KeepAliveConnection {
  /** Resolves with the number of renewals when the time is up. */
  readonly ended: Promise<number>;
  readonly #socket: Socket;
  readonly #streams: Stream[] = [];
  readonly #endMs: number;
  /** Renewals by the microseconds they took. */
  readonly #latencies: Uint32Array;
  readonly #ttlLow: number;
  readonly #ttlHigh: number;
  #finish: (error?: Error) => void = () => {};
  readonly #frames = new FrameFinder((...frame) => this.#frame(...frame));
  #out: Buffer = Buffer.alloc(64 * 1024);
  #outLength = 0;
  #window = windowBytesFirst;
  #initialWindow = windowBytesFirst;
  #receivedBytes = 0;
  #count = 0;
  #nowMs = 0;

  constructor(load: KeepAliveLoad, leases: readonly bigint[], endMs: number, latencies: Uint32Array) {
    this.#endMs = endMs;
    this.#latencies = latencies;
    this.#ttlLow = (load.ttlSeconds & 0x7f) | 0x80;
    this.#ttlHigh = load.ttlSeconds >> 7;
    for (let at = 0; at < load.streams; at++) {
      const frames = leases
        .filter((_, i) => i % load.streams === at)
        .map((id) => frameOf(FrameType.data, 0, idOf(at), renewal(id)));
      const sentMs = new Float64Array(frames.length);
      this.#streams.push({
        frames,
        sentMs,
        sent: 0,
        answered: 0,
        partial: noBytes,
        window: this.#initialWindow,
      });
    }
    this.#socket = createConnection({ port: load.port, host: '127.0.0.1', noDelay: true });
    this.ended = new Promise((resolve, reject) => {
      this.#finish = (error) => {
        this.#socket.destroy();
        if (error === undefined) resolve(this.#count);
        else reject(error);
      };
    });
    this.#socket.on('error', (error) => this.#finish(error));
    this.#socket.on('close', () => this.#finish(new Error('the server has closed the connection')));
    this.#socket.on('connect', () => this.#begin());
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        this.#take(chunk);
      } catch (error) {
        this.#finish(error as Error);
      }
    });
  }

  #begin(): void {
    this.#nowMs = performance.now();
    this.#write(preface);
    this.#write(settingsWithWindow(windowBytes));
    this.#write(windowUpdate(0, windowBytes));
    for (const [at, stream] of this.#streams.entries()) {
      this.#write(frameOf(FrameType.headers, END_HEADERS, idOf(at), requestHead(path, 'localhost')));
      for (let i = 0; i < stream.frames.length; i++) this.#send(stream);
    }
    this.#flush();
  }

  #send(stream: Stream): void {
    const at = stream.sent++ % stream.frames.length;
    const frame = stream.frames[at]!;
    const bytes = frame.length - frameHeadBytes;
    stream.window -= bytes;
    this.#window -= bytes;
    // What is under way is far below any server's window.
    if (stream.window < 0 || this.#window < 0) throw new Error('the server does not open its window');
    stream.sentMs[at] = this.#nowMs;
    this.#write(frame);
  }

  #take(chunk: Buffer): void {
    this.#nowMs = performance.now();
    if (this.#nowMs >= this.#endMs) {
      this.#finish();
      return;
    }
    this.#frames.take(chunk);
    this.#flush();
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.data:
        this.#data(this.#streams[(id - 1) >> 1]!, id, bytes, start, end);
        return;
      case FrameType.windowUpdate: {
        const increment = bytes.readUInt32BE(start);
        if (id === 0) this.#window += increment;
        else this.#streams[(id - 1) >> 1]!.window += increment;
        return;
      }
      case FrameType.settings:
        if (flags === 0) this.#settings(bytes, start, end);
        return;
      case FrameType.ping:
        if (flags === 0) this.#write(frameOf(FrameType.ping, ACK, 0, bytes.subarray(start, end)));
        return;
      case FrameType.headers:
        if (flags & END_STREAM)
          throw new Error(`a stream has ended: ${bytes.toString('latin1', start, end)}`);
        return;
      case FrameType.reset:
      case FrameType.goAway:
        throw new Error(`frame ${type} from the server: ${bytes.toString('latin1', start, end)}`);
    }
  }

  #settings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      if (bytes.readUInt16BE(at) !== 4) continue;
      const window = bytes.readUInt32BE(at + 2);
      for (const stream of this.#streams) stream.window += window - this.#initialWindow;
      this.#initialWindow = window;
    }
    this.#write(frameOf(FrameType.settings, ACK, 0, noBytes));
  }

  #data(stream: Stream, id: number, bytes: Buffer, start: number, end: number): void {
    this.#receivedBytes += end - start;
    if (this.#receivedBytes >= windowStepBytes) {
      // Streams have received less than the whole, so none comes near its end.
      this.#write(windowUpdate(0, this.#receivedBytes));
      this.#receivedBytes = 0;
    }
    if (stream.partial.length > 0) {
      const whole = Buffer.concat([stream.partial, bytes.subarray(start, end)]);
      stream.partial = noBytes;
      this.#messages(stream, whole, 0, whole.length);
    } else this.#messages(stream, bytes, start, end);
    if (this.#outLength > 32 * 1024) this.#flush();
    if (id === 0) throw new Error('DATA for no stream');
  }

  #messages(stream: Stream, bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (end - at >= messageHeadBytes) {
      const next = at + messageHeadBytes + bytes.readUInt32BE(at + 1);
      if (next > end) break;
      if (bytes[next - 2] !== this.#ttlLow || bytes[next - 1] !== this.#ttlHigh) {
        throw new Error(`not the answer to a renewal: ${bytes.toString('hex', at, next)}`);
      }
      at = next;
      const tookUs = (this.#nowMs - stream.sentMs[stream.answered++ % stream.frames.length]!) * 1000;
      this.#latencies[Math.min(Math.round(tookUs), latencyBucketsMax - 1)]!++;
      this.#count++;
      this.#send(stream);
    }
    if (at < end) stream.partial = Buffer.from(bytes.subarray(at, end));
  }

  #write(frame: Uint8Array): void {
    if (this.#outLength + frame.length > this.#out.length) this.#flush();
    this.#out.set(frame, this.#outLength);
    this.#outLength += frame.length;
  }

  #flush(): void {
    if (this.#outLength === 0) return;
    this.#socket.write(Buffer.from(this.#out.subarray(0, this.#outLength)));
    this.#outLength = 0;
  }
}

const noBytes = Buffer.alloc(0);

function idOf(stream: number): number {
  return stream * 2 + 1;
}

/** A LeaseKeepAliveRequest behind gRPC's five bytes. */
function renewal(id: bigint): Buffer {
  const message = [8];
  let rest = BigInt.asUintN(64, id);
  for (; rest > 0x7fn; rest >>= 7n) message.push(Number(rest & 0x7fn) | 0x80);
  message.push(Number(rest));
  return Buffer.from([0, 0, 0, 0, message.length, ...message]);
}
