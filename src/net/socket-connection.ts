/**
 * One accepted socket: input goes to whichever protocol drives it, output is gathered and leaves with one write per turn.
 *
 *   socket ── receive ──> Protocol (opener, then HTTP/1.1 or HTTP/2, or WebSocket after that)
 *   socket <── flush ──── queueText / queueBytes ...
 *
 * Invariants: while input is being handled nothing is flushed (the flush comes right after it); output queued at any other time is
 * flushed at the end of the present callback of the event loop, together with that of all other connections. After `end`
 * nothing more is queued. `protocol.closed` is called exactly once.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ByteOutput } from './byte-output.ts';
import type { ListenerContext } from './listener-context.ts';
import type { PeerCertificate } from './peer-certificate.ts';
import type { Protocol } from './protocol.ts';

/** What the text gathered so far may hold; decides how it is encoded. */
const Text = { ascii: 0, binary: 1, wide: 2 } as const;
type Text = (typeof Text)[keyof typeof Text];

/** Bytes up to this size are cheaper joined to the text around them than written as a vector. */
const joinedBytes = 2048;

export class SocketConnection {
  readonly context: ListenerContext;
  readonly secure: boolean;
  readonly clientCertificate: PeerCertificate | undefined;
  readonly remoteAddress: string;
  /** Who drives the socket; set right after construction. */
  protocol: Protocol;

  private readonly socket: Socket;
  private byteOutput: ByteOutput | undefined;
  private text = '';
  private textKind: Text = Text.ascii;
  private pieces: (string | Uint8Array)[] = [];
  private pieceEncodings: BufferEncoding[] = [];
  private queuedBytes = 0;
  private receiving = false;
  private scheduled = false;
  private turnRequested = false;
  private ending = false;
  private gone = false;
  private reading = true;
  private stalledSinceMs = -1;
  private stalledCompleted = 0;
  private stalledQueue = 0;

  constructor(
    context: ListenerContext,
    socket: Socket,
    secure: boolean,
    clientCertificate: PeerCertificate | undefined,
    open: (connection: SocketConnection) => Protocol,
  ) {
    this.context = context;
    this.socket = socket;
    this.secure = secure;
    this.clientCertificate = clientCertificate;
    this.remoteAddress = addressText(socket);
    this.protocol = open(this);
    socket.on('end', () => this.handleEnd());
    socket.on('close', () => this.handleClose());
    socket.on('drain', () => this.protocol.writable());
    // 'close' follows, and a client that resets its connection is no event.
    socket.on('error', () => {});
  }

  /** Input from the socket, valid during the call. */
  receive(bytes: Buffer, start: number, end: number): void {
    if (this.gone) return;
    this.context.metrics.receivedBytes += end - start;
    this.receiving = true;
    this.protocol.receive(bytes, start, end);
    this.receiving = false;
    this.flush();
  }

  /** Text that is `byteLength` bytes long as UTF-8. */
  queueText(text: string, byteLength: number): void {
    if (byteLength !== text.length) {
      if (this.textKind === Text.binary) this.closePiece();
      this.textKind = Text.wide;
    }
    this.text += text;
    this.queuedBytes += byteLength;
    if (!this.receiving) this.schedule();
  }

  /** The bytes must not change until they are written. */
  queueBytes(bytes: Uint8Array): void {
    if (bytes.length <= joinedBytes) {
      if (this.textKind === Text.wide) this.closePiece();
      this.textKind = Text.binary;
      this.text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    } else {
      this.closePiece();
      this.pieces.push(bytes);
      this.pieceEncodings.push('latin1');
    }
    this.queuedBytes += bytes.length;
    if (!this.receiving) this.schedule();
  }

  /**
   * For a protocol that writes bytes only: its output leaves when text would, and text is not queued any more.
   * @param flushed called after each flush that wrote anything
   */
  writeBytes(flushed: () => void): ByteOutput {
    this.byteOutput = new ByteOutput(
      this.socket,
      this.secure,
      () => {
        if (!this.receiving) this.schedule();
      },
      flushed,
    );
    return this.byteOutput;
  }

  /** What the client and we agreed on by ALPN; undefined without TLS or without an agreement. */
  get agreedProtocol(): string | undefined {
    const agreed = (this.socket as Partial<TLSSocket>).alpnProtocol;
    return typeof agreed === 'string' && agreed !== '' ? agreed : undefined;
  }

