/**
 * One HTTP/1.1 request and its answer.
 *
 * The head is kept as one string; a header is looked for only when somebody asks. Output goes to the socket's queue at once while
 * this exchange is the oldest unanswered one of its connection, and waits in `held` until then.
 *
 * Invariant: after `gone` nothing is sent and no callback runs; after `complete` the answer, sent or held, is whole.
 */
import { ByteBuffer } from '../byte-buffer.ts';
import type { HttpExchange, HttpStream, OpenProtocol } from '../http-exchange.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { Http1Stream } from './http1-stream.ts';
import { type Refusal, refusal, refusalAnswer } from './refusal.ts';
import type { RequestBody } from './request-body.ts';
import { isBodyless, statusLine } from './status-line.ts';

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly socket: SocketConnection;
  /** Is this exchange the one whose answer goes out next? */
  isFirst(exchange: Http1Exchange): boolean;
  /** The answer is whole: the next exchange may follow, the rest of the request body is skipped. */
  answered(exchange: Http1Exchange): void;
  /** Takes no more input: the framing is lost or the client was refused. */
  stopInput(): void;
  /** The handler wants body bytes that may have arrived already. */
  wantInput(): void;
  /** False: not now. */
  handOver(exchange: Http1Exchange, head: string, open: OpenProtocol): boolean;
}

/** What becomes of body bytes. */
const BodyMode = { undecided: 0, collect: 1, stream: 2, skip: 3 } as const;
type BodyMode = (typeof BodyMode)[keyof typeof BodyMode];

const noBytes = new Uint8Array(0);
const badRequest = refusal(400);
const tooLarge = refusal(413);

