/**
 * Runs TLS handshakes on accepted sockets. When the files behind the options have changed, a new (never listening) TLS server
 * takes over new connections; it is given each socket by its 'connection' event, which Node documents for this use.
 */
import type { Socket } from 'node:net';
import {
  createServer,
  type TlsOptions as NodeTlsOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import type { ListenerContext } from '../listener-context.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import type { ServerTls } from './server-tls.ts';

/** Refused handshakes logged in one second; the rest are only counted. */
const loggedPerSecond = 10;

export class TlsAcceptor {
  private readonly context: ListenerContext;
  private readonly tls: ServerTls;
  private readonly secured: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void;
  private options: NodeTlsOptions | undefined;
  private server: TlsServer | undefined;
  /** Sockets in the middle of their handshake, by the client's address: the TLS server does not tell which one it has secured. */
  private readonly handshaking = new Map<string, Socket>();
  private loggedAtMs = 0;
  private logged = 0;

  /** `secured` is called for each client that is admitted; all others are cut off. */
  constructor(
    context: ListenerContext,
    tls: ServerTls,
    secured: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void,
  ) {
    this.context = context;
    this.tls = tls;
    this.secured = secured;
  }

  get handshakes(): number {
    return this.handshaking.size;
  }

  accept(socket: Socket): void {
    const client = clientKey(socket);
    this.handshaking.set(client, socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.handshaking.get(client) === socket) this.handshaking.delete(client);
    });
    this.currentServer().emit('connection', socket);
  }

  /** Cuts off the handshakes under way. */
  stop(): void {
    for (const socket of this.handshaking.values()) socket.destroy();
  }

  private currentServer(): TlsServer {
    const options = this.tls.current();
    if (this.server === undefined || options !== this.options) {
      this.options = options;
      this.server = this.newServer(options);
    }
    return this.server;
  }

  private newServer(options: NodeTlsOptions): TlsServer {
    const server = createServer({
      ...options,
      ...(this.context.grpc !== undefined && { ALPNProtocols: ['h2', 'http/1.1', 'http/1.0'] }),
      handshakeTimeout: this.context.limits.tlsHandshakeTimeoutMs,
    });
    server.on('secureConnection', (socket) => this.judge(socket));
    server.on('tlsClientError', (error, socket) => {
      this.reject(socket, error.message);
      socket.destroy();
    });
    return server;
  }

  private judge(socket: TLSSocket): void {
    socket.on('error', () => {});
    this.tls.admit(socket, (admission) => {
      if (!admission.ok) {
        this.reject(socket, admission.reason);
        socket.destroy();
      } else if (!socket.destroyed) {
        this.handshaking.delete(clientKey(socket));
        this.secured(socket, admission.certificate);
      }
    });
  }

  private reject(socket: TLSSocket, reason: string): void {
    const { context } = this;
    context.metrics.tlsHandshakeFailures++;
    if (context.nowMs !== this.loggedAtMs) {
      this.loggedAtMs = context.nowMs;
      this.logged = 0;
    }
    if (++this.logged > loggedPerSecond) return;
    context.log.warn('rejected connection', { remoteAddress: clientKey(socket), error: reason });
  }
}

function clientKey(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
