/**
 * One gRPC call on one HTTP/2 stream, of any kind: messages in, messages and a status out.
 *
 *   DATA:  compressed:8  length:32  message     messages lie in DATA frames as they please
 *
 * A message that lies within one read is handed on in place; otherwise it is put together in `partial`. A unary answer that fits
 * its windows leaves as HEADERS, DATA and trailers in one piece, without passing through any queue.
 *
 * Invariants: `closed` is final. `onClose`'s callback runs at most once, and never after the method itself has ended the call.
 */
import { ByteBuffer } from '../byte-buffer.ts';
import { type GrpcMethod, GrpcStatus, type GrpcStreamCall, type GrpcStreamHandler } from '../grpc-call.ts';
import { ErrorCode, initialWindowBytes, readUint32 } from '../http2/frame.ts';
import { Http2Stream } from '../http2/http2-stream.ts';
import type { LargeInput } from '../http2/input-budget.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import type { DeadlineEntry } from './deadline-wheel.ts';
import type { GrpcTraffic } from './grpc-traffic.ts';
import { percentEncoded } from './status-fields.ts';
import { unpackMessage } from './unpack-message.ts';

const messageHeadBytes = 5;

export class GrpcServerCall extends Http2Stream implements GrpcStreamCall, LargeInput, DeadlineEntry {
  readonly deadlineMs: number | undefined;
  deadlineSlot = -1;
  deadlineNext: DeadlineEntry | undefined = undefined;
  deadlinePrevious: DeadlineEntry | undefined = undefined;
  /** The answer is complete, as far as the method is concerned, or cannot be given any more. */
  closed = false;

  private readonly method: GrpcMethod;
  private readonly traffic: GrpcTraffic | undefined;
  private readonly startMs: number;
  private closeCallback: (() => void) | undefined = undefined;
  private drainCallback: (() => void) | undefined = undefined;
  private handler: GrpcStreamHandler | undefined = undefined;
  private headersSent = false;
  /** Unary and server-streaming: the one request was taken. */
  private requested = false;
  private paused = false;
  private delivering = false;
  private clientDone = false;
  /** The beginning of a message, or whole ones while paused. */
  private partial: ByteBuffer | undefined = undefined;
  /** A request that waits for its turn. */
  private postponed: Uint8Array | undefined = undefined;
  private failure: { readonly status: GrpcStatus; readonly message: string } | undefined = undefined;
  private inputMs: number;

  constructor(
    owner: ConstructorParameters<typeof Http2Stream>[0],
    id: number,
    head: ConstructorParameters<typeof Http2Stream>[2],
    method: GrpcMethod,
  ) {
    super(owner, id, head);
    this.method = method;
    const { context } = owner;
    this.inputMs = context.nowMs;
    this.traffic = method.traffic;
    this.startMs = method.traffic?.begun(context.clock) ?? 0;
    if (head.grpcTimeoutMs >= 0) {
      const nowMs = context.clock.monotonicMs();
      this.deadlineMs = nowMs + head.grpcTimeoutMs;
      context.deadlines.add(this, nowMs);
    } else {
      this.deadlineMs = undefined;
    }
  }

