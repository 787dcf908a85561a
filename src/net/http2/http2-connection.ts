/**
 * HTTP/2 on one connection (RFC 9113), after the preface, as a whole: how it begins, keeps alive and ends. Its frames are carried out
 * by Http2Input, its output goes through Http2Output.
 *
 *   SETTINGS ──> serving ──drain──> GOAWAY(all) PING ──its answer──> GOAWAY(last) ──no stream left──> end
 *                   └──connection error──> GOAWAY(error) ──> end, input is dropped
 *
 * While the client does not take its output the socket is not read, so whatever it can make us send is bounded.
 */

import type { ListenerContext } from '../listener-context.ts';
import type { Protocol } from '../protocol.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { ErrorCode, Flag, initialWindowBytes, Setting, streamIdMax } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { Http2Input, type InputOwner } from './http2-input.ts';
import { Http2Output } from './http2-output.ts';
import type { Http2Stream } from './http2-stream.ts';
import { InputBudget } from './input-budget.ts';
import { Keepalive } from './keepalive.ts';

/** Told apart from pings of the keepalive by its payload. */
const drainPing = Buffer.from('draining');
const alivePing = Buffer.from('stillon?');

export class Http2Connection implements Protocol, InputOwner {
  readonly socket: SocketConnection;
  readonly context: ListenerContext;
  readonly output: Http2Output;
  readonly budget: InputBudget;
  private readonly input: Http2Input;
  private readonly reader: FrameReader;
  private readonly keepalive: Keepalive;
  /** Calls that wait until the client has taken more of its answers. */
  private readonly postponed: Http2Stream[] = [];
  private acknowledged = false;
  private draining: 'no' | 'asked' | 'told' = 'no';
  private clientIsLeaving = false;
  private ending = false;
  /** Times of the coarse clock: since when the client owes us something, or the end is under way. */
  private sinceMs: number;
  private frameSinceMs = -1;

  constructor(socket: SocketConnection) {
    const { context } = socket;
    const { limits } = context;
    this.socket = socket;
    this.context = context;
    this.budget = new InputBudget(limits.connectionInputBytes);
    this.keepalive = new Keepalive(context.keepalive, context.nowMs);
    this.sinceMs = context.nowMs;
    const bytes = socket.writeBytes(() => this.flushed());
    this.output = new Http2Output(bytes, limits, () => context.clock.defer(() => this.advance()));
    this.input = new Http2Input(this);
    this.reader = new FrameReader(this.input);
    this.output.settings([
      [Setting.maxConcurrentStreams, context.concurrentStreams],
      [Setting.maxHeaderListSize, limits.headBytes],
    ]);
    this.output.windowUpdate(0, limits.connectionWindowBytes - initialWindowBytes);
    context.metrics.http2Connections++;
  }

  // --- Input.

  receive(bytes: Buffer, start: number, end: number): void {
    const { input } = this;
    if (!input.receiving) return;
    this.keepalive.input(this.context.nowMs);
    this.reader.receive(bytes, start, end);
    this.frameSinceMs = this.reader.insideFrame ? this.context.nowMs : -1;
    const { connectionWindowBytes } = this.context.limits;
    if (input.receiveWindow * 2 < connectionWindowBytes && input.receiving) {
      this.output.windowUpdate(0, connectionWindowBytes - input.receiveWindow);
      input.receiveWindow = connectionWindowBytes;
    }
    this.advance();
  }

  // --- What frames do.

  settingsAcknowledged(): void {
    this.acknowledged = true;
  }

  pinged(bytes: Buffer, start: number): void {
    const { output, input, context } = this;
    const afterOutput = output.sentSincePing;
    output.sentSincePing = false;
    output.ping(Flag.ack, bytes, start);
    if (!this.keepalive.pinged(context.clock.monotonicMs(), input.streams.size > 0, afterOutput)) {
      this.fail(ErrorCode.enhanceYourCalm, 'too_many_pings');
    }
  }

  pingAnswered(bytes: Buffer, start: number): void {
    const isForDrain = bytes.compare(drainPing, 0, 8, start, start + 8) === 0;
    if (this.draining === 'asked' && isForDrain) this.tellLastStream();
  }

  clientLeaves(): void {
    this.clientIsLeaving = true;
  }

  // --- What streams ask for.