  /** Output that the operating system has not taken yet, in bytes. */
  get pendingBytes(): number {
    return this.queuedBytes + (this.byteOutput?.gatheredBytes ?? 0) + this.socket.writableLength;
  }

  /** Has `protocol.turn` called at the end of the present callback of the event loop. */
  requestTurn(): void {
    this.turnRequested = true;
    this.schedule();
  }

  pauseReading(): void {
    if (!this.reading || this.gone) return;
    this.reading = false;
    this.socket.pause();
  }

  resumeReading(): void {
    if (this.reading || this.gone) return;
    this.reading = true;
    this.socket.resume();
  }

  /** Ends our side after what is queued; reading goes on, so that the client's late bytes do not reset its last answer. */
  end(): void {
    if (this.ending || this.gone) return;
    this.ending = true;
    if (!this.receiving) this.schedule();
  }

  /** Drops the socket at once with all that is queued. */
  destroy(): void {
    this.socket.destroy();
  }

  /** True once output has waited for `writeStallTimeoutMs` without the client taking any of it. */
  isStalled(nowMs: number): boolean {
    const waiting = this.socket.writableLength;
    if (waiting === 0) {
      this.stalledSinceMs = -1;
      return false;
    }
    const completed = this.socket.bytesWritten - waiting;
    const queue = operatingSystemQueue(this.socket);
    if (this.stalledSinceMs === -1 || completed !== this.stalledCompleted || queue !== this.stalledQueue) {
      this.stalledSinceMs = nowMs;
      this.stalledCompleted = completed;
      this.stalledQueue = queue;
      return false;
    }
    return nowMs - this.stalledSinceMs >= this.context.limits.writeStallTimeoutMs;
  }

  /** Called by the flush queue. */
  runTurn(): void {
    this.scheduled = false;
    if (this.gone) return;
    if (this.turnRequested) {
      this.turnRequested = false;
      this.receiving = true;
      this.protocol.turn();
      this.receiving = false;
    }
    this.flush();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.context.turns.add(this);
  }

  private closePiece(): void {
    if (this.text !== '') {
      this.pieces.push(this.text);
      this.pieceEncodings.push(this.textKind === Text.wide ? 'utf8' : 'latin1');
      this.text = '';
    }
    this.textKind = Text.ascii;
  }

  private flush(): void {
    const socket = this.socket;
    this.byteOutput?.flush();
    const flushedBytes = this.queuedBytes;
    if (flushedBytes !== 0) {
      this.queuedBytes = 0;
      if (this.pieces.length === 0) {
        const text = this.text;
        const encoding = this.textKind === Text.wide ? 'utf8' : 'latin1';
        this.text = '';
        this.textKind = Text.ascii;
        if (socket.writable) socket.write(text, encoding);
      } else {
        this.flushPieces();
      }
      // Node emits no 'drain' for what the operating system took at once.
      if (flushedBytes > this.context.limits.pendingOutputBytes && socket.writableLength === 0) {
        process.nextTick(() => this.protocol.writable());
      }
    }
    if (this.ending && socket.writable) socket.end();
  }

  private flushPieces(): void {
    this.closePiece();
    const { pieces, pieceEncodings, socket } = this;
    this.pieces = [];
    this.pieceEncodings = [];
    if (!socket.writable) return;
    socket.cork();
    for (let i = 0; i < pieces.length; i++) socket.write(pieces[i]!, pieceEncodings[i]!);
    socket.uncork();
  }

  private handleEnd(): void {
    if (this.gone) return;
    this.receiving = true;
    this.protocol.ended();
    this.receiving = false;
    this.flush();
  }

  private handleClose(): void {
    this.gone = true;
    this.text = '';
    this.pieces = [];
    this.pieceEncodings = [];
    this.queuedBytes = 0;
    this.byteOutput?.discard();
    this.protocol.closed();
    this.context.connections.delete(this);
    if (this.context.connections.size === 0) this.context.onEmpty();
  }
}

function addressText(socket: Socket): string {
  const address = socket.remoteAddress ?? '';
  const port = socket.remotePort ?? 0;
  if (address.startsWith('::ffff:') && address.includes('.')) return `${address.slice(7)}:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Bytes of the present write that the kernel has not taken. Undocumented, so looked for and not relied on: without it progress is
 * seen only when a whole write is done, and a very slow reader of one very large answer may count as stalled.
 */
function operatingSystemQueue(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { writeQueueSize?: unknown } })._handle;
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : 0;
}
