import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { DateHeader } from './date-header.ts';
import type { DeadlineWheel } from './grpc/deadline-wheel.ts';
import type { GrpcMethods } from './grpc-call.ts';
import type { HttpHandler } from './http-exchange.ts';
import type { KeepaliveOptions } from './http2/keepalive.ts';
import type { Limits } from './limits.ts';
import type { ListenerMetrics } from './listener-metrics.ts';
import type { SocketConnection } from './socket-connection.ts';
import type { TurnQueue } from './turn-queue.ts';

/** What all connections of one listener share. */
export interface ListenerContext {
  readonly handler: HttpHandler;
  /** Undefined: HTTP/2 is not spoken. */
  readonly grpc: GrpcMethods | undefined;
  /** Largest gRPC message taken. */
  readonly messageBytesMax: number;
  /** Streams a client may have open at once. */
  readonly concurrentStreams: number;
  readonly keepalive: KeepaliveOptions;
  readonly deadlines: DeadlineWheel;
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Clock;
  readonly date: DateHeader;
  readonly metrics: ListenerMetrics;
  readonly turns: TurnQueue<SocketConnection>;
  readonly connections: Set<SocketConnection>;
  /** Monotonic time of the last sweep: up to a second old, which is what deadlines are checked to. */
  nowMs: number;
  /** The last connection has gone. */
  onEmpty: () => void;
}
