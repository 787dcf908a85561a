/** A streamed answer: chunked in HTTP/1.1, ended by the end of the connection in HTTP/1.0. */
import type { HttpStream } from '../http-exchange.ts';
import type { Http1Exchange } from './http1-exchange.ts';

export class Http1Stream implements HttpStream {
  private readonly exchange: Http1Exchange;
  private readonly chunked: boolean;
  /** The answer has a head only: what is written is dropped. */
  private readonly bodyless: boolean;
  private drainCallback: (() => void) | undefined;
  /** `write` has returned false and `onDrain` is owed. */
  private full = false;

  constructor(exchange: Http1Exchange, chunked: boolean, bodyless: boolean) {
    this.exchange = exchange;
    this.chunked = chunked;
    this.bodyless = bodyless;
  }

  get pendingBytes(): number {
    return this.exchange.closed ? 0 : this.exchange.pendingBytes;
  }

  write(chunk: string | Uint8Array): boolean {
    const { exchange } = this;
    if (exchange.gone) return false;
    if (exchange.complete) throw new Error('the answer has ended');
    if (chunk.length === 0 || this.bodyless) return true;
    if (typeof chunk === 'string') {
      const length = Buffer.byteLength(chunk);
      if (this.chunked) {
        const size = length.toString(16);
        exchange.output(`${size}\r\n${chunk}\r\n`, length + size.length + 4);
      } else {
        exchange.output(chunk, length);
      }
    } else if (this.chunked) {
      const size = `${chunk.length.toString(16)}\r\n`;
      exchange.output(size, size.length);
      exchange.outputBytes(chunk);
      exchange.output('\r\n', 2);
    } else {
      exchange.outputBytes(chunk);
    }
    const { limits, log } = exchange.socket.context;
    const pending = exchange.pendingBytes;
    if (pending > limits.pendingOutputBytesMax) {
      log.warn('a client reads too slowly for what it asked for; its connection is closed', {
        remoteAddress: exchange.remoteAddress,
        pendingBytes: pending,
      });
      this.full = true;
      exchange.socket.destroy();
      return false;
    }
    // Once full it is so until `drained` was called: whoever was told to wait may be another than this one.
    this.full ||= pending > limits.pendingOutputBytes;
    return !this.full;
  }

  onDrain(callback: () => void): void {
    this.drainCallback = callback;
  }

  /** The queue has emptied, or the client is gone. */
  drained(): void {
    if (!this.full) return;
    this.full = false;
    this.drainCallback?.();
  }

  end(): void {
    const { exchange } = this;
    if (exchange.gone || exchange.complete) return;
    this.writeLast();
    exchange.finishAnswer();
  }

  /** The chunk that ends the body. */
  writeLast(): void {
    this.drainCallback = undefined;
    if (this.chunked && !this.bodyless) this.exchange.output('0\r\n\r\n', 5);
  }

  destroy(): void {
    if (!this.exchange.closed) this.exchange.socket.destroy();
  }
}
