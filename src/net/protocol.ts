/**
 * The seam between a socket and what is spoken on it. The opener drives a connection first and hands it to HTTP/1.1 or
 * HTTP/2, and HTTP/1.1 may hand it on to WebSocket; all of them are a `Protocol`.
 */
export interface Protocol {
  /** `bytes[start, end)` arrived; they are valid only during the call. What was queued is flushed after it. */
  receive(bytes: Buffer, start: number, end: number): void;
  /** The client has ended its side. */
  ended(): void;
  /** Called once after `SocketConnection.requestTurn`, at the end of the event loop's present callback. */
  turn(): void;
  /** All output was taken by the operating system after it had piled up. */
  writable(): void;
  /** The socket is gone; nothing is called after this. */
  closed(): void;
  /** Once a second, for deadlines. */
  sweep(nowMs: number): void;
  /** Finish what is under way, take nothing new, end. */
  drain(): void;
}
