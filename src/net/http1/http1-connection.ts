/**
 * HTTP/1.1 and 1.0 on one connection: input becomes exchanges, answers leave in request order.
 *
 *   input ──> [head | body of `reading`] ──> handler         first ─> next ─> ... ─> last      exchanges, oldest first
 *     └─ what can't be used yet ──> waiting                  answers leave from `first` only
 *
 * A request starts at once if nothing is unanswered before it, or if both it and all those are safe methods (RFC 9112, 9.3.2), fewer
 * than `pipelinedRequests` are open and the client takes its answers. Otherwise its bytes wait, and the socket is read only until
 * `waitingInputBytes` are there: enough to notice that a client goes away during a long poll.
 *
 * A client that ends its side gets the answers it asked for. Only where the handler has said, by `onClose`, that it waits for
 * something to happen, that end counts as the client's departure; for etcd's HTTP library it always does.
 */
import { ByteBuffer } from '../byte-buffer.ts';
import type { OpenProtocol } from '../http-exchange.ts';
import type { ListenerContext } from '../listener-context.ts';
import type { Protocol } from '../protocol.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { HeadParser } from './head-parser.ts';
import { type ExchangeOwner, Http1Exchange } from './http1-exchange.ts';
import { type Refusal, refusal } from './refusal.ts';
import { RequestBody } from './request-body.ts';

const badRequest = refusal(400);
const requestTimeout = refusal(408);

export class Http1Connection implements Protocol, ExchangeOwner {
  readonly socket: SocketConnection;
  private readonly context: ListenerContext;
  private readonly parser: HeadParser;
  private first: Http1Exchange | undefined;
  private last: Http1Exchange | undefined;
  private open = 0;
  /** The exchange whose body comes next in the input. */
  private reading: Http1Exchange | undefined;
  private readonly waiting = new ByteBuffer();
  /** `waiting` begins with a head that is not complete, rather than with something that has to wait. */
  private partialHead = false;
  /** False once no further request is taken: what arrives is dropped. */
  private accepting = true;
  private running = false;
  /** Drives the connection in our place. */
  private successor: Protocol | undefined;
  private inputEnded = false;
  private closing = false;
  /** Times of the coarse clock: last input, and begin of the present idle time, head, or end of the client's side. */
  private inputMs: number;
  private sinceMs: number;
  private fresh = true;

  constructor(socket: SocketConnection) {
    this.socket = socket;
    this.context = socket.context;
    this.parser = new HeadParser(this.context.limits.headBytes, this.context.limits.headerCount);
    this.inputMs = this.context.nowMs;
    this.sinceMs = this.context.nowMs;
  }

  // --- Input.

  receive(bytes: Buffer, start: number, end: number): void {
    this.inputMs = this.context.nowMs;
    const { waiting } = this;
    if (waiting.length === 0) {
      const at = this.run(bytes, start, end);
      if (at === end) return;
      if (this.successor !== undefined) {
        this.successor.receive(bytes, at, end);
        return;
      }
      if (this.partialHead) this.sinceMs = this.inputMs;
      waiting.append(bytes, at, end);
      this.boundWaiting();
      return;
    }
    waiting.append(bytes, start, end);
    // A head is looked at again only if another of its lines is there.
    if (this.partialHead && waiting.length <= this.context.limits.headBytes) {
      if (!bytes.subarray(start, end).includes(10)) return;
    }
    this.runWaiting();
  }

  turn(): void {
    this.runWaiting();
    if (this.inputEnded) this.settleEnd();
  }

  private runWaiting(): void {
    const { waiting } = this;
    waiting.consume(this.run(waiting.bytes, 0, waiting.length));
    if (this.successor === undefined) this.boundWaiting();
    else if (waiting.length > 0) this.successor.receive(waiting.bytes, 0, waiting.length);
  }

  private boundWaiting(): void {
    if (!this.partialHead && this.waiting.length > this.context.limits.waitingInputBytes) {
      this.socket.pauseReading();
    } else {
      this.socket.resumeReading();
    }
  }

