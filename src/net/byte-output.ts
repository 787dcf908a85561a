/**
 * Binary output of one connection: small pieces are copied one after the other into a chunk that leaves with one write; large ones
 * go along by reference.
 *
 *   chunk   [ head | message | trailers | head | message ... ]      reserve() gives room in it
 *   pieces  [ part of the chunk ] [ large message ] [ part of the chunk ] ...
 *
 * A chunk may be used again only when the kernel has taken it at once. Idle connections hold none: chunks come from a common
 * stock and go back to it.
 */
import type { Socket } from 'node:net';

const chunkBytes = 64 * 1024;
const stockedChunks = 32;
const stock: Buffer[] = [];
const none = Buffer.alloc(0);
/** From this size on a piece costs less by reference than by copy. */
const referencedBytes = 8 * 1024;
/** Up to this size a chunk that has to wait for the kernel is copied to one of its own size, so that the chunk is free again. */
const copiedBytes = 32 * 1024;

export class ByteOutput {
  /** Valid until the next `reserve`, `append` or `flush`. */
  chunk: Buffer = none;
  private readonly socket: Socket;
  /** A TLS socket takes its bytes later, always. */
  private readonly takesLater: boolean;
  private readonly changed: () => void;
  private readonly flushed: () => void;
  private length = 0;
  /** The part of the chunk before this is in `pieces`. */
  private from = 0;
  private pieces: Uint8Array[] = [];
  /** Bytes of the large pieces. */
  private referenced = 0;

  /** @param changed something waits to be flushed; @param flushed called after each flush that wrote anything */
  constructor(socket: Socket, takesLater: boolean, changed: () => void, flushed: () => void) {
    this.socket = socket;
    this.takesLater = takesLater;
    this.changed = changed;
    this.flushed = flushed;
  }

  /** Room for `count` bytes (at most half a chunk) in `chunk`; returns where they go. */
  reserve(count: number): number {
    if (this.length + count > this.chunk.length) this.newChunk();
    const at = this.length;
    if (at === 0 || at === this.from) this.changed();
    this.length = at + count;
    return at;
  }

  /** The bytes must not change until they are written. */
  append(bytes: Uint8Array): void {
    if (bytes.length < referencedBytes) {
      const at = this.reserve(bytes.length);
      this.chunk.set(bytes, at);
      return;
    }
    this.changed();
    this.closePart();
    this.pieces.push(bytes);
    this.referenced += bytes.length;
  }

  /** Bytes that wait for the next flush. */
  get gatheredBytes(): number {
    return this.length + this.referenced;
  }

  /** Bytes the kernel has not taken, those not yet flushed aside. */
  get waitingBytes(): number {
    return this.socket.writableLength;
  }

  private newChunk(): void {
    this.flush();
    if (this.chunk.length === 0) this.chunk = stock.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  private closePart(): void {
    if (this.length === this.from) return;
    this.pieces.push(this.chunk.subarray(this.from, this.length));
    this.from = this.length;
  }

  flush(): void {
    const { socket, pieces } = this;
    if (this.length === 0 && pieces.length === 0) return;
    if (!socket.writable) {
      this.discard();
      return;
    }
    let reusable = true;
    if (pieces.length === 0) {
      const filled = this.chunk.subarray(0, this.length);
      if (this.takesLater || socket.writableLength > 0) {
        reusable = this.length <= copiedBytes;
        socket.write(reusable ? Buffer.from(filled) : filled);
      } else {
        socket.write(filled);
        reusable = socket.writableLength === 0;
      }
    } else {
      this.closePart();
      this.pieces = [];
      socket.cork();
      for (let i = 0; i < pieces.length; i++) socket.write(pieces[i]!);
      socket.uncork();
      reusable = socket.writableLength === 0;
    }
    this.length = 0;
    this.from = 0;
    this.referenced = 0;
    if (reusable && this.chunk.length > 0 && stock.length < stockedChunks) stock.push(this.chunk);
    this.chunk = none;
    this.flushed();
  }

  /** The socket is gone. */
  discard(): void {
    if (this.chunk.length > 0 && this.pieces.length === 0 && stock.length < stockedChunks)
      stock.push(this.chunk);
    this.chunk = none;
    this.length = 0;
    this.from = 0;
    this.referenced = 0;
    this.pieces = [];
  }
}
