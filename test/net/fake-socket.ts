/** A connection without a network: bytes go in by `receive`, what the server writes is kept. Everything runs when it is told to. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { ConnectionOpener } from '../../src/net/connection-opener.ts';
import { DateHeader } from '../../src/net/date-header.ts';
import { DeadlineWheel } from '../../src/net/grpc/deadline-wheel.ts';
import type { GrpcMethods } from '../../src/net/grpc-call.ts';
import type { HttpHandler } from '../../src/net/http-exchange.ts';
import { defaultKeepalive } from '../../src/net/http2/keepalive.ts';
import { defaultLimits, type Limits } from '../../src/net/limits.ts';
import type { ListenerContext } from '../../src/net/listener-context.ts';
import { newListenerMetrics } from '../../src/net/listener-metrics.ts';
import { SocketConnection } from '../../src/net/socket-connection.ts';
import type { TurnQueue } from '../../src/net/turn-queue.ts';
import { silentLog } from '../../src/ports/log.ts';
import { HandClock } from './clocks.ts';

class FakeSocket extends EventEmitter {
  writable = true;
  destroyed = false;
  writableLength = 0;
  bytesWritten = 0;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly written: Buffer[] = [];
  /** False: the kernel takes nothing for now. */
  taking = true;

  write(bytes: Uint8Array | string, encoding?: BufferEncoding): boolean {
    const copy = typeof bytes === 'string' ? Buffer.from(bytes, encoding) : Buffer.from(bytes);
    this.written.push(copy);
    this.bytesWritten += copy.length;
    if (!this.taking) this.writableLength += copy.length;
    return this.taking;
  }
  take(): void {
    this.taking = true;
    if (this.writableLength === 0) return;
    this.writableLength = 0;
    this.emit('drain');
  }
  end(): void {
    this.writable = false;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.writable = false;
    this.emit('close');
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
}

export interface FakeConnection {
  readonly socket: FakeSocket;
  readonly connection: SocketConnection;
  readonly context: ListenerContext;
  readonly clock: HandClock;
  /** Runs what the end of a turn would. */
  settle(): void;
  /** What the server has sent since this was last called. */
  sent(): Buffer;
}

export function fakeConnection(
  handler: HttpHandler,
  grpc: GrpcMethods,
  limits: Partial<Limits> = {},
): FakeConnection {
  const clock = new HandClock();
  const turns: SocketConnection[] = [];
  const deferred: (() => void)[] = [];
  clock.defer = (callback) => void deferred.push(callback);
  const context: ListenerContext = {
    handler,
    grpc,
    messageBytesMax: 100_000,
    concurrentStreams: 50,
    keepalive: { ...defaultKeepalive, minTimeMs: 0 },
    deadlines: new DeadlineWheel(clock),
    limits: { ...defaultLimits, ...limits },
    log: silentLog,
    clock,
    date: new DateHeader(clock),
    metrics: newListenerMetrics(),
    turns: {
      add: (each: SocketConnection) => void turns.push(each),
    } as unknown as TurnQueue<SocketConnection>,
    connections: new Set(),
    nowMs: clock.monotonicMs(),
    onEmpty() {},
  };
  const socket = new FakeSocket();
  const connection = new SocketConnection(
    context,
    socket as unknown as Socket,
    false,
    undefined,
    (each) => new ConnectionOpener(each),
  );
  return {
    socket,
    connection,
    context,
    clock,
    settle() {
      while (turns.length > 0 || deferred.length > 0) {
        for (const each of turns.splice(0)) each.runTurn();
        for (const callback of deferred.splice(0)) callback();
      }
    },
    sent: () => Buffer.concat(socket.written.splice(0)),
  };
}
