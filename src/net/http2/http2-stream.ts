/**
 * One stream as its connection sees it: flow control both ways, the queue of output that waits for it, and how it ends.
 * What is carried on it (an HTTP exchange, a gRPC call) is a subclass.
 *
 *   open ──END_STREAM──> inputEnded ──answer whole──> finished
 *     └── answer whole first: RST_STREAM(NO_ERROR) tells the client to send no more ──> finished
 *     └── reset by either side, connection lost ──> finished, without an answer
 *
 * Invariant: a finished stream is in no table or queue of its connection, and writes nothing.
 */
import type { ListenerContext } from '../listener-context.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { ErrorCode, initialWindowBytes } from './frame.ts';
import type { Http2Output } from './http2-output.ts';
import type { InputBudget } from './input-budget.ts';
import type { RequestHead } from './request-head.ts';

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly socket: SocketConnection;
  readonly context: ListenerContext;
  readonly output: Http2Output;
  readonly budget: InputBudget;
  /** The stream is finished, with its answer or without: forget it. */
  remove(stream: Http2Stream, answered: boolean): void;
  /** Sends RST_STREAM; what the client has under way on the stream is ignored from now on. */
  reset(streamId: number, code: ErrorCode): void;
  /** Has `dispatch` called once the answers that wait have become fewer. */
  postpone(stream: Http2Stream): void;
}

export abstract class Http2Stream {
  readonly id: number;
  readonly head: RequestHead;
  /** Bytes the client may still send, as far as it knows. */
  receiveWindow = initialWindowBytes;
  inputEnded = false;
  finished = false;

  /** Bytes we may send. Negative after the client has made its windows smaller. */
  sendWindow: number;
  /** Output that waits for a window or for the socket; `pieceOffset` bytes of the first piece are gone. */
  pieces: Uint8Array[] | undefined = undefined;
  pieceOffset = 0;
  queuedBytes = 0;
  /** Nothing more will be queued: `writeEnd` follows the queue. */
  ending = false;
  /** In the output's list of streams that may send. */
  listed = false;
  /** The producer was told to wait, and is owed `drained`. */
  full = false;
  /** Watches over a queue that does not move: its length at the last sweep, and since when. */
  private stalledBytes = 0;
  private stalledSinceMs = 0;
  /** DATA bytes received, without padding. */
  protected receivedBytes = 0;
  protected readonly owner: StreamOwner;

  constructor(owner: StreamOwner, id: number, head: RequestHead) {
    this.owner = owner;
    this.id = id;
    this.head = head;
    this.sendWindow = owner.output.initialStreamWindow;
  }

  /** `flowBytes` is the frame's payload, padding included. Returns what is wrong with it; the stream is not told then. */
  receive(bytes: Buffer, start: number, end: number, flowBytes: number, last: boolean): ErrorCode {
    this.receiveWindow -= flowBytes;
    if (this.receiveWindow < 0) return ErrorCode.flowControlError;
    this.receivedBytes += end - start;
    const declared = this.head.contentLength;
    if (declared !== -1 && (this.receivedBytes > declared || (last && this.receivedBytes !== declared))) {
      return ErrorCode.protocolError;
    }
    if (last) this.inputEnded = true;
    this.data(bytes, start, end);
    return ErrorCode.noError;
  }

  /** The client's trailers end its input. */
  receiveTrailers(): ErrorCode {
    const declared = this.head.contentLength;
    if (declared !== -1 && this.receivedBytes !== declared) return ErrorCode.protocolError;
    this.inputEnded = true;
    this.data(noBytes, 0, 0);
    return ErrorCode.noError;
  }

  /** Lets the client send until it may send `targetBytes`, in steps that are worth a frame. */
  protected replenish(targetBytes: number): void {
    if (this.inputEnded || this.finished) return;
    const increment = targetBytes - this.receiveWindow;
    if (increment * 2 < initialWindowBytes) return;
    this.receiveWindow = targetBytes;
    this.owner.output.windowUpdate(this.id, increment);
  }

  /** Queues output in order behind what waits already. */
  protected enqueue(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.pieces ??= [];
    this.pieces.push(bytes);
    this.queuedBytes += bytes.length;
    this.owner.output.queued(this, bytes.length);
  }

  /** True once output has waited for `writeStallTimeoutMs` without any of it being sent; asked about once a second. */
  protected isStalled(nowMs: number): boolean {
    if (this.queuedBytes === 0 || this.queuedBytes !== this.stalledBytes) {
      this.stalledBytes = this.queuedBytes;
      this.stalledSinceMs = nowMs;
      return false;
    }
    return nowMs - this.stalledSinceMs >= this.owner.context.limits.writeStallTimeoutMs;
  }

  /** The answer's last frame was written. */
  finish(): void {
    if (this.finished) return;
    this.finished = true;
    this.release();
    if (!this.inputEnded) this.owner.reset(this.id, ErrorCode.noError);
    this.owner.remove(this, true);
  }

  /** Ends the stream with an error, as far as the client is told. */
  resetBy(code: ErrorCode): void {
    if (this.finished) return;
    this.owner.reset(this.id, code);
    this.abort();
  }

  /** Reset, or the connection is lost: there is nobody to answer any more. */
  abort(): void {
    if (this.finished) return;
    this.finished = true;
    this.owner.output.forget(this);
    this.release();
    this.owner.remove(this, false);
    this.gone();
  }

  /** A new request, or one that was postponed, may run. */
  abstract dispatch(): void;
  /** DATA arrived; `inputEnded` tells whether it was the last. */
  protected abstract data(bytes: Buffer, start: number, end: number): void;
  /** Gives up what is held of the input. */
  protected abstract release(): void;
  /** The stream ended before its answer was whole. */
  protected abstract gone(): void;
  /** Writes what ends the answer; the queue is empty. */
  abstract writeEnd(): void;
  /** The queue has become short. */
  abstract drained(): void;
  /** The server stops. */
  abstract drain(): void;
  /** About once a second. */
  abstract sweep(nowMs: number): void;
}

const noBytes = Buffer.alloc(0);
