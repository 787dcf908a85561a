/**
 * A port that serves HTTP, with or without TLS: accepts connections, counts them, keeps their deadlines, ends them.
 *
 * One timer a second, at the turn of the wall clock's second, serves the Date header and every deadline of every connection.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { ConnectionOpener } from './connection-opener.ts';
import { DateHeader } from './date-header.ts';
import { DeadlineWheel } from './grpc/deadline-wheel.ts';
import type { GrpcMethods } from './grpc-call.ts';
import type { HttpHandler } from './http-exchange.ts';
import { defaultKeepalive, type KeepaliveOptions } from './http2/keepalive.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { ListenerContext } from './listener-context.ts';
import { type ListenerMetrics, newListenerMetrics } from './listener-metrics.ts';
import type { PeerCertificate } from './peer-certificate.ts';
import type { Protocol } from './protocol.ts';
import { acceptRaw, type RawInput } from './raw-accept.ts';
import { SocketConnection } from './socket-connection.ts';
import type { ServerTls } from './tls/server-tls.ts';
import { TlsAcceptor } from './tls/tls-acceptor.ts';
import { TurnQueue } from './turn-queue.ts';

export interface ListenOptions {
  /** Address or name to listen on, e.g. '0.0.0.0', '::', 'localhost'. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly handler: HttpHandler;
  /**
   * With it the port speaks HTTP/2 too, by ALPN or by the preface: gRPC calls go to this table, other requests to `handler`. An empty
   * table is one as well.
   */
  readonly grpc?: GrpcMethods;
  /** Largest gRPC message taken, in bytes. Default: 1.5 MiB and 512 KiB, as etcd has it. */
  readonly messageBytesMax?: number;
  /** Streams one HTTP/2 client may have open at once (etcd's --max-concurrent-streams); `limits.concurrentStreams` bounds it. */
  readonly concurrentStreams?: number;
  /** Overrides of `defaultKeepalive`. */
  readonly keepalive?: Partial<KeepaliveOptions>;
  /** Serve TLS only. Several listeners may share one. */
  readonly tls?: ServerTls;
  /** Overrides of `defaultLimits`. */
  readonly limits?: Partial<Limits>;
  readonly log: Log;
  readonly clock: Clock;
  /** False makes plain connections come by Node's documented way only; for comparison. Default true. */
  readonly rawAccept?: boolean;
}

export interface Listener {
  /** The address bound, as numbers. */
  readonly address: string;
  readonly port: number;
  readonly connectionCount: number;
  readonly metrics: Readonly<ListenerMetrics>;
  /** Stops accepting and drops every connection. */
  close(): Promise<void>;
  /**
   * Stops accepting; answers under way are finished, with `Connection: close`; idle connections, streams and long polls (exchanges with
   * an `onClose`) end now. What is left after `deadlineMs` is dropped. Resolves when no connection is left.
   */
  drain(deadlineMs: number): Promise<void>;
}

const defaultMessageBytesMax = 2 * 1024 * 1024;

