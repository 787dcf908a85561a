/** An exchange without a network: the request as given, the answer as it would go out. */
import type { HttpExchange, HttpHandler, HttpStream } from '../../../src/net/http-exchange.ts';

export interface FakeRequest {
  readonly method?: string;
  /** Path and query. */
  readonly target: string;
  /** By lower-case name; several lines of one name as an array. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A form unless `headers` has another content-type. */
  readonly body?: string | Uint8Array;
}

export class FakeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly httpVersion = '1.1';
  readonly remoteAddress = '127.0.0.1:50000';
  readonly secure = false;
  readonly clientCertificate = undefined;
  status = 0;
  answerHeaders = '';
  answerBody = '';
  chunks: string[] | undefined;
  ended = false;
  /** Resolves with `send`. */
  readonly answered: Promise<void>;
  #answer: () => void = () => {};
  clientGone = false;
  /** Bytes a stream may hold before `write` says to wait; what was written counts until `drain`. */
  highWaterBytes = 64 * 1024;
  pendingBytes = 0;
  bodyPaused = false;
  #onChunk: ((chunk: Uint8Array) => boolean) | undefined;
  #onEnd: ((complete: boolean) => void) | undefined;
  readonly #headers: Readonly<Record<string, string | readonly string[]>>;
  readonly #body: Uint8Array;
  #onClose: (() => void) | undefined;
  #onDrain: (() => void) | undefined;

  constructor(request: FakeRequest) {
    this.answered = new Promise((resolve) => {
      this.#answer = resolve;
    });
    const at = request.target.indexOf('?');
    this.method = request.method ?? 'GET';
    this.path = at < 0 ? request.target : request.target.slice(0, at);
    this.query = at < 0 ? '' : request.target.slice(at + 1);
    this.#body =
      typeof request.body === 'string' ? Buffer.from(request.body) : (request.body ?? Buffer.alloc(0));
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    this.#headers = request.headers ?? (request.body === undefined ? {} : form);
  }

  get closed(): boolean {
    return this.ended || this.clientGone;
  }

  header(name: string, pick?: 'first'): string | undefined {
    const value = this.#headers[name];
    if (value === undefined || typeof value === 'string') return value;
    return pick === 'first' ? value[0] : value.join(', ');
  }

  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    if (this.#body.length > limitBytes) this.send(413, '', '');
    else callback(this.#body);
  }

  /** The body given with the request comes first; `sendChunk` and `endBody` say the rest. */
  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
    if (this.#body.length > 0) this.sendChunk(this.#body);
  }

  sendChunk(chunk: string | Uint8Array): void {
    this.bodyPaused = this.#onChunk?.(Buffer.from(chunk)) === false;
  }

  endBody(): void {
    this.#onEnd?.(true);
  }

  resumeBody(): void {
    this.bodyPaused = false;
  }

  onClose(callback: () => void): void {
    this.#onClose = callback;
  }

  /** The client goes away. */
  leave(): void {
    if (this.closed) return;
    this.clientGone = true;
    this.#onClose?.();
    if (this.pendingBytes > this.highWaterBytes) this.drain();
  }

  send(status: number, headers: string, body: string | Uint8Array): void {
    if (this.status !== 0) throw new Error('answered twice');
    this.status = status;
    this.answerHeaders = headers;
    this.answerBody = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
    this.ended = true;
    this.#answer();
  }

  begin(status: number, headers: string): HttpStream {
    if (this.status !== 0) throw new Error('answered twice');
    this.status = status;
    this.answerHeaders = headers;
    const chunks: string[] = [];
    this.chunks = chunks;
    const exchange = this;
    return {
      write(chunk) {
        if (exchange.ended) throw new Error('written after the end');
        const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
        chunks.push(text);
        exchange.pendingBytes += text.length;
        return exchange.pendingBytes <= exchange.highWaterBytes;
      },
      onDrain(callback) {
        exchange.#onDrain = callback;
      },
      get pendingBytes() {
        return exchange.pendingBytes;
      },
      end() {
        exchange.ended = true;
      },
      destroy() {
        exchange.leave();
      },
    };
  }

  /** The client takes all that waits for it. */
  drain(): void {
    this.pendingBytes = 0;
    const callback = this.#onDrain;
    this.#onDrain = undefined;
    callback?.();
  }

  /** The answer as a transcript has it: status, header lines, body. */
  transcript(): string {
    const headers = this.answerHeaders.split('\r\n').filter((line) => line !== '');
    const body = this.chunks === undefined ? this.answerBody : this.chunks.join('');
    return [String(this.status), ...headers.sort(), body].join('\n');
  }
}

/** Asks and returns the exchange, answered or not yet. */
export function ask(handler: HttpHandler, request: FakeRequest): FakeExchange {
  const exchange = new FakeExchange(request);
  handler(exchange);
  return exchange;
}
