/**
 * HTTP/2 on one connection (RFC 9113), after the preface: frames in, streams opened, and everything that concerns the connection as
 * a whole: settings, windows, pings, floods, and its end.
 *
 *   SETTINGS ──> serving ──drain──> GOAWAY(all) PING ──its answer──> GOAWAY(last) ──no stream left──> end
 *                   └──connection error──> GOAWAY(error) ──> end, input is dropped
 *
 * While the client does not take its output the socket is not read, so whatever it can make us send is bounded.
 */

import { GrpcRefusal } from '../grpc/grpc-refusal.ts';
import { GrpcServerCall } from '../grpc/grpc-server-call.ts';
import type { ListenerContext } from '../listener-context.ts';
import type { Protocol } from '../protocol.ts';
import type { SocketConnection } from '../socket-connection.ts';
import { FloodGuard } from './flood-guard.ts';
import { ErrorCode, Flag, FrameType, initialWindowBytes, readUint32, Setting, streamIdMax } from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { HeadCache } from './head-cache.ts';
import { HeaderAssembly } from './header-assembly.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { Http2Output } from './http2-output.ts';
import type { Http2Stream, StreamOwner } from './http2-stream.ts';
import { InputBudget } from './input-budget.ts';
import { Keepalive } from './keepalive.ts';
import { readPeerSettings } from './peer-settings.ts';
import { malformed, type RequestHead } from './request-head.ts';
import { ResetMemory } from './reset-memory.ts';
import { StreamTable } from './stream-table.ts';

/** Told apart from pings of the keepalive by its payload. */
const drainPing = Buffer.from('draining');
const alivePing = Buffer.from('stillon?');

export class Http2Connection implements Protocol, FrameSink, StreamOwner {
  readonly socket: SocketConnection;
  readonly context: ListenerContext;
  readonly output: Http2Output;
  readonly input: InputBudget;
  /** False once the connection is ending: input is dropped. */
  receiving = true;

  private readonly reader = new FrameReader(this);
  private readonly heads: HeadCache;
  private readonly assembly: HeaderAssembly;
  private readonly streams = new StreamTable<Http2Stream>();
  private readonly resets = new ResetMemory();
  private readonly guard = new FloodGuard();
  private readonly keepalive: Keepalive;
  /** Calls that wait until the client has taken more of its answers. */
  private readonly postponed: Http2Stream[] = [];
  private lastStreamId = 0;
  /** Streams above this are not served any more. */
  private lastServedId = streamIdMax;
  private receiveWindow: number;
  private requests = 0;
  private settingsReceived = false;
  private settingsAcknowledged = false;
  private draining: 'no' | 'asked' | 'told' = 'no';
  private clientLeaves = false;
  private ending = false;
  /** Times of the coarse clock: since when the client owes us something, or the end is under way. */
  private sinceMs: number;
  private frameSinceMs = -1;

  constructor(socket: SocketConnection) {
    const { context } = socket;
    const { limits } = context;
    this.socket = socket;
    this.context = context;
    this.input = new InputBudget(limits.connectionInputBytes);
    this.heads = new HeadCache(limits.headBytes, limits.headerCount, context.grpc);
    this.assembly = new HeaderAssembly(limits.headBytes);
    this.keepalive = new Keepalive(context.keepalive, context.nowMs);
    this.sinceMs = context.nowMs;
    this.receiveWindow = limits.connectionWindowBytes;
    const bytes = socket.writeBytes(() => this.flushed());
    this.output = new Http2Output(bytes, limits, (callback) => context.clock.defer(callback));
    this.output.settings([
      [Setting.maxConcurrentStreams, context.concurrentStreams],
      [Setting.maxHeaderListSize, limits.headBytes],
    ]);
    this.output.windowUpdate(0, limits.connectionWindowBytes - initialWindowBytes);
    context.metrics.http2Connections++;
  }

  // --- Input.

