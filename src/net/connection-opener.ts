/**
 * Decides what is spoken on a new connection. With TLS the client has said so (ALPN); without, an HTTP/2 client begins with
 *
 *   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
 *
 * which no HTTP/1.1 request can be. So the first bytes are compared with it and handed, unread, to the protocol they begin.
 */
import { Http1Connection } from './http1/http1-connection.ts';
import { Http2Connection } from './http2/http2-connection.ts';
import { Http2Refusal } from './http2-refusal.ts';
import type { Protocol } from './protocol.ts';
import type { SocketConnection } from './socket-connection.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export class ConnectionOpener implements Protocol {
  private readonly connection: SocketConnection;
  private readonly openedMs: number;
  /** Bytes of the preface that have arrived; all matched so far. */
  private matched = 0;

  constructor(connection: SocketConnection) {
    this.connection = connection;
    this.openedMs = connection.context.nowMs;
  }

  receive(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && this.matched < preface.length && bytes[at] === preface[this.matched]) {
      at++;
      this.matched++;
    }
    if (this.matched === preface.length) {
      this.becomeHttp2().receive(bytes, at, end);
    } else if (at < end) {
      // Who has agreed on HTTP/2 and does not speak it is no client (RFC 9113, 3.4).
      if (this.connection.agreedProtocol === 'h2') this.connection.destroy();
      else this.becomeHttp1(at - start).receive(bytes, start, end);
    }
  }

  private becomeHttp2(): Protocol {
    const { connection } = this;
    const agreed = connection.agreedProtocol;
    const isSpoken = connection.context.grpc !== undefined && (agreed === undefined || agreed === 'h2');
    return this.become(isSpoken ? new Http2Connection(connection) : new Http2Refusal(connection));
  }

  /** HTTP/1.1, given again what earlier calls took for the beginning of a preface. */
  private becomeHttp1(matchedNow: number): Protocol {
    const protocol = this.become(new Http1Connection(this.connection));
    const earlier = this.matched - matchedNow;
    if (earlier > 0) protocol.receive(preface, 0, earlier);
    return protocol;
  }

  private become(protocol: Protocol): Protocol {
    this.connection.protocol = protocol;
    return protocol;
  }

  ended(): void {
    if (this.matched > 0) this.becomeHttp1(0).ended();
    else this.connection.destroy();
  }

  turn(): void {}
  writable(): void {}
  closed(): void {}

  sweep(nowMs: number): void {
    if (nowMs - this.openedMs < this.connection.context.limits.headTimeoutMs) return;
    this.connection.context.metrics.timeouts++;
    this.connection.destroy();
  }

  drain(): void {
    this.connection.destroy();
  }
}