  /** Uses what it can of `bytes[from, end)`; returns the position of the first byte that has to wait. */
  private run(bytes: Buffer, from: number, end: number): number {
    let at = from;
    this.running = true;
    this.partialHead = false;
    for (;;) {
      const { reading } = this;
      if (this.successor !== undefined) break;
      if (!this.accepting && (reading === undefined || this.closing)) {
        at = end;
        break;
      }
      if (reading !== undefined) {
        at = reading.takeBody(bytes, at, end);
        if (this.reading !== reading) continue;
        if (!reading.bodyDone) break;
        this.reading = undefined;
        reading.finishBody();
        continue;
      }
      if (at === end || this.isFull()) break;
      const state = this.parser.parse(bytes, at, end);
      if (state === 'incomplete') {
        this.partialHead = true;
        break;
      }
      if (state === 'refused') {
        this.refuseNext(this.parser.refused);
        continue;
      }
      const head = at;
      at += this.parser.length;
      if (!this.startRequest(bytes, head, at)) {
        this.parser.reset();
        at = head;
        break;
      }
    }
    this.running = false;
    return at;
  }

  private isFull(): boolean {
    if (this.first === undefined) return this.socket.pendingBytes > this.context.limits.pendingOutputBytes;
    return (
      !this.first.isSafe ||
      this.open >= this.context.limits.pipelinedRequests ||
      this.socket.pendingBytes > this.context.limits.pendingOutputBytes
    );
  }

  /** Makes the parsed head an exchange and hands it over. False if it has to wait for older ones. */
  private startRequest(bytes: Buffer, start: number, end: number): boolean {
    const { parser } = this;
    let body: RequestBody | undefined;
    if (parser.chunked) body = new RequestBody(undefined, this.context.limits.headBytes);
    else if (parser.contentLength > 0) body = new RequestBody(parser.contentLength, 0);
    const exchange = new Http1Exchange(
      this,
      parser.method,
      bytes.toString('latin1', start, end),
      parser.pathStart,
      parser.pathEnd,
      parser.queryStart,
      parser.queryEnd,
      parser.headersStart,
      parser.minorVersion,
      parser.keepAlive,
      body,
      parser.expectContinue,
    );
    if (this.first !== undefined && !exchange.isSafe) return false;
    const { asterisk } = parser;
    parser.reset();
    this.append(exchange);
    if (body !== undefined) this.reading = exchange;
    if (exchange.closeAfter) this.accepting = false;
    this.context.metrics.requests++;
    if (asterisk) exchange.send(200, '', '');
    else this.context.handler(exchange);
    return true;
  }

  handOver(exchange: Http1Exchange, head: string, open: OpenProtocol): boolean {
    // Older ones are to be answered first, and input goes on where the request ends.
    if (!this.running || this.first !== exchange || this.inputEnded) return false;
    const { socket } = this;
    this.first = undefined;
    this.last = undefined;
    this.open = 0;
    socket.queueText(head, head.length);
    this.successor = open(socket);
    socket.protocol = this.successor;
    socket.resumeReading();
    return true;
  }

  private append(exchange: Http1Exchange): void {
    this.fresh = false;
    this.open++;
    if (this.last === undefined) this.first = exchange;
    else this.last.next = exchange;
    this.last = exchange;
  }

  /** Refuses the request that can't be parsed, after the answers to those before it. */
  private refuseNext(why: Refusal): void {
    const exchange = new Http1Exchange(this, '', '', 0, 0, 0, 0, 0, 1, false, undefined, false);
    this.append(exchange);
    exchange.refuse(why);
  }

  // --- What exchanges ask for.

  isFirst(exchange: Http1Exchange): boolean {
    return this.first === exchange;
  }

  stopInput(): void {
    this.accepting = false;
    this.reading = undefined;
  }

  wantInput(): void {
    if (!this.running) this.socket.requestTurn();
  }