  receive(bytes: Buffer, start: number, end: number): void {
    if (!this.receiving) return;
    this.keepalive.input(this.context.nowMs);
    this.reader.receive(bytes, start, end);
    this.frameSinceMs = this.reader.insideFrame ? this.context.nowMs : -1;
    const { connectionWindowBytes } = this.context.limits;
    if (this.receiveWindow * 2 < connectionWindowBytes && this.receiving) {
      this.output.windowUpdate(0, connectionWindowBytes - this.receiveWindow);
      this.receiveWindow = connectionWindowBytes;
    }
    this.advance();
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.settings && !this.settingsReceived) {
      this.fail(ErrorCode.protocolError, 'SETTINGS must come first');
    } else if (
      this.assembly.isOpen &&
      (type !== FrameType.continuation || streamId !== this.assembly.streamId)
    ) {
      this.fail(ErrorCode.protocolError, 'a header block was interrupted');
    } else {
      switch (type) {
        case FrameType.data:
          this.data(flags, streamId, bytes, start, end);
          break;
        case FrameType.headers:
          this.headers(flags, streamId, bytes, start, end);
          break;
        case FrameType.continuation:
          this.continuation(flags, streamId, bytes, start, end);
          break;
        case FrameType.windowUpdate:
          this.windowUpdate(streamId, bytes, start, end);
          break;
        case FrameType.rstStream:
          this.rstStream(streamId, end - start);
          break;
        case FrameType.settings:
          this.settings(flags, streamId, bytes, start, end);
          break;
        case FrameType.ping:
          this.ping(flags, streamId, bytes, start, end);
          break;
        case FrameType.goAway:
          this.goAway(streamId, end - start);
          break;
        case FrameType.priority:
          this.priority(streamId, end - start);
          break;
        case FrameType.pushPromise:
          this.fail(ErrorCode.protocolError, 'clients do not push');
          break;
        default:
          this.idleFrame();
      }
    }
  }

  oversizedFrame(): void {
    this.fail(ErrorCode.frameSizeError, 'a frame is too large');
  }

  private data(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0 || streamId > this.lastStreamId) {
      this.fail(ErrorCode.protocolError, 'DATA for no stream');
      return;
    }
    let from = start;
    let to = end;
    if (flags & Flag.padded) {
      from = start + 1;
      to = end - (from <= end ? bytes[start]! : 0);
      if (start === end || to < from) {
        this.fail(ErrorCode.protocolError, 'padding is longer than its frame');
        return;
      }
    }
    this.receiveWindow -= end - start;
    if (this.receiveWindow < 0) {
      this.fail(ErrorCode.flowControlError, "more DATA than the connection's window allows");
      return;
    }
    const last = (flags & Flag.endStream) !== 0;
    if (from === to && !last) this.idleFrame();
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.inputEnded) {
      this.lateFrame(streamId);
      return;
    }
    const fault = stream.receive(bytes, from, to, end - start, last);
    if (fault !== ErrorCode.noError) this.failStream(stream, fault);
  }

  private headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    // Clients' streams are odd.
    if ((streamId & 1) === 0) {
      this.fail(ErrorCode.protocolError, 'HEADERS for a stream that no client opens');
      return;
    }
    let from = start;
    let to = end;
    if (flags & (Flag.padded | Flag.priority)) {
      if (flags & Flag.padded) {
        to -= start < end ? bytes[start]! : 0;
        from++;
      }
      if (flags & Flag.priority) from += 5;
      if (to < from) {
        this.fail(ErrorCode.protocolError, 'HEADERS are shorter than they say');
        return;
      }
    }
    const last = (flags & Flag.endStream) !== 0;
    if (flags & Flag.endHeaders) this.block(streamId, last, bytes, from, to);
    else if (!this.assembly.open(streamId, last, bytes, from, to)) this.tooLongBlock();
  }

  private continuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const { assembly } = this;
    if (!assembly.isOpen) {
      this.fail(ErrorCode.protocolError, 'CONTINUATION without HEADERS');
    } else if (!assembly.add(bytes, start, end)) {
      this.tooLongBlock();
    } else if (flags & Flag.endHeaders) {
      const block = assembly.close();
      this.block(streamId, assembly.endStream, block, 0, block.length);
    }
  }

  private tooLongBlock(): void {
    this.fail(ErrorCode.enhanceYourCalm, 'a header block is too long');
  }

  /** A whole header block: a request, or the trailers of one. */
  private block(streamId: number, last: boolean, bytes: Buffer, start: number, end: number): void {
    if (streamId <= this.lastStreamId) {
      this.trailers(streamId, last, bytes, start, end);
      return;
    }
    const head = this.heads.requestHead(bytes, start, end);
    if (head === undefined) {
      this.fail(ErrorCode.compressionError, 'a header block can not be decoded');
      return;
    }
    this.lastStreamId = streamId;
    // After our last word the client knows that these are not served.
    if (streamId > this.lastServedId) return;
    this.requests++;
    const { metrics } = this.context;
    if (head.fault === malformed || (last && head.contentLength > 0)) {
      metrics.protocolErrors++;
      this.reset(streamId, ErrorCode.protocolError);
    } else if (this.streams.size >= this.context.concurrentStreams) {
      metrics.refusedRequests++;
      this.reset(streamId, ErrorCode.refusedStream);
    } else {
      this.openStream(streamId, head, last);
    }
  }

  private openStream(streamId: number, head: RequestHead, last: boolean): void {
    this.context.metrics.requests++;
    const method = head.grpcMethod;
    if (method !== undefined && head.fault === 0 && GrpcRefusal.reason(head) === undefined) {
      const call = new GrpcServerCall(this, streamId, head, method);
      this.streams.add(call);
      call.start();
      if (last && !call.finished) call.receiveTrailers();
      return;
    }
    const stream =
      head.isGrpc && head.fault === 0
        ? new GrpcRefusal(this, streamId, head)
        : new Http2Exchange(this, streamId, head);
    this.streams.add(stream);
    stream.inputEnded = last;
    stream.dispatch();
  }

  private trailers(streamId: number, last: boolean, bytes: Buffer, start: number, end: number): void {
    const fields = this.heads.trailers(bytes, start, end);
    if (fields === undefined) {
      this.fail(ErrorCode.compressionError, 'trailers can not be decoded');
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.resets.has(streamId)) this.lateFrame(streamId);
      else this.fail(ErrorCode.streamClosed, 'HEADERS for a finished stream');
    } else if (stream.inputEnded) {
      this.failStream(stream, ErrorCode.streamClosed);
    } else if (!last || fields === 'malformed') {
      this.failStream(stream, ErrorCode.protocolError);
    } else {
      const fault = stream.receiveTrailers();
      if (fault !== ErrorCode.noError) this.failStream(stream, fault);
    }
  }

  private windowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) {
      this.fail(ErrorCode.frameSizeError, 'WINDOW_UPDATE has 4 bytes');
      return;
    }
    this.idleFrame();
    const increment = readUint32(bytes, start) & 0x7fff_ffff;
    if (streamId === 0) {
      if (increment === 0) this.fail(ErrorCode.protocolError, 'a window is opened by nothing');
      else if (!this.output.addWindow(increment))
        this.fail(ErrorCode.flowControlError, 'the window is too large');
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.lastStreamId) this.fail(ErrorCode.protocolError, 'WINDOW_UPDATE for no stream');
    } else if (increment === 0) {
      this.failStream(stream, ErrorCode.protocolError);
    } else if (!this.output.addStreamWindow(stream, increment)) {
      this.failStream(stream, ErrorCode.flowControlError);
    }
  }

  private rstStream(streamId: number, length: number): void {
    if (length !== 4) {
      this.fail(ErrorCode.frameSizeError, 'RST_STREAM has 4 bytes');
    } else if (streamId === 0 || streamId > this.lastStreamId) {
      this.fail(ErrorCode.protocolError, 'RST_STREAM for no stream');
    } else {
      const stream = this.streams.get(streamId);
      if (stream === undefined) {
        this.idleFrame();
      } else if (this.guard.reset()) {
        stream.abort();
      } else {
        this.fail(ErrorCode.enhanceYourCalm, 'too many streams were reset');
      }
    }
  }

  private settings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      this.fail(ErrorCode.protocolError, 'SETTINGS are for the connection');
    } else if (flags & Flag.ack) {
      if (end !== start) this.fail(ErrorCode.frameSizeError, 'an acknowledgement has no settings');
      else if (!this.settingsReceived) this.fail(ErrorCode.protocolError, 'SETTINGS must come first');
      this.settingsAcknowledged = true;
      this.idleFrame();
    } else {
      const settings = readPeerSettings(bytes, start, end);
      if (typeof settings === 'number') {
        this.fail(settings, 'SETTINGS are not valid');
        return;
      }
      if (this.settingsReceived) this.idleFrame();
      this.settingsReceived = true;
      const { output } = this;
      if (settings.headerTableSize !== undefined) output.encoder.setTableLimit(settings.headerTableSize);
      if (settings.initialWindowSize !== undefined && !this.setInitialWindow(settings.initialWindowSize)) {
        this.fail(ErrorCode.flowControlError, 'a window is too large');
        return;
      }
      if (this.receiving) output.settingsAck();
    }
  }

  /** All streams' windows change with it, and may become negative (6.9.2). */
  private setInitialWindow(bytes: number): boolean {
    const change = bytes - this.output.initialStreamWindow;
    this.output.initialStreamWindow = bytes;
    if (change === 0 || this.streams.size === 0) return true;
    return this.streams.all().every((stream) => this.output.addStreamWindow(stream, change));
  }

  private ping(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      this.fail(ErrorCode.protocolError, 'PING is for the connection');
    } else if (end - start !== 8) {
      this.fail(ErrorCode.frameSizeError, 'PING has 8 bytes');
    } else if (flags & Flag.ack) {
      this.idleFrame();
      if (this.draining === 'asked' && bytes.compare(drainPing, 0, 8, start, end) === 0)
        this.tellLastStream();
    } else {
      const { output } = this;
      const afterOutput = output.sentSincePing;
      output.sentSincePing = false;
      output.ping(Flag.ack, bytes, start);
      this.idleFrame();
      if (!this.receiving) return;
      const nowMs = this.context.clock.monotonicMs();
      if (!this.keepalive.pinged(nowMs, this.streams.size > 0, afterOutput)) {
        this.fail(ErrorCode.enhanceYourCalm, 'too_many_pings');
      }
    }
  }

  private goAway(streamId: number, length: number): void {
    if (streamId !== 0) this.fail(ErrorCode.protocolError, 'GOAWAY is for the connection');
    else if (length < 8) this.fail(ErrorCode.frameSizeError, 'GOAWAY has 8 bytes at least');
    else this.clientLeaves = true;
  }

  private priority(streamId: number, length: number): void {
    if (streamId === 0) this.fail(ErrorCode.protocolError, 'PRIORITY is for a stream');
    else if (length !== 5) this.failStreamId(streamId, ErrorCode.frameSizeError);
    else this.idleFrame();
  }

  /** A frame for a stream that is over. If we ended it, the client could not know yet. */
  private lateFrame(streamId: number): void {
    this.idleFrame();
    if (this.receiving && !this.resets.has(streamId)) this.failStreamId(streamId, ErrorCode.streamClosed);
  }

  private idleFrame(): void {
    if (!this.guard.idleFrame(this.requests + this.output.dataFrames)) {
      this.fail(ErrorCode.enhanceYourCalm, 'too many frames without effect');
    }
  }

  // --- What streams ask for.

  remove(stream: Http2Stream, answered: boolean): void {
    this.streams.delete(stream.id);
    if (answered) this.guard.answered();
  }

  reset(streamId: number, code: ErrorCode): void {
    this.resets.add(streamId);
    this.output.reset(streamId, code);
  }

  postpone(stream: Http2Stream): void {
    this.postponed.push(stream);
  }

  private failStream(stream: Http2Stream, code: ErrorCode): void {
    this.context.metrics.protocolErrors++;
    stream.resetBy(code);
  }

  private failStreamId(streamId: number, code: ErrorCode): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      this.failStream(stream, code);
    } else {
      this.context.metrics.protocolErrors++;
      this.reset(streamId, code);
    }
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
  private fail(code: ErrorCode, why: string): void {
    if (!this.receiving) return;
    const { context, socket } = this;
    context.metrics.protocolErrors++;
    context.log.debug('an HTTP/2 connection is closed', {
      remoteAddress: socket.remoteAddress,
      code,
      reason: why,
    });
    this.output.goAway(this.lastStreamId, code, why);
    this.end();
  }

  private end(): void {
    if (this.ending) return;
    this.ending = true;
    this.receiving = false;
    this.sinceMs = this.context.nowMs;
    this.leave();
    this.socket.end();
  }

  private leave(): void {
    this.reader.clear();
    this.assembly.close();
    this.postponed.length = 0;
    for (const stream of this.streams.all()) stream.abort();
  }

  private endIfDone(): void {
    if (this.streams.size > 0 || this.ending) return;
    if (this.draining === 'told' || this.clientLeaves) this.end();
  }

  /** A client that has ended its side can open no window and cancel nothing: it is taken for gone. */
  ended(): void {
    this.end();
  }

  closed(): void {
    this.ending = true;
    this.receiving = false;
    this.leave();
  }

  drain(): void {
    if (this.draining !== 'no' || this.ending) return;
    this.draining = 'asked';
    this.sinceMs = this.context.nowMs;
    this.output.goAway(streamIdMax, ErrorCode.noError, '');
    this.output.ping(0, drainPing, 0);
    for (const stream of this.streams.all()) stream.drain();
  }

  /** The client has seen that it should go: what it sends from now on is not served. */
  private tellLastStream(): void {
    this.draining = 'told';
    this.lastServedId = this.lastStreamId;
    this.output.goAway(this.lastStreamId, ErrorCode.noError, '');
    this.endIfDone();
  }

  // --- Deadlines.

  sweep(nowMs: number): void {
    const { limits, metrics } = this.context;
    this.guard.sweep();
    if (this.socket.isStalled(nowMs)) {
      metrics.timeouts++;
      this.socket.destroy();
    } else if (this.ending) {
      if (this.socket.pendingBytes > 0) this.sinceMs = nowMs;
      else if (nowMs - this.sinceMs >= limits.lingerMs) this.socket.destroy();
    } else if (this.draining === 'asked' && nowMs - this.sinceMs >= limits.lingerMs) {
      this.tellLastStream();
    } else if (!this.settingsAcknowledged && nowMs - this.sinceMs >= limits.headTimeoutMs) {
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
    if (this.streams.size > 0) for (const stream of this.streams.all()) stream.sweep(nowMs);
    const due = this.keepalive.sweep(nowMs);
    if (due === 'ping') {
      this.output.ping(0, alivePing, 0);
    } else if (due === 'dead') {
      this.context.metrics.timeouts++;
      this.socket.destroy();
    }
  }
}
