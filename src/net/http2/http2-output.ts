/**
 * Everything a connection sends: frames, the send windows, and whose turn it is.
 *
 * What fits its windows is written to the output at once. The rest waits in its stream's queue; streams that may send are listed and
 * take turns, one frame each. While the client does not take what was written (`congested`), only small frames are written.
 *
 * Invariants: header blocks are encoded in the order they are sent, right before. `queuedBytes` is the sum over all streams.
 */
import type { ByteOutput } from '../byte-output.ts';
import type { Limits } from '../limits.ts';
import { CachedBlock } from './cached-block.ts';
import {
  Flag,
  FrameType,
  framePayloadBytesMax,
  initialWindowBytes,
  windowBytesMax,
  writeFrameHead,
  writeUint32,
} from './frame.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { Http2Stream } from './http2-stream.ts';

/** Between two looks at the rest of the world no more than this is sent from the queues. */
const pumpBytesMax = 1024 * 1024;
const messageHeadBytes = 5;

export class Http2Output {
  readonly bytes: ByteOutput;
  readonly encoder = new HpackEncoder();
  readonly grpcHead = new CachedBlock(this.encoder, [
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ]);
  readonly grpcOk = new CachedBlock(this.encoder, [['grpc-status', '0']]);
  /** What the connection may still send. */
  window = initialWindowBytes;
  /** What a new stream may send. */
  initialStreamWindow = initialWindowBytes;
  congested = false;
  queuedBytes = 0;
  /** DATA frames sent: the more of them, the more WINDOW_UPDATEs are due from the client. */
  dataFrames = 0;
  /** Anything but answers to PING sent since this was last set to false. */
  sentSincePing = false;
  private readonly limits: Limits;
  private readonly later: () => void;
  private listed: Http2Stream[] = [];
  private next = 0;
  private pumping = false;
  private pumpDue = false;

  /** @param later has `pump` called after other input was handled */
  constructor(bytes: ByteOutput, limits: Limits, later: () => void) {
    this.bytes = bytes;
    this.limits = limits;
    this.later = later;
  }

  // --- Small frames.

  settings(values: readonly (readonly [setting: number, value: number])[]): void {
    let at = this.frame(FrameType.settings, 0, 0, values.length * 6);
    const { chunk } = this.bytes;
    for (const [setting, value] of values) {
      chunk[at] = setting >>> 8;
      chunk[at + 1] = setting;
      writeUint32(chunk, at + 2, value);
      at += 6;
    }
  }

  settingsAck(): void {
    this.frame(FrameType.settings, Flag.ack, 0, 0);
  }

  /** @param payload 8 bytes from `start` on */
  ping(flags: number, payload: Uint8Array, start: number): void {
    const at = this.frame(FrameType.ping, flags, 0, 8);
    for (let i = 0; i < 8; i++) this.bytes.chunk[at + i] = payload[start + i]!;
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.frame(FrameType.windowUpdate, 0, streamId, 4);
    writeUint32(this.bytes.chunk, at, increment);
  }

  reset(streamId: number, code: number): void {
    const at = this.frame(FrameType.rstStream, 0, streamId, 4);
    writeUint32(this.bytes.chunk, at, code);
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const at = this.frame(FrameType.goAway, 0, 0, 8 + debug.length);
    const { chunk } = this.bytes;
    writeUint32(chunk, at, lastStreamId);
    writeUint32(chunk, at + 4, code);
    chunk.write(debug, at + 8, 'latin1');
  }

  private frame(type: number, flags: number, streamId: number, payloadBytes: number): number {
    const at = this.bytes.reserve(9 + payloadBytes);
    return writeFrameHead(this.bytes.chunk, at, payloadBytes, type, flags, streamId);
  }

  // --- Headers.

  /** A header block: HEADERS and, for a long one, CONTINUATION. */
  headers(streamId: number, block: Uint8Array, length: number, endStream: boolean): void {
    this.sentSincePing = true;
    let from = 0;
    let type: number = FrameType.headers;
    let flags: number = endStream ? Flag.endStream : 0;
    do {
      const count = Math.min(length - from, framePayloadBytesMax);
      if (from + count === length) flags |= Flag.endHeaders;
      const at = this.frame(type, flags, streamId, count);
      copy(block, from, this.bytes.chunk, at, count);
      from += count;
      type = FrameType.continuation;
      flags = 0;
    } while (from < length);
  }

  block(streamId: number, block: CachedBlock, endStream: boolean): void {
    block.refresh();
    this.headers(streamId, block.bytes, block.length, endStream);
  }

  // --- Data.

  /** May `count` bytes of this stream be written without waiting? */
  isFree(stream: Http2Stream, count: number): boolean {
    return (
      count <= stream.sendWindow &&
      count <= this.window &&
      count <= framePayloadBytesMax &&
      stream.queuedBytes === 0 &&
      !this.congested
    );
  }

  /** A whole gRPC answer in one piece; the caller has seen that `isFree`. */
  grpcAnswer(stream: Http2Stream, message: Uint8Array, withHead: boolean): void {
    const { id } = stream;
    const { bytes, grpcHead, grpcOk } = this;
    if (withHead) {
      grpcHead.refresh();
      const at = bytes.reserve(9 + grpcHead.length);
      const { chunk } = bytes;
      const to = writeFrameHead(chunk, at, grpcHead.length, FrameType.headers, Flag.endHeaders, id);
      copy(grpcHead.bytes, 0, chunk, to, grpcHead.length);
    }
    grpcOk.refresh();
    const payload = messageHeadBytes + message.length;
    let at = bytes.reserve(18 + payload + grpcOk.length);
    const { chunk } = bytes;
    at = writeFrameHead(chunk, at, payload, FrameType.data, 0, id);
    chunk[at] = 0;
    writeUint32(chunk, at + 1, message.length);
    copy(message, 0, chunk, at + messageHeadBytes, message.length);
    at = writeFrameHead(
      chunk,
      at + payload,
      grpcOk.length,
      FrameType.headers,
      Flag.endHeaders | Flag.endStream,
      id,
    );
    copy(grpcOk.bytes, 0, chunk, at, grpcOk.length);
    this.sent(stream, payload);
  }

