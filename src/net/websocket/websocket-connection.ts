/**
 * A connection that has become a WebSocket (RFC 6455): whole messages in, text out.
 *
 *   open ──close()──> our CLOSE sent, our side ends ──> input is dropped until the client's end, or `lingerMs`
 *     ├──the client's CLOSE──> its echo, our side ends
 *     └──a frame that is none──> CLOSE(1002)
 *
 * While the client does not take its output, or whoever gets the messages has paused, the socket is not read. Invariants: after `over` nothing is
 * written and no message handed on; `handler.over` is called once, in the connection's life or at its end.
 */
import { isUtf8 } from 'node:buffer';
import { ByteBuffer } from '../byte-buffer.ts';
import type { Protocol } from '../protocol.ts';
import type { SocketConnection } from '../socket-connection.ts';
import {
  CloseCode,
  FIN,
  frameHead,
  isCloseCode,
  Opcode,
  readFrameHead,
  unmasked,
} from './websocket-frame.ts';

export interface WebSocketHandler {
  /** A message, of either kind. False: no more before `resume`. */
  message(bytes: Buffer): boolean;
  /** After `write` has returned false: all of it was taken. */
  drained(): void;
  /** Nothing more comes or goes. */
  over(): void;
}

export class WebSocketConnection implements Protocol {
  private readonly socket: SocketConnection;
  private readonly messageBytesMax: number;
  private handler: WebSocketHandler | undefined;
  private readonly waiting = new ByteBuffer();
  /** Of the message that is not complete; in one piece, since it may come in ever so many parts. */
  private readonly partial = new ByteBuffer();
  private insideMessage = false;
  /** Of the message being written. */
  private wroteBegin = false;
  private paused = false;
  private full = false;
  private parsing = false;
  /** A close frame went out, or the client is gone. */
  private over = false;
  /** Times of the coarse clock: last input, and begin of the end. */
  private inputMs: number;
  private endMs = 0;

  /** `handlerOf` gets the connection before anything arrives on it. */
  constructor(
    socket: SocketConnection,
    messageBytesMax: number,
    handlerOf: (connection: WebSocketConnection) => WebSocketHandler,
  ) {
    this.socket = socket;
    this.messageBytesMax = messageBytesMax;
    this.inputMs = socket.context.nowMs;
    this.handler = handlerOf(this);
  }

  get pendingBytes(): number {
    return this.socket.pendingBytes;
  }

  // --- Input.

  receive(bytes: Buffer, start: number, end: number): void {
    this.inputMs = this.socket.context.nowMs;
    if (this.over) return;
    const { waiting } = this;
    if (waiting.length === 0) {
      const at = this.parse(bytes, start, end);
      if (at < end && !this.over) waiting.append(bytes, at, end);
    } else {
      waiting.append(bytes, start, end);
      this.parseWaiting();
    }
    this.boundReading();
  }

  /** Goes on with messages. */
  resume(): void {
    if (!this.paused || this.over) return;
    this.paused = false;
    if (this.parsing) return;
    this.parseWaiting();
    this.boundReading();
  }

  private parseWaiting(): void {
    const { waiting } = this;
    const at = this.parse(waiting.bytes, 0, waiting.length);
    if (this.over) waiting.clear();
    else if (at > 0) waiting.consume(at);
  }

  /** Handles the whole frames; returns the position of what is left. */
  private parse(bytes: Buffer, from: number, end: number): number {
    let at = from;
    this.parsing = true;
    while (!this.paused && !this.over) {
      const head = readFrameHead(bytes, at, end, this.insideMessage);
      if (head === undefined) break;
      if (typeof head === 'string') {
        this.close(CloseCode.protocolError, head);
        break;
      }
      const { opcode, length, isLast } = head;
      const isControl = opcode >= Opcode.close;
      // Said before it is here.
      if (!isControl && this.partial.length + length > this.messageBytesMax) {
        this.close(CloseCode.tooBig, '');
        break;
      }
      const start = at + head.start;
      if (end - start < length) break;
      at = start + length;
      const payload = unmasked(bytes, start, at);
      if (isControl) this.control(opcode, payload);
      else this.data(payload, isLast);
    }
    this.parsing = false;
    return at;
  }

