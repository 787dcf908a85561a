/**
 * An HTTP/1.1 client that sends exactly the bytes it is given and shows exactly what came back: nothing is added, followed,
 * retried or corrected. Every read is bounded, so that a server that never answers fails a test instead of hanging it.
 */

import { createConnection, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { WAIT_MS_MAX } from './wait-bound.ts';

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** In the order and the case in which they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface RawResponse extends ResponseHead {
  readonly body: Buffer;
}

/** The value of a header by its name in any case, or undefined. */
export function headerOf(head: ResponseHead, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return head.headers.find(([each]) => each.toLowerCase() === wanted)?.[1];
}

export interface RawConnectOptions {
  readonly port: number;
  readonly host?: string;
  readonly tls?: ConnectionOptions;
  /** Bound of each read, in milliseconds. */
  readonly readMsMax?: number;
}

export class RawConnection {
  readonly #socket: Socket;
  readonly #readMsMax: number;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, readMsMax: number) {
    this.#socket = socket;
    this.#readMsMax = readMsMax;
    const wake = (): void => {
      const waiting = this.#wake;
      this.#wake = undefined;
      waiting?.();
    };
    socket.on('data', (bytes: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
      wake();
    });
    socket.on('error', (error) => {
      this.#failure = error;
      this.#ended = true;
      wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      wake();
    });
  }

  /** @throws what the socket or the TLS handshake failed with. */
  static connect(options: RawConnectOptions): Promise<RawConnection> {
    const { port, host = '127.0.0.1', readMsMax = WAIT_MS_MAX } = options;
    return new Promise((resolve, reject) => {
      const socket =
        options.tls === undefined
          ? createConnection({ port, host, noDelay: true })
          : connectTls({ port, host, ...options.tls });
      socket.once('error', reject);
      socket.setTimeout(readMsMax, () => socket.destroy(new Error('connecting took too long')));
      socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
        socket.off('error', reject);
        socket.setTimeout(0);
        socket.removeAllListeners('timeout');
        resolve(new RawConnection(socket, readMsMax));
      });
    });
  }

  get socket(): Socket {
    return this.#socket;
  }

  send(bytes: string | Buffer): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes);
  }

  /** The next status line and headers, of a 1xx response too. */
  async readHead(): Promise<ResponseHead> {
    const lines = (await this.#readPast('\r\n\r\n')).toString('latin1').split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(lines[0] ?? '');
    if (status === null) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
    const headers = lines
      .slice(1)
      .filter((line) => line !== '')
      .map((line): readonly [string, string] => {
        const colon = line.indexOf(':');
        if (colon < 1) throw new Error(`not a header line: ${JSON.stringify(line)}`);
        return [line.slice(0, colon), line.slice(colon + 1).trim()];
      });
    return { status: Number(status[1]), reason: status[2]!, headers };
  }

  /** The body that belongs to a head: by length, in chunks, or up to the end of the connection. */
  async readBody(head: ResponseHead, method: string): Promise<Buffer> {
    if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) {
      return Buffer.alloc(0);
    }
    if (headerOf(head, 'transfer-encoding') === 'chunked') {
      const chunks: Buffer[] = [];
      for (;;) {
        const chunk = await this.readChunk();
        if (chunk === undefined) return Buffer.concat(chunks);
        chunks.push(chunk);
      }
    }
    const length = headerOf(head, 'content-length');
    if (length !== undefined) return this.#readExactly(Number(length));
    return this.readToEnd();
  }

  async readResponse(method = 'GET'): Promise<RawResponse> {
    const head = await this.readHead();
    return { ...head, body: await this.readBody(head, method) };
  }

  /** The next chunk of a chunked body, undefined at its end. */
  async readChunk(): Promise<Buffer | undefined> {
    const size = Number.parseInt((await this.#readPast('\r\n')).toString('latin1'), 16);
    if (!Number.isSafeInteger(size)) throw new Error('not a chunk size');
    const data = await this.#readExactly(size);
    const after = await this.#readPast('\r\n');
    if (after.length !== 2) throw new Error('no line end after a chunk');
    return size === 0 ? undefined : data;
  }

  /** Everything up to the end of the connection, however it ends. */
  async readToEnd(): Promise<Buffer> {
    while (!this.#ended) await this.#more();
    return this.#take(this.#buffer.length);
  }

  /** Ends the connection from this side and drops what is unread. */
  close(): void {
    this.#socket.destroy();
  }

  async #readPast(separator: string): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(separator);
      if (at >= 0) return this.#take(at + separator.length);
      if (this.#ended) throw this.#endedEarly();
      await this.#more();
    }
  }

  async #readExactly(length: number): Promise<Buffer> {
    while (this.#buffer.length < length) {
      if (this.#ended) throw this.#endedEarly();
      await this.#more();
    }
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      timer = setTimeout(() => reject(new Error(`nothing came in ${this.#readMsMax} ms`)), this.#readMsMax);
    }).finally(() => clearTimeout(timer));
  }

  #endedEarly(): Error {
    const rest = this.#buffer.length === 0 ? 'nothing' : JSON.stringify(this.#buffer.toString('latin1'));
    return new Error(`the connection ended after ${rest}`, { cause: this.#failure });
  }
}

/** One request on a connection of its own. */
export async function rawRequest(
  options: RawConnectOptions,
  bytes: string | Buffer,
  method = 'GET',
): Promise<RawResponse> {
  const connection = await RawConnection.connect(options);
  try {
    connection.send(bytes);
    return await connection.readResponse(method);
  } finally {
    connection.close();
  }
}