  remove(stream: Http2Stream, answered: boolean): void {
    this.input.streams.delete(stream.id);
    if (answered) this.input.guard.answered();
    const mayEnd = this.draining === 'told' || this.clientIsLeaving;
    if (this.postponed.length > 0 || (mayEnd && this.input.streams.size === 0)) this.socket.requestTurn();
  }

  reset(streamId: number, code: ErrorCode): void {
    this.input.remember(streamId);
    this.output.reset(streamId, code);
  }

  postpone(stream: Http2Stream): void {
    this.postponed.push(stream);
  }

  // --- Output.

  /** Sends what windows allow now, and starts what waited for room. */
  private advance(): void {
    const { output, postponed } = this;
    output.pump();
    while (postponed.length > 0 && !output.overfull) postponed.shift()!.dispatch();
    this.endIfDone();
  }

  private flushed(): void {
    const { output } = this;
    if (output.congested || output.bytes.waitingBytes <= this.context.limits.pendingOutputBytes) return;
    output.congested = true;
    this.socket.pauseReading();
  }

  writable(): void {
    this.output.congested = false;
    this.socket.resumeReading();
    this.advance();
  }

  turn(): void {
    this.advance();
  }

  // --- Ends.

  /** The connection can't go on. */
  fail(code: ErrorCode, why: string): void {
    if (this.ending) return;
    const { context, socket } = this;
    context.metrics.protocolErrors++;
    if (code === ErrorCode.enhanceYourCalm) context.metrics.floods++;
    context.log.debug('an HTTP/2 connection is closed', {
      remoteAddress: socket.remoteAddress,
      code,
      reason: why,
    });
    this.output.goAway(this.input.lastStreamId, code, why);
    this.end();
  }

  private end(): void {
    if (this.ending) return;
    this.ending = true;
    this.input.stop();
    this.sinceMs = this.context.nowMs;
    this.leave();
    this.socket.end();
  }

  private leave(): void {
    this.reader.clear();
    this.postponed.length = 0;
    for (const stream of this.input.streams.all()) stream.abort();
  }

  private endIfDone(): void {
    if (this.input.streams.size > 0 || this.ending) return;
    if (this.draining === 'told' || this.clientIsLeaving) this.end();
  }

  /** A client that has ended its side can open no window and cancel nothing: it is taken for gone. */
  ended(): void {
    this.end();
  }

  closed(): void {
    this.ending = true;
    this.input.stop();
    this.leave();
  }

  drain(): void {
    if (this.draining !== 'no' || this.ending) return;
    this.draining = 'asked';
    this.sinceMs = this.context.nowMs;
    this.output.goAway(streamIdMax, ErrorCode.noError, '');
    this.output.ping(0, drainPing, 0);
    for (const stream of this.input.streams.all()) stream.drain();
  }

  /** The client has seen that it should go: what it sends from now on is not served. */
  private tellLastStream(): void {
    this.draining = 'told';
    this.input.lastServedId = this.input.lastStreamId;
    this.output.goAway(this.input.lastStreamId, ErrorCode.noError, '');
    this.endIfDone();
  }

  // --- Deadlines.

  sweep(nowMs: number): void {
    const { limits, metrics } = this.context;
    this.input.guard.sweep();
    if (this.socket.isStalled(nowMs)) {
      metrics.timeouts++;
      this.socket.destroy();
    } else if (this.ending) {
      if (this.socket.pendingBytes > 0) this.sinceMs = nowMs;
      else if (nowMs - this.sinceMs >= limits.lingerMs) this.socket.destroy();
    } else if (this.draining === 'asked' && nowMs - this.sinceMs >= limits.lingerMs) {
      this.tellLastStream();
    } else if (!this.acknowledged && nowMs - this.sinceMs >= limits.headTimeoutMs) {
      metrics.timeouts++;
      this.fail(ErrorCode.settingsTimeout, 'SETTINGS were not acknowledged');
    } else if (this.frameSinceMs !== -1 && nowMs - this.frameSinceMs >= limits.bodyIdleTimeoutMs) {
      metrics.timeouts++;
      this.fail(ErrorCode.protocolError, 'a frame was not completed');
    } else {
      this.sweepStreams(nowMs);
    }
  }

  private sweepStreams(nowMs: number): void {
    if (this.input.streams.size > 0) for (const stream of this.input.streams.all()) stream.sweep(nowMs);
    const due = this.keepalive.sweep(nowMs);
    if (due === 'ping') {
      this.output.ping(0, alivePing, 0);
    } else if (due === 'dead') {
      this.context.metrics.timeouts++;
      this.socket.destroy();
    }
  }
}