  get path(): string {
    return this.head.target;
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
  get pendingBytes(): number {
    return this.queuedBytes;
  }

  metadata(name: string): string | undefined {
    return this.head.header(name);
  }

  onClose(callback: () => void): void {
    if (!this.closed) this.closeCallback = callback;
  }

  // --- Messages from the client.

  /** The stream is open. */
  start(): void {
    if (this.method.kind === 'bidirectional') this.handler = this.method.open(this);
  }

  protected data(bytes: Buffer, start: number, end: number): void {
    this.inputMs = this.owner.context.nowMs;
    if (this.closed) return;
    if (this.requested) {
      // Whatever follows the one request is dropped.
    } else if (this.partial === undefined && !this.paused) {
      const at = this.takeMessages(bytes, start, end);
      if (at < end && !this.closed && !this.requested) this.keep(bytes, at, end);
    } else if (this.keep(bytes, start, end)) {
      this.takeKept();
    }
    this.settleInput();
  }

  /** Windows, and the end of the input. */
  private settleInput(): void {
    if (this.closed || this.paused) return;
    if (!this.inputEnded) {
      // A unary call gets no second message, so its first window does unless the message is larger.
      if (this.handler !== undefined || !this.requested) this.makeRoom();
      return;
    }
    if (this.clientDone) return;
    this.clientDone = true;
    const { partial } = this;
    if (this.handler !== undefined && partial === undefined) {
      this.handler.clientDone();
    } else if (this.handler !== undefined || !this.requested) {
      // Texts and code are grpc-go's.
      const inMessage = partial !== undefined && partial.length >= messageHeadBytes;
      this.fail(GrpcStatus.unknown, inMessage ? 'unexpected EOF' : 'EOF');
    }
  }

  /** Hands on the whole messages of `bytes[from, end)`; returns the position of what is left. */
  private takeMessages(bytes: Buffer, from: number, end: number): number {
    let at = from;
    this.delivering = true;
    while (end - at >= messageHeadBytes && !this.paused && !this.closed) {
      const length = readUint32(bytes, at + 1);
      const { messageBytesMax } = this.owner.context;
      if (length > messageBytesMax) {
        this.fail(
          GrpcStatus.resourceExhausted,
          `grpc: received message larger than max (${length} vs. ${messageBytesMax})`,
        );
        break;
      }
      const start = at + messageHeadBytes;
      if (end - start < length) break;
      const flag = bytes[at]!;
      at = start + length;
      const message = bytes.subarray(start, at);
      if (flag === 0) this.deliver(message);
      else this.deliverPacked(flag, message);
    }
    this.delivering = false;
    return at;
  }

  private deliverPacked(flag: number, packed: Uint8Array): void {
    const unpacked = unpackMessage(flag, this.head.grpcEncoding, packed, this.owner.context.messageBytesMax);
    if (unpacked instanceof Uint8Array) this.deliver(unpacked);
    else this.fail(unpacked.status, unpacked.message);
  }

  private deliver(message: Uint8Array): void {
    const { method } = this;
    if (!this.requested) this.traffic?.received(message.length);
    if (method.kind === 'bidirectional') {
      this.handler!.message(message);
    } else if (!this.requested) {
      // Further messages have no meaning and are dropped, as in grpc-go.
      this.requested = true;
      if (this.owner.output.overfull) {
        if (!this.hold(message.length)) return;
        this.postponed = Uint8Array.prototype.slice.call(message);
        this.owner.postpone(this);
      } else {
        method.handle(this, message);
      }
    }
  }

  dispatch(): void {
    const { method, postponed } = this;
    if (postponed === undefined || this.closed || method.kind === 'bidirectional') return;
    this.postponed = undefined;
    this.owner.budget.letGo(postponed.length);
    method.handle(this, postponed);
  }

  /** False if there is no room, and the call has failed. */
  private keep(bytes: Buffer, start: number, end: number): boolean {
    if (start === end) return true;
    if (!this.hold(end - start)) return false;
    this.partial ??= new ByteBuffer();
    this.partial.append(bytes, start, end);
    return true;
  }

  private hold(count: number): boolean {
    if (this.owner.budget.hold(count)) return true;
    this.fail(GrpcStatus.resourceExhausted, 'too many unfinished requests on one connection');
    return false;
  }

  private takeKept(): void {
    const { partial } = this;
    if (partial === undefined || this.paused) return;
    const before = partial.length;
    const at = this.takeMessages(partial.bytes, 0, before);
    // A call that ended meanwhile has let go of it already.
    if (this.partial !== partial) return;
    this.owner.budget.letGo(at);
    if (at === before) {
      this.partial = undefined;
      this.owner.budget.doneLarge(this);
    } else {
      partial.consume(at);
    }
  }

  /** Opens the window for the next message, or for the rest of the present one if it is large. */
  private makeRoom(): void {
    const missing = this.missingBytes;
    if (missing <= initialWindowBytes) this.replenish(initialWindowBytes);
    else if (missing > this.receiveWindow) this.owner.budget.wantLarge(this, missing);
  }

  private get missingBytes(): number {
    const { partial } = this;
    if (partial === undefined || partial.length < messageHeadBytes) return 0;
    return readUint32(partial.bytes, 1) + messageHeadBytes - partial.length;
  }

  roomGranted(): void {
    this.replenish(this.missingBytes);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    // Called by the handler from within `message`: the loop there goes on.
    if (this.delivering || this.closed) return;
    this.takeKept();
    this.settleInput();
  }

  // --- The answer.

  respond(message: Uint8Array): void {
    if (this.closed) return;
    const { output } = this.owner;
    this.close(GrpcStatus.ok);
    this.traffic?.sent(message.length);
    if (output.isFree(this, message.length + messageHeadBytes)) {
      output.grpcAnswer(this, message, !this.headersSent);
      this.finish();
      return;
    }
    this.writeHeaders();
    this.ending = true;
    this.enqueueMessage([message]);
  }

  respondParts(parts: readonly Uint8Array[]): void {
    if (this.closed) return;
    this.close(GrpcStatus.ok);
    let length = 0;
    for (const part of parts) length += part.length;
    this.traffic?.sent(length);
    this.writeHeaders();
    this.ending = true;
    this.enqueueMessage(parts);
  }

  sendHeaders(): void {
    if (!this.closed) this.writeHeaders();
  }

  write(message: Uint8Array): boolean {
    if (this.closed) return false;
    const { output, context } = this.owner;
    this.writeHeaders();
    if (output.isFree(this, message.length + messageHeadBytes)) {
      this.traffic?.sent(message.length);
      output.grpcMessage(this, message);
      return true;
    }
    const { pendingOutputBytes, pendingOutputBytesMax } = context.limits;
    if (this.full && this.queuedBytes + message.length > pendingOutputBytesMax) {
      context.log.warn('a client reads too slowly for what it asked for; its stream is closed', {
        remoteAddress: this.remoteAddress,
        path: this.path,
        pendingBytes: this.queuedBytes,
      });
      this.resetBy(ErrorCode.enhanceYourCalm);
      return false;
    }
    this.traffic?.sent(message.length);
    this.enqueueMessage([message]);
    // Once full it is so until `drained` was called: whoever was told to wait may be another than this one.
    this.full ||= this.queuedBytes > pendingOutputBytes || (this.queuedBytes > 0 && output.overfull);
    return !this.full;
  }

  onDrain(callback: () => void): void {
    this.drainCallback = callback;
  }

  drained(): void {
    if (!this.closed) this.drainCallback?.();
  }

  end(): void {
    if (this.closed) return;
    this.close(GrpcStatus.ok);
    this.writeHeaders();
    this.endOutput();
  }

  fail(status: GrpcStatus, message: string): void {
    if (this.closed) return;
    this.close(status);
    this.failure = { status, message };
    this.endOutput();
  }

  private close(status: GrpcStatus): void {
    this.closed = true;
    this.closeCallback = undefined;
    this.drainCallback = undefined;
    this.traffic?.ended(status, this.startMs, this.owner.context.clock);
  }

  private writeHeaders(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    const { output } = this.owner;
    output.block(this.id, output.grpcHead, false);
  }

  private enqueueMessage(parts: readonly Uint8Array[]): void {
    let length = 0;
    for (const part of parts) length += part.length;
    const head = new Uint8Array(messageHeadBytes);
    head[1] = length >>> 24;
    head[2] = length >>> 16;
    head[3] = length >>> 8;
    head[4] = length;
    this.enqueue(head);
    for (const part of parts) this.enqueue(part);
    this.owner.output.pump();
  }

  private endOutput(): void {
    if (this.queuedBytes > 0) this.ending = true;
    else this.writeEnd();
  }

  writeEnd(): void {
    const { output } = this.owner;
    const { failure } = this;
    if (failure === undefined) {
      output.block(this.id, output.grpcOk, true);
    } else {
      const { encoder } = output;
      encoder.begin();
      if (!this.headersSent) {
        encoder.field(':status', '200');
        encoder.field('content-type', 'application/grpc');
      }
      encoder.field('grpc-status', String(failure.status));
      if (failure.message !== '') encoder.field('grpc-message', percentEncoded(failure.message));
      output.headers(this.id, encoder.bytes, encoder.length, true);
    }
    this.finish();
  }

  // --- Ends that the method did not choose.

  expire(): void {
    this.failFromOutside(GrpcStatus.deadlineExceeded, 'context deadline exceeded');
  }

  drain(): void {
    if (this.method.kind !== 'unary') this.failFromOutside(GrpcStatus.unavailable, 'the server is stopping');
  }

  private failFromOutside(status: GrpcStatus, message: string): void {
    const callback = this.closeCallback;
    const expired = status === GrpcStatus.deadlineExceeded;
    if (expired && this.queuedBytes > 0) {
      // No status can overtake what the client does not take in time.
      this.resetBy(ErrorCode.cancel);
    } else if (!this.closed) {
      this.fail(status, message);
      callback?.();
    }
  }

  protected release(): void {
    const { context, budget } = this.owner;
    if (this.deadlineSlot !== -1) context.deadlines.remove(this);
    if (this.partial !== undefined) {
      budget.letGo(this.partial.length);
      budget.doneLarge(this);
      this.partial = undefined;
    }
    if (this.postponed !== undefined) {
      budget.letGo(this.postponed.length);
      this.postponed = undefined;
    }
  }

  protected gone(): void {
    const callback = this.closeCallback;
    if (this.closed) return;
    this.close(GrpcStatus.cancelled);
    callback?.();
  }

  sweep(nowMs: number): void {
    const { limits, metrics } = this.owner.context;
    if (this.closed) {
      if (this.isStalled(nowMs)) this.resetBy(ErrorCode.cancel);
      return;
    }
    const waits = !this.inputEnded && !this.requested && this.handler === undefined;
    if (!waits || nowMs - this.inputMs < limits.bodyIdleTimeoutMs) return;
    metrics.timeouts++;
    this.failFromOutside(GrpcStatus.deadlineExceeded, 'the request did not arrive in time');
  }
}
