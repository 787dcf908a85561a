/** A header block that comes in several frames: HEADERS, then CONTINUATION until END_HEADERS, with nothing between. */
import { ByteBuffer } from '../byte-buffer.ts';

/** A client with a long block sends full frames, so a handful is enough for any block allowed. */
const framesMax = 32;

export class HeaderAssembly {
  isOpen = false;
  streamId = 0;
  endStream = false;
  private readonly bytesMax: number;
  private readonly block = new ByteBuffer();
  private frames = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** False if the block is too long already. */
  open(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): boolean {
    this.isOpen = true;
    this.streamId = streamId;
    this.endStream = endStream;
    this.frames = 0;
    return this.add(bytes, start, end);
  }

  add(bytes: Buffer, start: number, end: number): boolean {
    if (++this.frames > framesMax || this.block.length + (end - start) > this.bytesMax) return false;
    this.block.append(bytes, start, end);
    return true;
  }

  close(): Buffer {
    this.isOpen = false;
    const whole = this.block.bytes.subarray(0, this.block.length);
    this.block.clear();
    return whole;
  }
}
