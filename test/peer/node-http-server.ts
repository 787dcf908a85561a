/** Serves an HttpHandler with node:http, a second implementation of the exchange beside the product's own. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpExchange, HttpHandler, HttpStream } from '../../src/net/http-exchange.ts';

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Connections open now, oldest first. */
  readonly sockets: ReadonlySet<Socket>;
  /** Closes the listener and every connection. */
  close(): Promise<void>;
}

export async function serveWithNodeHttp(handler: HttpHandler, port: number): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => handler(new NodeExchange(request, response)));
  server.keepAliveTimeout = 5000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

class NodeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly httpVersion = '1.1';
  readonly remoteAddress: string;
  readonly secure = false;
  readonly clientCertificate = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? '';
    const [path = '', query = ''] = (request.url ?? '').split('?');
    this.path = path;
    this.query = query;
    this.remoteAddress = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    const chunks: Buffer[] = [];
    this.#request.on('data', (chunk: Buffer) => chunks.push(chunk));
    this.#request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (body.length <= limitBytes) callback(body);
      else this.#response.writeHead(413).end();
    });
  }

  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    this.#request.on('data', (chunk: Buffer) => {
      if (!onChunk(chunk)) this.#request.pause();
    });
    this.#request.on('end', () => onEnd(true));
    this.#request.on('error', () => onEnd(false));
  }

  resumeBody(): void {
    this.#request.resume();
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  onClose(callback: () => void): void {
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) callback();
    });
  }

  send(status: number, headers: string, body: string | Uint8Array): void {
    this.#head(status, headers);
    this.#response.end(body);
  }

  begin(status: number, headers: string): HttpStream {
    const response = this.#response;
    this.#head(status, headers);
    response.flushHeaders();
    return {
      write: (chunk) => response.write(chunk),
      onDrain: (callback) => void response.on('drain', callback),
      get pendingBytes() {
        return response.writableLength + (response.socket?.writableLength ?? 0);
      },
      end: () => void response.end(),
      destroy: () => void response.destroy(),
    };
  }

  #head(status: number, headers: string): void {
    this.#response.statusCode = status;
    for (const line of headers.split('\r\n')) {
      const colon = line.indexOf(': ');
      if (colon > 0) this.#response.setHeader(line.slice(0, colon), line.slice(colon + 2));
    }
  }
}
