/**
 * A call of the gateway over WebSocket, as etcd's gateway has it: the messages are the lines of a request's body, the lines of the answer are messages, and
 * after the last of them the connection ends. The status and the headers of the answer are not told. A browser cannot set headers, so credentials come as a
 * protocol or as a cookie:
 *
 *   Sec-WebSocket-Protocol: Bearer, TOKEN        Cookie: token=TOKEN
 */
import type { HttpExchange, HttpStream } from '../../net/http-exchange.ts';
import type { WebSocketConnection, WebSocketHandler } from '../../net/websocket/websocket-connection.ts';
import { CloseCode } from '../../net/websocket/websocket-frame.ts';
import { JsonStream } from './json-stream.ts';

const NEWLINE = Buffer.from('\n');

export class WebSocketExchange implements HttpExchange, HttpStream {
  /** Whatever the handshake's was. */
  readonly method = 'POST';
  readonly path: string;
  readonly query = '';
  readonly httpVersion = '1.1';
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly clientCertificate: HttpExchange['clientCertificate'];
  /** Of the connection. */
  readonly handler: WebSocketHandler = {
    message: (bytes) => this.#onChunk?.(Buffer.concat([bytes, NEWLINE])) ?? true,
    drained: () => this.#onDrain?.(),
    over: () => this.#over(),
  };
  readonly #authorization: string | undefined;
  readonly #connection: WebSocketConnection;
  #onChunk: ((chunk: Uint8Array) => boolean) | undefined;
  #onEnd: ((complete: boolean) => void) | undefined;
  #onClose: (() => void) | undefined;
  #onDrain: (() => void) | undefined;
  #closed = false;

  constructor(handshake: HttpExchange, connection: WebSocketConnection) {
    this.path = handshake.path;
    this.remoteAddress = handshake.remoteAddress;
    this.secure = handshake.secure;
    this.clientCertificate = handshake.clientCertificate;
    this.#authorization = authorizationOf(handshake);
    this.#connection = connection;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get pendingBytes(): number {
    return this.#closed ? 0 : this.#connection.pendingBytes;
  }

  header(name: string): string | undefined {
    return name === 'authorization' ? this.#authorization : undefined;
  }

  // --- The request.

  /** The body is the first JSON value: nobody waits for its end. */
  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    const input = new JsonStream();
    this.#onChunk = (chunk) => {
      const first = input.push(chunk).next();
      if (first.done !== true) {
        this.#onChunk = undefined;
        callback(first.value);
      } else if (input.pendingBytes > limitBytes) this.#connection.close(CloseCode.tooBig, '');
      return true;
    };
  }

  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
  }

  resumeBody(): void {
    this.#connection.resume();
  }

  // --- The answer.

  send(_status: number, _headers: string, body: string | Uint8Array): void {
    this.write(`${typeof body === 'string' ? body : Buffer.from(body).toString()}\n`);
    this.end();
  }

  begin(): HttpStream {
    return this;
  }

  /** The beginning of a line goes out as a part of its message. */
  write(chunk: string | Uint8Array): boolean {
    if (this.#closed) return false;
    const lines = (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()).split('\n');
    const rest = lines.pop()!;
    for (const line of lines) this.#connection.write(line, true);
    return this.#connection.write(rest, false);
  }

  end(): void {
    if (this.#closed) return;
    this.#onClose = undefined;
    this.#onEnd = undefined;
    this.#connection.write('', true);
    this.#connection.close(CloseCode.normal, '');
  }

  destroy(): void {
    this.end();
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  // --- The end.

  onClose(callback: () => void): void {
    this.#onClose = callback;
  }

  #over(): void {
    this.#closed = true;
    this.#onChunk = undefined;
    this.#onEnd?.(false);
    this.#onClose?.();
    // Whoever waits for room is told, as over HTTP.
    this.#onDrain?.();
  }
}

function authorizationOf(handshake: HttpExchange): string | undefined {
  const cookie = cookieOf(handshake, 'token');
  if (cookie !== undefined) return `Bearer ${cookie}`;
  const protocols = handshake.header('sec-websocket-protocol', 'first') ?? '';
  const at = protocols.indexOf('Bearer,');
  if (at < 0) return undefined;
  return `Bearer ${protocols.slice(at + 'Bearer,'.length).replace(/^ +| +$/g, '')}`;
}

function cookieOf(handshake: HttpExchange, name: string): string | undefined {
  for (const cookie of (handshake.header('cookie') ?? '').split(';')) {
    const text = cookie.trim();
    if (text.startsWith(`${name}=`)) return text.slice(name.length + 1).replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
