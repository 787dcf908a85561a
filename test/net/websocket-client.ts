/** A WebSocket client that speaks frame by frame, right or wrong, over a socket of the test's choice. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketFrame {
  /** With FIN and the reserved bits. */
  readonly first: number;
  readonly payload: Buffer;
}

export interface Handshake {
  readonly path: string;
  readonly method?: string;
  /** Beside or instead of the usual ones; '' leaves one out. */
  readonly headers?: Readonly<Record<string, string>>;
}

const MASK = Buffer.of(0x37, 0xfa, 0x21, 0x3d);

/** `payload` as a client sends it: masked, in the shortest form of its length. */
export function clientFrame(opcode: number, payload: Uint8Array | string, isLast = true): Buffer {
  const bytes = Buffer.from(payload as string);
  const masked = bytes.map((byte, at) => byte ^ MASK[at & 3]!);
  const first = (isLast ? 0x80 : 0) | opcode;
  let head: Buffer;
  if (bytes.length < 126) head = Buffer.of(first, 0x80 | bytes.length);
  else if (bytes.length < 65536) {
    head = Buffer.of(first, 0x80 | 126, 0, 0);
    head.writeUInt16BE(bytes.length, 2);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  return Buffer.concat([head, MASK, masked]);
}

export function closeFrame(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return clientFrame(Opcode.close, payload);
}

export class WebSocketClient {
  readonly socket: Duplex;
  /** The answer to the handshake, up to its empty line. */
  head = '';
  /** Frames that came and were not asked for yet. */
  readonly frames: WebSocketFrame[] = [];
  ended = false;
  #bytes: Buffer = Buffer.alloc(0);
  #look: () => void = () => {};

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#take();
      this.#look();
    });
    socket.on('error', () => {});
    const end = (): void => {
      this.ended = true;
      this.#look();
    };
    socket.on('end', end);
    socket.on('close', end);
  }

  static async connect(port: number, handshake: Handshake): Promise<WebSocketClient> {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const client = new WebSocketClient(socket);
    await client.open(handshake);
    return client;
  }

  /** Resolves with the answer's head. */
  async open(handshake: Handshake): Promise<string> {
    this.socket.write(requestOf(handshake));
    await this.until(() => this.head !== '');
    return this.head;
  }

  get status(): number {
    return Number(this.head.split(' ')[1]);
  }

  /** What came behind the head of an answer that is no handshake. */
  get body(): string {
    return this.#bytes.toString('latin1');
  }

  text(message: unknown): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.socket.write(clientFrame(Opcode.text, text));
  }

  /** The next frame; undefined at the end of the connection. */
  async frame(): Promise<WebSocketFrame | undefined> {
    await this.until(() => this.frames.length > 0 || this.ended);
    return this.frames.shift();
  }

  /** The next text message; undefined at the end. */
  async message(): Promise<string | undefined> {
    const frame = await this.frame();
    return frame?.first === (0x80 | Opcode.text) ? frame.payload.toString() : undefined;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) throw new Error('the connection ended');
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(): void {
    if (this.head === '') {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#bytes.toString('latin1', 0, end + 2);
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    if (this.status !== 101) return;
    while (this.#bytes.length >= 2) {
      const short = this.#bytes[1]!;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (this.#bytes.length < start) return;
      const length =
        short === 126
          ? this.#bytes.readUInt16BE(2)
          : short === 127
            ? Number(this.#bytes.readBigUInt64BE(2))
            : short;
      if (this.#bytes.length < start + length) return;
      const payload = Buffer.from(this.#bytes.subarray(start, start + length));
      this.frames.push({ first: this.#bytes[0]!, payload });
      this.#bytes = this.#bytes.subarray(start + length);
    }
  }
}

function requestOf({ path, method = 'GET', headers = {} }: Handshake): string {
  const all: Record<string, string> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== '');
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}
