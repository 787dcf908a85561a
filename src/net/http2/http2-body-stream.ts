/** A streamed answer over HTTP/2. */
import type { HttpStream } from '../http-exchange.ts';
import { ErrorCode } from './frame.ts';
import type { Http2Exchange } from './http2-exchange.ts';

export class Http2BodyStream implements HttpStream {
  private readonly exchange: Http2Exchange;
  /** The answer has a head only: what is written is dropped. */
  private readonly isHeadOnly: boolean;
  private drainCallback: (() => void) | undefined;

  constructor(exchange: Http2Exchange, isHeadOnly: boolean) {
    this.exchange = exchange;
    this.isHeadOnly = isHeadOnly;
  }

  get pendingBytes(): number {
    return this.exchange.queuedBytes;
  }

  write(chunk: string | Uint8Array): boolean {
    const { exchange } = this;
    if (exchange.finished) return false;
    if (exchange.closed) throw new Error('the answer has ended');
    if (chunk.length === 0 || this.isHeadOnly) return true;
    exchange.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    const { pendingOutputBytes, pendingOutputBytesMax } = exchange.limits;
    const pending = exchange.queuedBytes;
    if (pending > pendingOutputBytesMax) {
      exchange.full = true;
      exchange.resetBy(ErrorCode.enhanceYourCalm);
      return false;
    }
    // Once full it is so until `drained` was called: whoever was told to wait may be another than this one.
    exchange.full ||= pending > pendingOutputBytes || (pending > 0 && exchange.isOverfull);
    return !exchange.full;
  }

  onDrain(callback: () => void): void {
    this.drainCallback = callback;
  }

  /** The queue has become short, or the client is gone. */
  drained(): void {
    this.drainCallback?.();
  }

  end(): void {
    if (!this.exchange.closed) this.exchange.endAnswer();
  }

  destroy(): void {
    this.exchange.resetBy(ErrorCode.internalError);
  }
}
