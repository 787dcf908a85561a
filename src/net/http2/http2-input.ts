/**
 * The frames of one connection, each checked by the rules of its type (RFC 9113, 6) and carried out.
 *
 * A frame that breaks the rules ends its stream or, where the connection's common state can't be trusted any more, the connection.
 */
import { FloodGuard } from './flood-guard.ts';
import { ErrorCode, Flag, FrameType, readUint32, streamIdMax } from './frame.ts';
import type { FrameSink } from './frame-reader.ts';
import { HeaderAssembly } from './header-assembly.ts';
import type { Http2Stream, StreamOwner } from './http2-stream.ts';
import { readPeerSettings } from './peer-settings.ts';
import { ResetMemory } from './reset-memory.ts';
import { StreamOpener } from './stream-opener.ts';
import { StreamTable } from './stream-table.ts';

/** So much of a SETTINGS frame costs as much as another frame. */
const settingsBytesPerFrame = 64;

/** What frames do to the connection as a whole. */
export interface InputOwner extends StreamOwner {
  /** The connection can't go on. */
  fail(code: ErrorCode, why: string): void;
  settingsAcknowledged(): void;
  /** A PING with the 8 bytes at `start`. */
  pinged(bytes: Buffer, start: number): void;
  pingAnswered(bytes: Buffer, start: number): void;
  /** The client will open no further streams. */
  clientLeaves(): void;
}

export class Http2Input implements FrameSink {
  /** False once the connection is ending: input is dropped. */
  receiving = true;
  readonly streams = new StreamTable<Http2Stream>();
  lastStreamId = 0;
  /** Streams above this are not served any more. */
  lastServedId = streamIdMax;
  /** DATA the client may still send on the whole connection. */
  receiveWindow: number;
  readonly guard = new FloodGuard();
  private readonly owner: InputOwner;
  private readonly opener: StreamOpener;
  private readonly assembly: HeaderAssembly;
  private readonly resets = new ResetMemory();
  private settingsReceived = false;
  private requests = 0;

  constructor(owner: InputOwner) {
    const { limits } = owner.context;
    this.owner = owner;
    this.opener = new StreamOpener(owner, this.streams);
    this.assembly = new HeaderAssembly(limits.headBytes);
    this.receiveWindow = limits.connectionWindowBytes;
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
    if (streamId === 0 || this.isIdle(streamId)) {
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
    this.lastStreamId = streamId;
    this.requests++;
    // After our last word the client knows that these are not served; but the table of headers must stay in step.
    const isServed = streamId <= this.lastServedId;
    const fault = this.opener.open(streamId, last, isServed, bytes, start, end);
    if (fault === ErrorCode.compressionError) this.fail(fault, 'a header block can not be decoded');
    else if (fault === ErrorCode.protocolError) this.failStreamId(streamId, fault);
    else if (fault !== ErrorCode.noError) this.owner.reset(streamId, fault);
  }

  private trailers(streamId: number, last: boolean, bytes: Buffer, start: number, end: number): void {
    const fields = this.opener.trailers(bytes, start, end);
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
      else if (!this.owner.output.addWindow(increment))
        this.fail(ErrorCode.flowControlError, 'the window is too large');
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) this.fail(ErrorCode.protocolError, 'WINDOW_UPDATE for no stream');
    } else if (increment === 0) {
      this.failStream(stream, ErrorCode.protocolError);
    } else if (!this.owner.output.addStreamWindow(stream, increment)) {
      this.failStream(stream, ErrorCode.flowControlError);
    }
  }

  private rstStream(streamId: number, length: number): void {
    if (length !== 4) {
      this.fail(ErrorCode.frameSizeError, 'RST_STREAM has 4 bytes');
    } else if (streamId === 0 || this.isIdle(streamId)) {
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
      else this.owner.settingsAcknowledged();
      this.idleFrame();
    } else {
      const settings = readPeerSettings(bytes, start, end);
      if (typeof settings === 'number') {
        this.fail(settings, 'SETTINGS are not valid');
        return;
      }
      if (this.settingsReceived) this.idleFrame(1 + (end - start) / settingsBytesPerFrame);
      this.settingsReceived = true;
      const { output } = this.owner;
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
    const change = bytes - this.owner.output.initialStreamWindow;
    this.owner.output.initialStreamWindow = bytes;
    if (change === 0 || this.streams.size === 0) return true;
    return this.streams.all().every((stream) => this.owner.output.addStreamWindow(stream, change));
  }

  private ping(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      this.fail(ErrorCode.protocolError, 'PING is for the connection');
    } else if (end - start !== 8) {
      this.fail(ErrorCode.frameSizeError, 'PING has 8 bytes');
    } else if (flags & Flag.ack) {
      this.idleFrame();
      if (this.receiving) this.owner.pingAnswered(bytes, start);
    } else {
      this.idleFrame();
      if (this.receiving) this.owner.pinged(bytes, start);
    }
  }

  private goAway(streamId: number, length: number): void {
    if (streamId !== 0) this.fail(ErrorCode.protocolError, 'GOAWAY is for the connection');
    else if (length < 8) this.fail(ErrorCode.frameSizeError, 'GOAWAY has 8 bytes at least');
    else this.owner.clientLeaves();
  }

  private priority(streamId: number, length: number): void {
    if (streamId === 0) this.fail(ErrorCode.protocolError, 'PRIORITY is for a stream');
    else if (length === 5) this.idleFrame();
    // A stream that is not open yet can't be reset (6.4).
    else if (this.isIdle(streamId)) this.fail(ErrorCode.frameSizeError, 'PRIORITY has 5 bytes');
    else this.failStreamId(streamId, ErrorCode.frameSizeError);
  }

  /** Was the stream never opened? Even ones are the server's, which opens none. */
  private isIdle(streamId: number): boolean {
    return streamId > this.lastStreamId || (streamId & 1) === 0;
  }

  /** A frame for a stream that is over. If we ended it, the client could not know yet. */
  private lateFrame(streamId: number): void {
    this.idleFrame();
    if (streamId > this.lastServedId) return;
    if (this.receiving && !this.resets.has(streamId)) this.failStreamId(streamId, ErrorCode.streamClosed);
  }

  private idleFrame(weight = 1): void {
    if (!this.guard.idleFrame(this.requests + this.owner.output.dataFrames, weight)) {
      this.fail(ErrorCode.enhanceYourCalm, 'too many frames without effect');
    }
  }

  private failStream(stream: Http2Stream, code: ErrorCode): void {
    if (this.mayReset()) stream.resetBy(code);
  }

  private failStreamId(streamId: number, code: ErrorCode): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.failStream(stream, code);
    else if (this.mayReset()) this.owner.reset(streamId, code);
  }

  /** Whom the client makes reset its streams, by breaking rules, works in vain as well as if it did so itself. */
  private mayReset(): boolean {
    this.owner.context.metrics.protocolErrors++;
    if (this.guard.reset()) return true;
    this.fail(ErrorCode.enhanceYourCalm, 'too many streams had to be reset');
    return false;
  }

  /** A stream is reset by us: what the client has under way on it is no fault. */
  remember(streamId: number): void {
    this.resets.add(streamId);
  }

  /** Nothing more is taken. */
  stop(): void {
    this.receiving = false;
    this.assembly.close();
  }

  private fail(code: ErrorCode, why: string): void {
    if (this.receiving) this.owner.fail(code, why);
  }
}
