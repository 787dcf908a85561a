import type { HttpExchange, HttpHandler, HttpStream } from './http-exchange.ts';

/**
 * Wraps a handler with etcd's `--cors`: every answer to an allowed origin carries the three headers, and OPTIONS is answered with
 * 200 by itself. With '*' among the origins every request is allowed, one without an Origin header too.
 */
export function withCors(origins: Iterable<string>, handler: HttpHandler): HttpHandler {
  const allowed = new Set(origins);
  const everyone = allowed.has('*') ? corsHeaders('*') : undefined;
  const byOrigin = new Map([...allowed].map((origin) => [origin, corsHeaders(origin)]));
  return (exchange) => {
    const headers = everyone ?? byOrigin.get(exchange.header('origin') ?? '');
    if (exchange.method === 'OPTIONS') exchange.send(200, headers ?? '', '');
    else handler(headers === undefined ? exchange : new CorsExchange(exchange, headers));
  };
}

function corsHeaders(origin: string): string {
  return (
    'Access-Control-Allow-Headers: accept, content-type, authorization\r\n' +
    'Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n' +
    `Access-Control-Allow-Origin: ${origin}\r\n`
  );
}

/** The exchange below with headers in front of every answer. */
class CorsExchange implements HttpExchange {
  private readonly inner: HttpExchange;
  private readonly headers: string;

  constructor(inner: HttpExchange, headers: string) {
    this.inner = inner;
    this.headers = headers;
  }

  get method() {
    return this.inner.method;
  }
  get path() {
    return this.inner.path;
  }
  get query() {
    return this.inner.query;
  }
  get httpVersion() {
    return this.inner.httpVersion;
  }
  get remoteAddress() {
    return this.inner.remoteAddress;
  }
  get secure() {
    return this.inner.secure;
  }
  get clientCertificate() {
    return this.inner.clientCertificate;
  }
  get closed() {
    return this.inner.closed;
  }
  header(name: string, pick?: 'first'): string | undefined {
    return this.inner.header(name, pick);
  }
  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    this.inner.readBody(limitBytes, callback);
  }
  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    this.inner.streamBody(onChunk, onEnd);
  }
  resumeBody(): void {
    this.inner.resumeBody();
  }
  onClose(callback: () => void): void {
    this.inner.onClose(callback);
  }
  send(status: number, headers: string, body: string | Uint8Array): void {
    this.inner.send(status, this.headers + headers, body);
  }
  begin(status: number, headers: string): HttpStream {
    return this.inner.begin(status, this.headers + headers);
  }
  /** Without the headers, as in etcd: no answer of HTTP is given. */
  get takeOver(): HttpExchange['takeOver'] {
    return this.inner.takeOver?.bind(this.inner);
  }
}
