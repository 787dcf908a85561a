/**
 * An ordinary request over HTTP/2: to its handler the same as one over HTTP/1.1.
 *
 * Invariant: after `gone` or `complete` nothing is sent and no callback runs.
 */
import { ByteBuffer } from '../byte-buffer.ts';
import type { HttpExchange, HttpStream } from '../http-exchange.ts';
import { refusal, refusalAnswer } from '../http1/refusal.ts';
import { isBodyless } from '../http1/status-line.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import { ErrorCode, initialWindowBytes } from './frame.ts';
import { Http2BodyStream } from './http2-body-stream.ts';
import { Http2Stream } from './http2-stream.ts';

const noBytes = new Uint8Array(0);

/** What becomes of body bytes. */
const BodyMode = { undecided: 0, collect: 1, stream: 2, skip: 3 } as const;
type BodyMode = (typeof BodyMode)[keyof typeof BodyMode];

export class Http2Exchange extends Http2Stream implements HttpExchange {
  readonly httpVersion = '2';
  private started = false;
  /** The answer is whole, or cannot be given any more. */
  private complete = false;
  private closeCallback: (() => void) | undefined;
  private stream: Http2BodyStream | undefined;

  private bodyMode: BodyMode = BodyMode.undecided;
  private bodyPaused = false;
  private bodyDone = false;
  private bodyLimit = 0;
  private bodyCallback: ((body: Uint8Array) => void) | undefined;
  private chunkCallback: ((chunk: Uint8Array) => boolean) | undefined;
  private endCallback: ((complete: boolean) => void) | undefined;
  /** Body bytes that nobody has taken yet. */
  private readonly collected = new ByteBuffer();
  private inputMs = this.owner.context.nowMs;

  get method(): string {
    return this.head.method;
  }
  get path(): string {
    return this.head.path;
  }
  get query(): string {
    return this.head.query;
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
    return this.complete;
  }
  header(name: string, pick?: 'first'): string | undefined {
    return this.head.header(name, pick);
  }
  onClose(callback: () => void): void {
    if (!this.complete) this.closeCallback = callback;
  }

  /** Answers by itself, or hands the request to the handler. */
  dispatch(): void {
    const { fault, target } = this.head;
    if (fault !== 0) this.refuse(fault);
    else if (target === '*') this.send(200, '', '');
    else this.owner.context.handler(this);
  }

  // --- The request's body.

  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void {
    if (this.complete) return;
    this.claimBody(BodyMode.collect);
    this.bodyLimit = limitBytes;
    this.bodyCallback = callback;
    if (this.head.contentLength > limitBytes || this.collected.length > limitBytes) this.refuse(413);
    else this.moveBody();
  }

  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void {
    if (this.complete) return;
    this.claimBody(BodyMode.stream);
    this.chunkCallback = onChunk;
    this.endCallback = onEnd;
    this.moveBody();
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.moveBody();
  }

  private claimBody(mode: BodyMode): void {
    if (this.bodyMode !== BodyMode.undecided) throw new Error('the body of a request is read once');
    this.bodyMode = mode;
  }

  protected data(bytes: Buffer, start: number, end: number): void {
    this.inputMs = this.owner.context.nowMs;
    if (this.bodyMode === BodyMode.skip || this.complete) return;
    if (end > start) {
      if (this.bodyMode === BodyMode.collect && this.collected.length + (end - start) > this.bodyLimit) {
        this.refuse(413);
        return;
      }
      if (!this.owner.budget.hold(end - start)) {
        this.resetBy(ErrorCode.enhanceYourCalm);
        return;
      }
      this.collected.append(bytes, start, end);
    }
    this.moveBody();
  }

  /** Hands on what the handler wants of what is there. */
  private moveBody(): void {
    if (this.bodyMode === BodyMode.undecided || this.bodyPaused || this.bodyDone) return;
    if (this.bodyMode === BodyMode.stream && this.collected.length > 0) {
      const chunk = this.takeCollected();
      if (!this.chunkCallback!(chunk) && !this.complete) this.bodyPaused = true;
      if (this.bodyPaused || this.bodyDone) return;
    }
    if (!this.inputEnded) {
      this.replenish(initialWindowBytes);
      return;
    }
    this.bodyDone = true;
    if (this.complete) return;
    const { bodyCallback, endCallback } = this;
    this.bodyCallback = undefined;
    this.chunkCallback = undefined;
    this.endCallback = undefined;
    bodyCallback?.(this.takeCollected());
    endCallback?.(true);
  }

