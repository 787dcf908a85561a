import type { PeerCertificate } from './peer-certificate.ts';
import type { Protocol } from './protocol.ts';
import type { SocketConnection } from './socket-connection.ts';

/**
 * One HTTP request and its answer, as handlers see it: the same shape for HTTP/1.1 and HTTP/2.
 * A handler is called once the head is parsed; it reads the body if it wants one and answers now or later with exactly
 * one of `send` or `begin`. Answers of pipelined requests go out in request order whatever the order they are given in.
 */
export interface HttpExchange {
  readonly method: string;
  /**
   * Request target up to '?', not decoded, always starting with '/'. Escapes are well-formed. Bytes beyond ASCII, which clients do send
   * for UTF-8, are one character each (latin1), here and in `query` and headers.
   */
  readonly path: string;
  /** Request target after the first '?', not decoded; '' if none. */
  readonly query: string;
  /** '1.0', '1.1' or '2'. */
  readonly httpVersion: string;
  /** 'ip:port' of the client. */
  readonly remoteAddress: string;
  /** Over TLS? And whom did the client prove to be? */
  readonly secure: boolean;
  readonly clientCertificate: PeerCertificate | undefined;
  /** The value of a header by lower-case name. Repeated ones are joined with ', '; 'first': only the first counts, as nearly always in Go. */
  header(name: string, pick?: 'first'): string | undefined;

  /**
   * Collects the whole body and calls back once, possibly before it returns. With more than `limitBytes` the exchange answers 413
   * by itself, closes the connection after, and never calls back; nor does it when the client is gone.
   */
  readBody(limitBytes: number, callback: (body: Uint8Array) => void): void;
  /** Streams the body with back-pressure; chunks are the handler's own to keep: `onChunk` returns false to pause until `resumeBody`. `onEnd(false)` = client gone before the end. */
  streamBody(onChunk: (chunk: Uint8Array) => boolean, onEnd: (complete: boolean) => void): void;
  resumeBody(): void;

  /** True once the client is gone or the answer is complete: nothing more can be written. */
  readonly closed: boolean;
  /**
   * Called once, when the client goes away before the answer is complete. For handlers that wait for something to happen (long polls,
   * streams) and for no others, because it changes two things. A client that has only ended its side of the connection (netcat
   * does) counts as gone, where other requests are still answered. And a draining server ends the exchange at once, where others
   * are waited for. In both cases a begun stream is ended well.
   */
  onClose(callback: () => void): void;

  /**
   * The whole answer. `headers` is ready-made text, each line 'Name: value\r\n' ('' for none); content-length, date and connection are
   * added. For HEAD the body is measured but not sent. `body` as a string is sent as UTF-8.
   */
  send(status: number, headers: string, body: string | Uint8Array): void;
  /** Starts a streamed answer (chunked in HTTP/1.1) and sends its head at once. */
  begin(status: number, headers: string): HttpStream;

  /**
   * Leaves HTTP, from within the handler's call only: `head` is the whole answer, and the protocol that `open` returns drives the connection from
   * then on. False, and nothing is done, behind requests that are not answered yet, with a body, in HTTP/1.0. Not there in HTTP/2.
   */
  readonly takeOver?: ((head: string, open: OpenProtocol) => boolean) | undefined;
}

/** Makes what drives a connection from now on. */
export type OpenProtocol = (connection: SocketConnection) => Protocol;

export interface HttpStream {
  /** Queues a chunk; bytes must not change afterwards. False: more than the high-water mark waits; go on after `onDrain`. */
  write(chunk: string | Uint8Array): boolean;
  /** Called after a `write` that returned false, once the queue has emptied or the client is gone (`closed` tells which). */
  onDrain(callback: () => void): void;
  /** Bytes queued and not yet taken by the operating system. */
  readonly pendingBytes: number;
  end(): void;
  /** Ends abnormally: the connection is closed so that the client sees a broken body. */
  destroy(): void;
}

export type HttpHandler = (exchange: HttpExchange) => void;
