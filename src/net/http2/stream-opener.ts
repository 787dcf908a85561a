/** Turns header blocks into streams: decides who serves a request, and refuses what is none. */
import { GrpcRefusal } from '../grpc/grpc-refusal.ts';
import { GrpcServerCall } from '../grpc/grpc-server-call.ts';
import { ErrorCode } from './frame.ts';
import { HeadCache } from './head-cache.ts';
import type { HeaderField } from './header-field.ts';
import { Http2Exchange } from './http2-exchange.ts';
import type { Http2Stream, StreamOwner } from './http2-stream.ts';
import { malformed, type RequestHead } from './request-head.ts';
import type { StreamTable } from './stream-table.ts';

export class StreamOpener {
  private readonly owner: StreamOwner;
  private readonly streams: StreamTable<Http2Stream>;
  private readonly heads: HeadCache;

  constructor(owner: StreamOwner, streams: StreamTable<Http2Stream>) {
    const { limits } = owner.context;
    this.owner = owner;
    this.streams = streams;
    this.heads = new HeadCache(limits.headBytes, limits.headerCount);
  }

  /**
   * @param last the request has no body
   * @param isServed false: the block is decoded and forgotten
   * @returns why the stream was not opened; compressionError: the connection is lost
   */
  open(
    streamId: number,
    last: boolean,
    isServed: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): ErrorCode {
    const head = this.heads.requestHead(bytes, start, end);
    if (head === undefined) return ErrorCode.compressionError;
    if (!isServed) return ErrorCode.noError;
    if (head.fault === malformed || (last && head.contentLength > 0)) return ErrorCode.protocolError;
    const { context } = this.owner;
    if (this.streams.size >= context.concurrentStreams) {
      context.metrics.refusedRequests++;
      return ErrorCode.refusedStream;
    }
    context.metrics.requests++;
    // Asked each time: what a path leads to may change as the server starts.
    const method = head.isGrpc ? context.grpc?.get(head.target) : undefined;
    if (method !== undefined && head.fault === 0 && GrpcRefusal.reason(head) === undefined) {
      const call = new GrpcServerCall(this.owner, streamId, head, method);
      this.streams.add(call);
      call.start();
      if (last && !call.finished) call.receiveTrailers();
    } else {
      const stream = this.otherStream(streamId, head);
      this.streams.add(stream);
      stream.inputEnded = last;
      stream.dispatch();
    }
    return ErrorCode.noError;
  }

  private otherStream(streamId: number, head: RequestHead): Http2Stream {
    return head.isGrpc && head.fault === 0
      ? new GrpcRefusal(this.owner, streamId, head)
      : new Http2Exchange(this.owner, streamId, head);
  }

  /** The fields of trailers; undefined if the connection is lost, 'malformed' if only the stream is. */
  trailers(bytes: Buffer, start: number, end: number): readonly HeaderField[] | 'malformed' | undefined {
    return this.heads.trailers(bytes, start, end);
  }
}
