/**
 * Cuts the input into frames and hands each on in place, in the buffer it was read to. Only a frame that lies across two
 * reads is put together in a buffer of its own, which grows with what has arrived and is dropped afterwards.
 */
import { ByteBuffer } from '../byte-buffer.ts';
import { frameHeadBytes, framePayloadBytesMax, readUint32 } from './frame.ts';

export interface FrameSink {
  /** False once no further frame is wanted. */
  readonly receiving: boolean;
  /** The payload is `bytes[start, end)`, valid during the call. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A frame claims to be larger than allowed: nothing after it can be read. */
  oversizedFrame(type: number, streamId: number): void;
}

export class FrameReader {
  private readonly sink: FrameSink;
  private readonly partial = new ByteBuffer();

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** True while a frame has begun and is not complete. */
  get insideFrame(): boolean {
    return this.partial.length > 0;
  }

  receive(bytes: Buffer, start: number, end: number): void {
    const { sink } = this;
    let at = this.partial.length > 0 ? this.completePartial(bytes, start, end) : start;
    while (end - at >= frameHeadBytes && sink.receiving) {
      const payload = at + frameHeadBytes;
      const frameEnd = payload + payloadLength(bytes, at);
      if (frameEnd - payload > framePayloadBytesMax) {
        sink.oversizedFrame(bytes[at + 3]!, streamIdAt(bytes, at));
        return;
      }
      if (frameEnd > end) break;
      sink.frame(bytes[at + 3]!, bytes[at + 4]!, streamIdAt(bytes, at), bytes, payload, frameEnd);
      at = frameEnd;
    }
    if (at < end && sink.receiving) this.partial.append(bytes, at, end);
  }

  /** Adds what the begun frame lacks, and hands it on if that was all; returns the position reached. */
  private completePartial(bytes: Buffer, start: number, end: number): number {
    const { partial, sink } = this;
    let at = start;
    if (partial.length < frameHeadBytes) {
      at = Math.min(end, start + frameHeadBytes - partial.length);
      partial.append(bytes, start, at);
      if (partial.length < frameHeadBytes) return at;
    }
    const frame = partial.bytes;
    const length = payloadLength(frame, 0);
    if (length > framePayloadBytesMax) {
      sink.oversizedFrame(frame[3]!, streamIdAt(frame, 0));
      partial.clear();
      return end;
    }
    const missing = frameHeadBytes + length - partial.length;
    const next = Math.min(end, at + missing);
    partial.append(bytes, at, next);
    if (next - at < missing) return next;
    const whole = partial.bytes;
    partial.clear();
    sink.frame(whole[3]!, whole[4]!, streamIdAt(whole, 0), whole, frameHeadBytes, frameHeadBytes + length);
    return next;
  }

  clear(): void {
    this.partial.clear();
  }
}

function payloadLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** The reserved bit is ignored (4.1). */
function streamIdAt(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 5) & 0x7fff_ffff;
}