  private data(payload: Buffer, isLast: boolean): void {
    const { partial } = this;
    const isWhole = isLast && !this.insideMessage;
    this.insideMessage = !isLast;
    if (!isWhole) partial.append(payload, 0, payload.length);
    if (!isLast) return;
    const message = isWhole ? payload : partial.bytes.subarray(0, partial.length);
    partial.clear();
    if (this.handler?.message(message) === false) this.paused = true;
  }

  private control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.queue(FIN | Opcode.pong, payload);
    else if (opcode === Opcode.close) {
      if (payload.length === 0) this.end(payload);
      else if (payload.length === 1) this.close(CloseCode.protocolError, '');
      else {
        const code = payload.readUInt16BE(0);
        if (!isCloseCode(code)) this.close(CloseCode.protocolError, `bad close code ${code}`);
        else if (!isUtf8(payload.subarray(2)))
          this.close(CloseCode.protocolError, 'invalid utf8 payload in close frame');
        else this.end(payload.subarray(0, 2));
      }
    }
  }

  private boundReading(): void {
    const { socket } = this;
    const isCongested = socket.pendingBytes > socket.context.limits.pendingOutputBytes;
    if (!this.over && (this.paused || isCongested)) socket.pauseReading();
    else socket.resumeReading();
  }

  // --- Output.

  /**
   * Text of a message, its end if `isLast`; a message without any text is none. False: more than the high-water mark waits; go on after
   * `drained`.
   */
  write(text: string, isLast: boolean): boolean {
    if (this.over) return false;
    if (text === '' && !(isLast && this.wroteBegin)) return !this.full;
    const opcode = this.wroteBegin ? Opcode.continuation : Opcode.text;
    this.wroteBegin = !isLast;
    const length = Buffer.byteLength(text);
    const { socket } = this;
    socket.queueBytes(frameHead((isLast ? FIN : 0) | opcode, length));
    if (length > 0) socket.queueText(text, length);
    const { limits, log } = socket.context;
    const pending = socket.pendingBytes;
    if (pending > limits.pendingOutputBytesMax) {
      log.warn('a client reads too slowly for what it asked for; its connection is closed', {
        remoteAddress: socket.remoteAddress,
        pendingBytes: pending,
      });
      socket.destroy();
      return false;
    }
    // Once full it is so until `drained` was called: whoever was told to wait may be another than this one.
    this.full ||= pending > limits.pendingOutputBytes;
    return !this.full;
  }

  private queue(first: number, payload: Uint8Array): void {
    this.socket.queueBytes(frameHead(first, payload.length));
    if (payload.length > 0) this.socket.queueBytes(payload);
  }

  writable(): void {
    if (this.over) return;
    this.boundReading();
    if (!this.full) return;
    this.full = false;
    this.handler?.drained();
  }

  // --- Ends.

  /** Ends the connection after what was written. `reason`: 123 bytes at most. */
  close(code: number, reason: string): void {
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.end(payload);
  }

  private end(payload: Uint8Array): void {
    if (this.over) return;
    this.queue(FIN | Opcode.close, payload);
    this.finish();
    this.socket.end();
    this.boundReading();
  }

  private finish(): void {
    const { handler } = this;
    this.over = true;
    this.endMs = this.socket.context.nowMs;
    this.partial.clear();
    if (!this.parsing) this.waiting.clear();
    this.handler = undefined;
    handler?.over();
  }

  /** Without a close frame: there is nobody any more to answer it. */
  ended(): void {
    if (this.over) return;
    this.finish();
    this.socket.end();
  }

  closed(): void {
    if (!this.over) this.finish();
  }

  turn(): void {}

  drain(): void {
    this.close(CloseCode.goingAway, '');
  }

  sweep(nowMs: number): void {
    const { socket } = this;
    const { limits, metrics } = socket.context;
    const isInsideMessage = !this.paused && (this.insideMessage || this.waiting.length > 0);
    if (socket.isStalled(nowMs)) {
      metrics.timeouts++;
      socket.destroy();
    } else if (this.over) {
      // While the last of the output is on its way only a stall ends it.
      if (socket.pendingBytes > 0) this.endMs = nowMs;
      else if (nowMs - this.endMs >= limits.lingerMs) socket.destroy();
    } else if (
      isInsideMessage &&
      socket.pendingBytes === 0 &&
      nowMs - this.inputMs >= limits.bodyIdleTimeoutMs
    ) {
      metrics.timeouts++;
      this.close(CloseCode.protocolError, 'a message was not completed');
    }
  }
}
