/** What a client may take from the server. Every bound is per connection unless it says otherwise; times are milliseconds. */
export interface Limits {
  /** Open connections of one listener; further ones are closed unanswered. */
  readonly connections: number;
  /** Request line and headers of one request, and trailers of one chunked body, in bytes (431, or 414 within the request line). */
  readonly headBytes: number;
  /** Header lines of one request (431). */
  readonly headerCount: number;
  /** Requests taken before the first of them is answered; further bytes wait, first here, then in the client's TCP window. */
  readonly pipelinedRequests: number;
  /** Input kept while the handler is busy or paused; beyond it the socket is not read. */
  readonly waitingInputBytes: number;
  /** An unread request body up to this size is skipped to keep the connection; beyond it the connection closes. */
  readonly skippedBodyBytes: number;
  /** High-water mark of output: `HttpStream.write` turns false and no further pipelined request is started above it. */
  readonly pendingOutputBytes: number;
  /** A stream whose handler ignores back-pressure is cut off at this many waiting bytes. */
  readonly pendingOutputBytesMax: number;
  readonly tlsHandshakeTimeoutMs: number;
  /** From the first byte of a request (for the first one: from the accept) to the end of its headers (408). */
  readonly headTimeoutMs: number;
  /** Silence in the middle of a body that is being read (408). */
  readonly bodyIdleTimeoutMs: number;
  /** A connection without a request. Long, because clients that reuse one just as it is closed see an error. */
  readonly keepAliveTimeoutMs: number;
  /** Output waits and the client takes none of it. */
  readonly writeStallTimeoutMs: number;
  /** The client has ended its side and some answer is still missing. */
  readonly halfClosedTimeoutMs: number;
  /** HTTP/2: streams a client may have open at once, whatever the configuration allows. */
  readonly concurrentStreams: number;
  /** HTTP/2: the receive window of a whole connection. */
  readonly connectionWindowBytes: number;
  /** HTTP/2: what unfinished requests of one connection may hold. */
  readonly connectionInputBytes: number;
  /** HTTP/2: while more output than this waits for the client's windows, further requests wait as well. */
  readonly connectionOutputBytes: number;
  /** After our end of the connection is closed: how long to wait for the client's, so that no reset overtakes the answer. */
  readonly lingerMs: number;
}

export const defaultLimits: Limits = {
  connections: 20_000,
  headBytes: 64 * 1024,
  headerCount: 100,
  pipelinedRequests: 64,
  waitingInputBytes: 64 * 1024,
  skippedBodyBytes: 256 * 1024,
  pendingOutputBytes: 256 * 1024,
  pendingOutputBytesMax: 64 * 1024 * 1024,
  tlsHandshakeTimeoutMs: 10_000,
  headTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 60_000,
  keepAliveTimeoutMs: 600_000,
  writeStallTimeoutMs: 60_000,
  halfClosedTimeoutMs: 30_000,
  concurrentStreams: 16_384,
  connectionWindowBytes: 1024 * 1024,
  connectionInputBytes: 64 * 1024 * 1024,
  connectionOutputBytes: 4 * 1024 * 1024,
  lingerMs: 1000,
};