export class Http1Exchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly minorVersion: number;
  /** The connection ends after this answer. */
  closeAfter: boolean;
  /** The next younger exchange of the connection. */
  next: Http1Exchange | undefined;
  /** The client is gone, or was answered without the handler. */
  gone = false;
  complete = false;
  stream: Http1Stream | undefined;

  private readonly owner: ExchangeOwner;
  private readonly head: string;
  private readonly headersStart: number;
  private readonly body: RequestBody | undefined;
  private started = false;
  private expectsContinue: boolean;
  private closeCallback: (() => void) | undefined;
  private held: (string | Uint8Array)[] | undefined;
  /** Bytes of answer that wait for older answers. */
  heldBytes = 0;

  private bodyMode: BodyMode = BodyMode.undecided;
  private bodyPaused = false;
  private bodyLimit = 0;
  private bodyCallback: ((body: Uint8Array) => void) | undefined;
  private chunkCallback: ((chunk: Uint8Array) => boolean) | undefined;
  private endCallback: ((complete: boolean) => void) | undefined;
  private collected: ByteBuffer | undefined;
  private skippedBytes = 0;

  constructor(
    owner: ExchangeOwner,
    method: string,
    head: string,
    pathStart: number,
    pathEnd: number,
    queryStart: number,
    queryEnd: number,
    headersStart: number,
    minorVersion: number,
    keepAlive: boolean,
    body: RequestBody | undefined,
    expectsContinue: boolean,
  ) {
    this.owner = owner;
    this.method = method;
    this.head = head;
    // An absolute-form target may have no path at all.
    this.path = pathEnd === pathStart ? '/' : head.slice(pathStart, pathEnd);
    this.query = head.slice(queryStart, queryEnd);
    this.headersStart = headersStart;
    this.minorVersion = minorVersion;
    this.closeAfter = !keepAlive;
    this.body = body;
    this.expectsContinue = expectsContinue;
  }

  get httpVersion(): string {
    return this.minorVersion === 1 ? '1.1' : '1.0';
  }
  get remoteAddress(): string {
    return this.owner.socket.remoteAddress;
  }
  get secure(): boolean {
    return this.owner.socket.secure;
  }
  get clientCertificate(): PeerCertificate | undefined {
    return this.owner.socket.clientCertificate;
  }
  get closed(): boolean {
    return this.gone || this.complete;
  }
  /** Requests that change nothing may run while others do (RFC 9112, 9.3.2). */
  get isSafe(): boolean {
    return this.method === 'GET' || this.method === 'HEAD' || this.method === 'OPTIONS';
  }
  /** Has a handler said that it waits for something other than this request? */
  get watchesClose(): boolean {
    return this.closeCallback !== undefined;
  }

  header(name: string, pick?: 'first'): string | undefined {
    const { head } = this;
    let value: string | undefined;
    for (let at = this.headersStart; at < head.length - 2; ) {
      const lineEnd = head.indexOf('\r\n', at);
      const colon = at + name.length;
      if (colon < lineEnd && head.charCodeAt(colon) === 58 && isSameName(head, at, name)) {
        const found = trimBlanks(head, colon + 1, lineEnd);
        if (pick === 'first') return found;
        value = value === undefined ? found : `${value}, ${found}`;
      }
      at = lineEnd + 2;
    }
    return value;
  }

  onClose(callback: () => void): void {
    if (!this.closed) this.closeCallback = callback;
  }

  // --- The request's body.

  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    if (this.gone) return;
    this.claimBody();
    if (this.body === undefined) {
      callback(noBytes);
      return;
    }
    if (this.body.declaredLength !== undefined && this.body.declaredLength > limitBytes) {
      this.refuse(tooLarge);
      return;
    }
    this.bodyLimit = limitBytes;
    this.bodyCallback = callback;
    this.startBody(BodyMode.collect);
  }

  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    if (this.gone) return;
    this.claimBody();
    if (this.body === undefined) {
      onEnd(true);
      return;
    }
    this.chunkCallback = onChunk;
    this.endCallback = onEnd;
    this.startBody(BodyMode.stream);
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.owner.wantInput();
  }

  /** Waiting for bytes, as opposed to waiting for the handler? */
  get wantsBody(): boolean {
    return this.bodyMode !== BodyMode.undecided && !this.bodyPaused;
  }

  /** Takes body bytes from `bytes[at, end)`; returns the position reached. Sets `bodyDone` at the end. */
  takeBody(bytes: Buffer, from: number, end: number): number {
    const body = this.body!;
    let at = from;
    while (this.wantsBody && at < end && !body.done) {
      at = body.pull(bytes, at, end);
      if (body.malformed) {
        this.refuse(badRequest);
        return end;
      }
      if (body.dataEnd > body.dataStart) this.deliver(bytes, body.dataStart, body.dataEnd, body.done);
    }
    return at;
  }

  get bodyDone(): boolean {
    return this.body === undefined || this.body.done;
  }

  /** Tells the handler that the body is whole. */
  finishBody(): void {
    if (this.gone) return;
    if (this.bodyMode === BodyMode.collect) {
      const callback = this.bodyCallback!;
      const { collected } = this;
      this.bodyCallback = undefined;
      this.collected = undefined;
      callback(collected === undefined ? noBytes : collected.bytes.subarray(0, collected.length));
    } else if (this.bodyMode === BodyMode.stream) {
      const callback = this.endCallback;
      this.chunkCallback = undefined;
      this.endCallback = undefined;
      callback?.(true);
    }
  }

  private claimBody(): void {
    if (this.bodyMode !== BodyMode.undecided) throw new Error('the body of a request is read once');
  }

  private startBody(mode: BodyMode): void {
    this.bodyMode = mode;
    if (this.expectsContinue) {
      this.expectsContinue = false;
      this.output('HTTP/1.1 100 Continue\r\n\r\n', 25);
    }
    this.owner.wantInput();
  }

  private deliver(bytes: Buffer, start: number, end: number, whole: boolean): void {
    if (this.bodyMode === BodyMode.collect) {
      this.collected ??= new ByteBuffer();
      if (this.collected.length + (end - start) > this.bodyLimit) {
        this.refuse(tooLarge);
        return;
      }
      if (whole && this.collected.length === 0) this.collected.take(bytes, start, end);
      else this.collected.append(bytes, start, end);
    } else if (this.bodyMode === BodyMode.stream) {
      const chunk = Buffer.allocUnsafeSlow(end - start);
      bytes.copy(chunk, 0, start, end);
      if (!this.chunkCallback!(chunk) && !this.gone) this.bodyPaused = true;
    } else {
      this.skippedBytes += end - start;
      if (this.skippedBytes > this.owner.socket.context.limits.skippedBodyBytes) this.owner.stopInput();
    }
  }

  /** The answer is under way or done and nobody wants the rest of the body. */
  skipBody(): void {
    this.bodyMode = BodyMode.skip;
    this.bodyPaused = false;
    this.collected = undefined;
    this.bodyCallback = undefined;
    this.chunkCallback = undefined;
    const ended = this.endCallback;
    this.endCallback = undefined;
    ended?.(false);
  }

  // --- The answer.

  send(status: number, headers: string, body: string | Uint8Array): void {
    if (!this.startAnswer()) return;
    let head = statusLine(status, this.minorVersion) + headers;
    const isText = typeof body === 'string';
    const length = isText ? (body === '' ? 0 : Buffer.byteLength(body)) : body.length;
    const bodyless = isBodyless(status);
    if (!bodyless) head += `Content-Length: ${length}\r\n`;
    head += this.connectionLine() + this.owner.socket.context.date.lastLine;
    if (bodyless || length === 0 || this.method === 'HEAD') {
      this.output(head, head.length);
    } else if (isText) {
      this.output(head + body, head.length + length);
    } else {
      this.output(head, head.length);
      this.outputBytes(body);
    }
    this.finishAnswer();
  }

  begin(status: number, headers: string): HttpStream {
    const bodyless = isBodyless(status) || this.method === 'HEAD';
    const chunked = this.minorVersion === 1 && !isBodyless(status);
    const stream = new Http1Stream(this, chunked, bodyless);
    if (!this.startAnswer()) return stream;
    this.stream = stream;
    // Without chunks only the end of the connection ends the body.
    if (!chunked && !bodyless) this.closeAfter = true;
    const head =
      statusLine(status, this.minorVersion) +
      headers +
      (chunked ? 'Transfer-Encoding: chunked\r\n' : '') +
      this.connectionLine() +
      this.owner.socket.context.date.lastLine;
    this.output(head, head.length);
    return stream;
  }

  takeOver(head: string, open: OpenProtocol): boolean {
    if (this.started || this.gone || this.body !== undefined || this.minorVersion === 0) return false;
    this.started = this.complete = this.owner.handOver(this, head, open);
    return this.complete;
  }

  /** False if nobody is there to answer any more. */
  private startAnswer(): boolean {
    if (this.gone) return false;
    if (this.started) throw new Error('a request is answered once');
    this.started = true;
    if (this.body !== undefined && !this.body.done) {
      const { skippedBodyBytes } = this.owner.socket.context.limits;
      // A client that still waits for 100 Continue may send its body or not: the connection can't be kept.
      if (this.expectsContinue || this.body.remainingBytes > skippedBodyBytes) this.closeAfter = true;
    }
    return true;
  }

  private connectionLine(): string {
    if (this.closeAfter) return this.minorVersion === 1 ? 'Connection: close\r\n' : '';
    return this.minorVersion === 1 ? '' : 'Connection: keep-alive\r\n';
  }

  /** Also for the stream. */
  finishAnswer(): void {
    this.complete = true;
    this.closeCallback = undefined;
    this.owner.answered(this);
  }

  output(text: string, byteLength: number): void {
    if (this.owner.isFirst(this)) {
      this.owner.socket.queueText(text, byteLength);
    } else {
      this.held ??= [];
      this.held.push(text);
      this.heldBytes += byteLength;
    }
  }

  outputBytes(bytes: Uint8Array): void {
    if (this.owner.isFirst(this)) {
      this.owner.socket.queueBytes(bytes);
    } else {
      this.held ??= [];
      this.held.push(bytes);
      this.heldBytes += bytes.length;
    }
  }

  /** This exchange has become the first of its connection. */
  releaseHeld(): void {
    const { held } = this;
    if (held === undefined) return;
    this.held = undefined;
    this.heldBytes = 0;
    for (const piece of held) {
      if (typeof piece === 'string') this.output(piece, Buffer.byteLength(piece));
      else this.outputBytes(piece);
    }
    if (!this.complete) this.stream?.drained();
  }

  get pendingBytes(): number {
    return this.owner.isFirst(this) ? this.owner.socket.pendingBytes : this.heldBytes;
  }
  get socket(): SocketConnection {
    return this.owner.socket;
  }

  // --- Ends that the handler did not choose.

  /** Answers in the handler's place, or cuts the connection where an answer has begun. The handler's callbacks are told. */
  refuse(why: Refusal): void {
    if (this.gone) return;
    this.owner.socket.context.metrics.refusedRequests++;
    this.owner.stopInput();
    if (this.complete) return;
    if (this.started) {
      this.owner.socket.destroy();
      return;
    }
    this.started = true;
    this.closeAfter = true;
    const text = refusalAnswer(why);
    this.output(text, text.length);
    this.complete = true;
    this.leave();
    this.owner.answered(this);
  }

  /**
   * The client has ended its side while the handler waits for an event, or the server stops: a stream ends well, and one that was
   * never begun ends with the connection.
   */
  abandon(): void {
    if (this.complete || this.gone) return;
    this.closeAfter = true;
    this.stream?.writeLast();
    this.complete = true;
    this.leave();
    this.owner.answered(this);
  }

  /** The client is gone: whoever still waits, for it to take more as well, is told. */
  leave(): void {
    if (this.gone) return;
    this.gone = true;
    this.bodyCallback = undefined;
    this.chunkCallback = undefined;
    this.collected = undefined;
    const ended = this.endCallback;
    const closed = this.closeCallback;
    this.endCallback = undefined;
    this.closeCallback = undefined;
    ended?.(false);
    closed?.();
    this.stream?.drained();
  }
}

function isSameName(head: string, at: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const code = head.charCodeAt(at + i);
    if ((code >= 65 && code <= 90 ? code + 32 : code) !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}

function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