  answered(exchange: Http1Exchange): void {
    if (this.reading === exchange) {
      exchange.skipBody();
      this.wantInput();
    }
    if (this.first !== exchange) return;
    for (let done: Http1Exchange | undefined = exchange; done?.complete; done = this.first) {
      this.first = done.next;
      this.open--;
      if (this.first === undefined) this.last = undefined;
      if (done.closeAfter) {
        this.close();
        return;
      }
      this.first?.releaseHeld();
    }
    if (this.first !== undefined) return;
    this.sinceMs = this.context.nowMs;
    if (!this.running && (this.waiting.length > 0 || this.inputEnded || !this.accepting))
      this.socket.requestTurn();
  }

  /** Ends our side once what is queued is out. Exchanges younger than the one that closes the connection are lost. */
  private close(): void {
    this.closing = true;
    this.accepting = false;
    this.reading = undefined;
    this.sinceMs = this.context.nowMs;
    this.socket.end();
    this.leaveAll();
    if (!this.running) this.socket.requestTurn();
  }

  private leaveAll(): void {
    let exchange = this.first;
    this.first = undefined;
    this.last = undefined;
    this.open = 0;
    for (; exchange !== undefined; exchange = exchange.next) exchange.leave();
  }

  // --- Ends.

  ended(): void {
    this.inputEnded = true;
    this.sinceMs = this.context.nowMs;
    this.settleEnd();
  }

  /** After the client's end: what can't come any more is given up, the rest is answered, then our side ends too. */
  private settleEnd(): void {
    if (this.closing) return;
    if (this.reading?.wantsBody && this.waiting.length === 0) this.reading.refuse(badRequest);
    this.abandonWaiters();
    if (this.open === 0 && !this.closing && !this.isHoldingRequest()) this.close();
  }

  /** Is a request waiting that may still be taken (and not just part of one)? */
  private isHoldingRequest(): boolean {
    return this.waiting.length > 0 && !this.partialHead;
  }

  private abandonWaiters(): void {
    for (let exchange = this.first; exchange !== undefined; exchange = exchange.next) {
      if (exchange.watchesClose) exchange.abandon();
    }
  }

  writable(): void {
    const stream = this.first?.stream;
    if (stream !== undefined) stream.drained();
    if (this.waiting.length > 0) this.wantInput();
  }

  closed(): void {
    this.closing = true;
    this.accepting = false;
    this.reading = undefined;
    this.waiting.clear();
    this.leaveAll();
  }

  drain(): void {
    this.accepting = false;
    this.abandonWaiters();
    if (this.closing) return;
    if (this.last === undefined) this.close();
    else this.last.closeAfter = true;
  }

  // --- Deadlines.

  sweep(nowMs: number): void {
    const { limits, metrics } = this.context;
    if (this.socket.isStalled(nowMs)) {
      metrics.timeouts++;
      this.socket.destroy();
    } else if (this.closing) {
      // While the last answer is on its way only a stall ends it.
      if (this.socket.pendingBytes > 0) this.sinceMs = nowMs;
      else if (nowMs - this.sinceMs >= limits.lingerMs) this.socket.destroy();
    } else if (this.inputEnded) {
      if (nowMs - this.sinceMs >= limits.halfClosedTimeoutMs) this.expire();
    } else if (this.reading !== undefined) {
      if (this.reading.wantsBody && nowMs - this.inputMs >= limits.bodyIdleTimeoutMs) {
        metrics.timeouts++;
        this.reading.refuse(requestTimeout);
      }
    } else if (this.partialHead) {
      if (nowMs - this.sinceMs >= limits.headTimeoutMs) {
        metrics.timeouts++;
        if (this.open === 0) this.refuseNext(requestTimeout);
        else this.socket.destroy();
      }
    } else if (this.open === 0) {
      const timeoutMs = this.fresh ? limits.headTimeoutMs : limits.keepAliveTimeoutMs;
      if (nowMs - this.sinceMs >= timeoutMs) this.socket.destroy();
    }
  }

  private expire(): void {
    this.context.metrics.timeouts++;
    this.socket.destroy();
  }
}