  /** One gRPC message in a frame of its own; the caller has seen that `isFree`. */
  grpcMessage(stream: Http2Stream, message: Uint8Array): void {
    const payload = messageHeadBytes + message.length;
    const at = this.frame(FrameType.data, 0, stream.id, payload);
    const { chunk } = this.bytes;
    chunk[at] = 0;
    writeUint32(chunk, at + 1, message.length);
    copy(message, 0, chunk, at + messageHeadBytes, message.length);
    this.sent(stream, payload);
  }

  /** DATA that ends the stream without a byte. */
  endData(streamId: number): void {
    this.sentSincePing = true;
    this.frame(FrameType.data, Flag.endStream, streamId, 0);
  }

  private sent(stream: Http2Stream, count: number): void {
    stream.sendWindow -= count;
    this.window -= count;
    this.dataFrames++;
    this.sentSincePing = true;
  }

  // --- What waits.

  /** The stream has queued `count` bytes more. */
  queued(stream: Http2Stream, count: number): void {
    this.queuedBytes += count;
    this.list(stream);
  }

  /** The stream is finished: its queue is dropped. */
  forget(stream: Http2Stream): void {
    this.queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.pieces = undefined;
  }

  /** Is so much waiting for the client that no further work should be begun for it? */
  get overfull(): boolean {
    return this.queuedBytes > this.limits.connectionOutputBytes;
  }

  /** False: that is too much for the client at once. */
  addStreamWindow(stream: Http2Stream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > windowBytesMax) return false;
    this.list(stream);
    return true;
  }

  addWindow(increment: number): boolean {
    this.window += increment;
    return this.window <= windowBytesMax;
  }

  private list(stream: Http2Stream): void {
    if (stream.listed || stream.queuedBytes === 0 || stream.sendWindow <= 0) return;
    stream.listed = true;
    this.listed.push(stream);
  }

  /** Sends what may be sent from the queues. */
  pump(): void {
    if (this.pumping) return;
    this.pumpDue = false;
    if (this.next === this.listed.length) return;
    this.pumping = true;
    let sentBytes = 0;
    while (this.next < this.listed.length && this.window > 0 && !this.congested) {
      if (sentBytes >= pumpBytesMax) {
        this.pumpLater();
        break;
      }
      const stream = this.listed[this.next++]!;
      if (this.next >= 64 && this.next * 2 >= this.listed.length) {
        this.listed = this.listed.slice(this.next);
        this.next = 0;
      }
      stream.listed = false;
      sentBytes += this.sendFrom(stream);
    }
    if (this.next === this.listed.length) {
      this.listed.length = 0;
      this.next = 0;
    }
    this.pumping = false;
  }

  private pumpLater(): void {
    if (this.pumpDue) return;
    this.pumpDue = true;
    this.later();
  }

  private sendFrom(stream: Http2Stream): number {
    // Taken back while it waited here.
    if (stream.finished) return 0;
    const count = Math.min(stream.queuedBytes, stream.sendWindow, this.window, framePayloadBytesMax);
    if (count > 0) this.dataFromQueue(stream, count);
    if (stream.queuedBytes > 0) {
      this.list(stream);
    } else if (stream.ending) {
      stream.writeEnd();
      return count;
    }
    if (stream.full && this.hasRoom(stream)) {
      stream.full = false;
      stream.drained();
    }
    return count;
  }

  private hasRoom(stream: Http2Stream): boolean {
    return (
      stream.queuedBytes === 0 || (stream.queuedBytes * 4 <= this.limits.pendingOutputBytes && !this.overfull)
    );
  }

  private dataFromQueue(stream: Http2Stream, count: number): void {
    let at = this.frame(FrameType.data, 0, stream.id, 0) - 9;
    this.bytes.chunk[at] = count >>> 16;
    this.bytes.chunk[at + 1] = count >>> 8;
    this.bytes.chunk[at + 2] = count;
    const pieces = stream.pieces!;
    let used = 0;
    for (let left = count; left > 0; ) {
      const piece = pieces[used]!;
      const take = Math.min(left, piece.length - stream.pieceOffset);
      if (take < 4096) {
        at = this.bytes.reserve(take);
        copy(piece, stream.pieceOffset, this.bytes.chunk, at, take);
      } else {
        this.bytes.append(piece.subarray(stream.pieceOffset, stream.pieceOffset + take));
      }
      left -= take;
      stream.pieceOffset += take;
      if (stream.pieceOffset === piece.length) {
        used++;
        stream.pieceOffset = 0;
      }
    }
    if (used === pieces.length) pieces.length = 0;
    else if (used > 0) pieces.splice(0, used);
    stream.queuedBytes -= count;
    this.queuedBytes -= count;
    this.sent(stream, count);
  }
}

/** Short runs are cheaper copied here than by a call. */
function copy(source: Uint8Array, from: number, target: Uint8Array, at: number, count: number): void {
  if (count > 48) {
    target.set(from === 0 && count === source.length ? source : source.subarray(from, from + count), at);
    return;
  }
  for (let i = 0; i < count; i++) target[at + i] = source[from + i]!;
}
