/** A small gRPC client on Node's own HTTP/2, for loads that h2load can't make: many different keys, streams. */

import http2 from 'node:http2';

export class GrpcClient {
  readonly #session: http2.ClientHttp2Session;

  private constructor(session: http2.ClientHttp2Session) {
    this.#session = session;
  }

  static connect(port: number): Promise<GrpcClient> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(`http://127.0.0.1:${port}`, {
        settings: { initialWindowSize: 8 * 1024 * 1024 },
      });
      session.once('error', reject);
      session.once('connect', () => {
        session.off('error', reject);
        session.on('error', () => {});
        session.setLocalWindowSize(64 * 1024 * 1024);
        resolve(new GrpcClient(session));
      });
    });
  }

  /** @throws when the status is not ok. */
  async unary(path: string, message: Uint8Array): Promise<Buffer> {
    const answers: Buffer[] = [];
    const call = this.stream(path, (answer) => answers.push(answer));
    call.send(message);
    call.done();
    await call.ended;
    const [answer] = answers;
    if (answer === undefined) throw new Error(`${path}: no answer`);
    return answer;
  }

  stream(path: string, onMessage: (message: Buffer) => void): GrpcStream {
    return new GrpcStream(this.#session, path, onMessage);
  }

  close(): void {
    this.#session.destroy();
  }
}

export class GrpcStream {
  /** Resolves at the end with status ok. */
  readonly ended: Promise<void>;
  readonly #stream: http2.ClientHttp2Stream;
  readonly #onMessage: (message: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(session: http2.ClientHttp2Session, path: string, onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream = stream;
    let status: string | undefined;
    stream.on('response', (headers) => {
      status = headers['grpc-status'] as string | undefined;
    });
    stream.on('trailers', (headers) => {
      status = headers['grpc-status'] as string | undefined;
    });
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.ended = new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('close', () => {
        if (status === '0') resolve();
        else reject(new Error(`${path}: status ${status}`));
      });
    });
    this.ended.catch(() => {});
  }

  send(message: Uint8Array): void {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    this.#stream.write(Buffer.concat([head, message]));
  }

  done(): void {
    this.#stream.end();
  }

  #take(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 5) {
      const length = bytes.readUInt32BE(1);
      if (bytes.length < 5 + length) break;
      this.#onMessage(bytes.subarray(5, 5 + length));
      bytes = bytes.subarray(5 + length);
    }
    this.#rest = bytes;
  }
}