  private takeCollected(): Uint8Array {
    const { collected } = this;
    if (collected.length === 0) return noBytes;
    const taken = collected.bytes.subarray(0, collected.length);
    this.owner.budget.letGo(taken.length);
    collected.clear();
    return taken;
  }

  private dropBody(): void {
    this.bodyMode = BodyMode.skip;
    this.bodyCallback = undefined;
    this.chunkCallback = undefined;
    this.takeCollected();
    const ended = this.endCallback;
    this.endCallback = undefined;
    ended?.(false);
  }

  // --- The answer.

  send(status: number, headers: string, body: string | Uint8Array): void {
    if (!this.startAnswer()) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const bodyless = isBodyless(status);
    const isWhole = bodyless || bytes.length === 0 || this.method === 'HEAD';
    this.writeHead(status, headers, bodyless ? -1 : bytes.length, isWhole);
    this.completeAnswer();
    if (isWhole) {
      this.finish();
    } else {
      this.ending = true;
      this.enqueue(bytes);
      this.owner.output.pump();
    }
  }

  begin(status: number, headers: string): HttpStream {
    const isHeadOnly = isBodyless(status) || this.method === 'HEAD';
    const stream = new Http2BodyStream(this, isHeadOnly);
    if (!this.startAnswer()) return stream;
    this.stream = stream;
    this.writeHead(status, headers, -1, false);
    return stream;
  }

  /** False if nobody is there to answer any more. */
  private startAnswer(): boolean {
    if (this.started) {
      if (this.finished && !this.complete) return false;
      throw new Error('a request is answered once');
    }
    if (this.complete) return false;
    this.started = true;
    return true;
  }

  private writeHead(status: number, headers: string, contentLength: number, endStream: boolean): void {
    const { output, context } = this.owner;
    const { encoder } = output;
    encoder.begin();
    encoder.field(':status', String(status));
    for (const line of headers.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) encoder.field(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    if (contentLength >= 0) encoder.field('content-length', String(contentLength));
    encoder.field('date', context.date.line.slice('Date: '.length, -2));
    output.headers(this.id, encoder.bytes, encoder.length, endStream);
  }

  private completeAnswer(): void {
    this.complete = true;
    this.closeCallback = undefined;
    this.dropBody();
  }

  /** For the body stream: queues bytes. */
  write(bytes: Uint8Array): void {
    this.enqueue(bytes);
    this.owner.output.pump();
  }

  /** For the body stream: no more follows. */
  endAnswer(): void {
    if (this.complete) return;
    this.completeAnswer();
    if (this.queuedBytes > 0) this.ending = true;
    else this.writeEnd();
  }

  writeEnd(): void {
    this.owner.output.endData(this.id);
    this.finish();
  }

  drained(): void {
    this.stream?.drained();
  }

  get limits() {
    return this.owner.context.limits;
  }
  get isOverfull(): boolean {
    return this.owner.output.overfull;
  }

  // --- Ends that the handler did not choose.

  /** Answers in the handler's place. */
  private refuse(status: number): void {
    this.owner.context.metrics.refusedRequests++;
    if (this.started) {
      this.resetBy(ErrorCode.cancel);
      return;
    }
    const answer = refusalAnswer(refusal(status));
    const closed = this.closeCallback;
    this.send(
      status,
      'Content-Type: text/plain; charset=utf-8\r\n',
      answer.slice(answer.indexOf('\r\n\r\n') + 4),
    );
    closed?.();
  }

  drain(): void {
    const closed = this.closeCallback;
    if (closed === undefined || this.complete) return;
    if (this.stream === undefined) {
      this.resetBy(ErrorCode.cancel);
    } else {
      this.endAnswer();
      closed();
    }
  }

  protected release(): void {
    this.takeCollected();
  }

  protected gone(): void {
    const closed = this.closeCallback;
    const { stream } = this;
    if (!this.complete) {
      this.completeAnswer();
      closed?.();
    }
    if (!this.full) return;
    this.full = false;
    stream?.drained();
  }

  sweep(nowMs: number): void {
    const { limits, metrics } = this.owner.context;
    const reads = this.bodyMode !== BodyMode.undecided && this.bodyMode !== BodyMode.skip && !this.bodyPaused;
    if (this.isStalled(nowMs)) {
      metrics.timeouts++;
      this.resetBy(ErrorCode.cancel);
    } else if (reads && !this.inputEnded && nowMs - this.inputMs >= limits.bodyIdleTimeoutMs) {
      metrics.timeouts++;
      this.refuse(408);
    }
  }
}
