/**
 * The body of a request as chunks to be asked for, with back-pressure: little more than `limitBytes` of it waits here, the rest in the sender. Can be read by
 * parts: first exactly so many bytes, then what is left.
 */
import type { HttpExchange } from '../net/http-exchange.ts';

const WAITING_BYTES = 256 * 1024;

export class BodyBrokenOff extends Error {
  constructor() {
    super('the body broke off');
    this.name = 'BodyBrokenOff';
  }
}

export class BodyChunks {
  readonly #exchange: HttpExchange;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #paused = false;
  #state: 'open' | 'complete' | 'broken' = 'open';
  #wake: (() => void) | undefined;

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
    exchange.streamBody(
      (chunk) => {
        this.#waiting.push(chunk);
        this.#waitingBytes += chunk.length;
        this.#wake?.();
        this.#paused = this.#waitingBytes > WAITING_BYTES;
        return !this.#paused;
      },
      (complete) => {
        this.#state = complete ? 'complete' : 'broken';
        this.#wake?.();
      },
    );
  }

  /** The next chunk; undefined at the end. Rejects with BodyBrokenOff when the sender is gone before it. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#state === 'complete') return undefined;
      if (this.#state === 'broken') throw new BodyBrokenOff();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#waiting.shift()!;
    this.#waitingBytes -= chunk.length;
    if (this.#paused && this.#waitingBytes <= WAITING_BYTES / 2) {
      this.#paused = false;
      this.#exchange.resumeBody();
    }
    return chunk;
  }

  /** Exactly `count` bytes; undefined if the body ends before. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      const chunk = await this.next();
      if (chunk === undefined) return undefined;
      const part = chunk.subarray(0, count - filled);
      bytes.set(part, filled);
      filled += part.length;
      if (part.length < chunk.length) this.#putBack(chunk.subarray(part.length));
    }
    return bytes;
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.next();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  #putBack(chunk: Uint8Array): void {
    this.#waiting.unshift(chunk);
    this.#waitingBytes += chunk.length;
  }
}
