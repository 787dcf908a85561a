/**
 * Tells an HTTP/2 client, in its own language, that only HTTP/1.1 is served: an empty SETTINGS frame, which must come first, and
 * GOAWAY with error HTTP_1_1_REQUIRED (RFC 9113, 3.4, 6.8, 7).
 *
 *   length:24  type:8  flags:8  stream:32 | last-stream:32  error:32  debug text
 */
import type { Protocol } from './protocol.ts';
import type { SocketConnection } from './socket-connection.ts';

const debugText = 'HTTP/2 is not served on this port; use HTTP/1.1';
const answer = Buffer.concat([
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 8 + debugText.length, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13]),
  Buffer.from(debugText, 'latin1'),
]);

export class Http2Refusal implements Protocol {
  private readonly connection: SocketConnection;
  private readonly sinceMs: number;

  constructor(connection: SocketConnection) {
    this.connection = connection;
    this.sinceMs = connection.context.nowMs;
    connection.context.metrics.refusedRequests++;
    connection.queueBytes(answer);
    connection.end();
  }

  /** Whatever follows is dropped, so that no reset overtakes the refusal. */
  receive(): void {}

  ended(): void {}
  turn(): void {}
  writable(): void {}
  closed(): void {}

  sweep(nowMs: number): void {
    if (nowMs - this.sinceMs >= this.connection.context.limits.lingerMs) this.connection.destroy();
  }

  drain(): void {}
}