/** Rejects with the system's error, e.g. code EADDRINUSE. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const limits = { ...defaultLimits, ...options.limits };
  const context: ListenerContext = {
    handler: options.handler,
    grpc: options.grpc,
    messageBytesMax: options.messageBytesMax ?? defaultMessageBytesMax,
    concurrentStreams: Math.min(
      options.concurrentStreams ?? limits.concurrentStreams,
      limits.concurrentStreams,
    ),
    keepalive: { ...defaultKeepalive, ...options.keepalive },
    deadlines: new DeadlineWheel(options.clock),
    limits,
    log: options.log,
    clock: options.clock,
    date: new DateHeader(options.clock),
    metrics: newListenerMetrics(),
    turns: new TurnQueue(),
    connections: new Set(),
    nowMs: options.clock.monotonicMs(),
    onEmpty() {},
  };
  const server = createServer({ allowHalfOpen: true });
  await bind(server, options.host, options.port);
  const listener = new HttpListener(context, server, options.tls);
  if (options.tls !== undefined) {
    server.on('connection', (socket) => listener.acceptTls(socket));
  } else if (options.rawAccept === false || !acceptRaw(server, (socket) => listener.acceptPlain(socket))) {
    server.on('connection', (socket) => readByEvents(socket, listener.acceptPlain(socket)));
  }
  return listener;
}

class HttpListener implements Listener {
  readonly address: string;
  readonly port: number;
  private readonly context: ListenerContext;
  private readonly server: Server;
  private readonly tls: ServerTls | undefined;
  private readonly acceptor: TlsAcceptor | undefined;
  private timer: Timer;
  private accepting = true;

  constructor(context: ListenerContext, server: Server, tls: ServerTls | undefined) {
    const bound = server.address() as AddressInfo;
    this.address = bound.address;
    this.port = bound.port;
    this.context = context;
    this.server = server;
    this.tls = tls;
    if (tls !== undefined) {
      this.acceptor = new TlsAcceptor(context, tls, (socket, certificate) =>
        this.openTls(socket, certificate),
      );
    }
    // After start-up the server's errors are failed accepts (no descriptors left, say): later ones may do better.
    server.on('error', (error) =>
      context.log.error('accepting a connection failed', { error: error.message }),
    );
    this.timer = this.scheduleSweep();
  }

  get connectionCount(): number {
    return this.context.connections.size;
  }
  get metrics(): Readonly<ListenerMetrics> {
    return this.context.metrics;
  }

  acceptPlain(socket: Socket): RawInput {
    const { context } = this;
    if (!this.admit(context.connections.size, socket)) return ignored;
    const connection = new SocketConnection(context, socket, false, undefined, openConnection);
    context.connections.add(connection);
    return connection;
  }

  acceptTls(socket: Socket): void {
    const acceptor = this.acceptor!;
    if (this.admit(this.context.connections.size + acceptor.handshakes, socket)) acceptor.accept(socket);
  }

  private openTls(socket: TLSSocket, certificate: PeerCertificate | undefined): void {
    const connection = new SocketConnection(this.context, socket, true, certificate, openConnection);
    this.context.connections.add(connection);
    readByEvents(socket, connection);
  }

  private admit(open: number, socket: Socket): boolean {
    const { metrics, limits } = this.context;
    metrics.accepted++;
    if (!this.accepting || open >= limits.connections) {
      metrics.refusedConnections++;
      socket.on('error', () => {});
      socket.destroy();
      return false;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    return true;
  }

  async close(): Promise<void> {
    this.stopAccepting();
    for (const connection of this.context.connections) connection.destroy();
    await this.empty();
  }

  async drain(deadlineMs: number): Promise<void> {
    this.stopAccepting();
    for (const connection of [...this.context.connections]) connection.protocol.drain();
    const deadline = this.context.clock.schedule(deadlineMs, () => {
      for (const connection of this.context.connections) connection.destroy();
    });
    await this.empty();
    deadline.cancel();
  }

  private stopAccepting(): void {
    if (!this.accepting) return;
    this.accepting = false;
    this.server.close();
    this.acceptor?.stop();
  }

  private async empty(): Promise<void> {
    if (this.context.connections.size > 0) {
      await new Promise<void>((resolve) => {
        const earlier = this.context.onEmpty;
        this.context.onEmpty = () => {
          earlier();
          resolve();
        };
      });
    }
    this.timer.cancel();
    this.context.deadlines.stop();
  }

  /** The next turn of the wall clock's second. */
  private scheduleSweep(): Timer {
    const { clock } = this.context;
    return clock.schedule(1000 - (clock.wallTimeMs() % 1000), () => {
      this.timer = this.scheduleSweep();
      this.sweep();
    });
  }

  private sweep(): void {
    const { context } = this;
    context.date.update();
    context.nowMs = context.clock.monotonicMs();
    this.tls?.sweep();
    for (const connection of context.connections) connection.protocol.sweep(context.nowMs);
  }
}

const ignored: RawInput = { receive() {} };

function openConnection(connection: SocketConnection): Protocol {
  return new ConnectionOpener(connection);
}

function readByEvents(socket: Socket, input: RawInput): void {
  socket.on('data', (bytes: Buffer) => input.receive(bytes, 0, bytes.length));
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
