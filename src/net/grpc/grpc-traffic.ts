/** Counts of the calls of one gRPC method: plain numbers on the hot path, read when metrics are asked for. */

import type { Clock } from '../../ports/clock.ts';
import type { Histogram } from '../../ports/histogram.ts';
import type { GrpcMethod, GrpcMethods, GrpcStatus } from '../grpc-call.ts';

const STATUS_COUNT = 17;

export class GrpcTraffic {
  started = 0;
  messagesReceived = 0;
  messagesSent = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Calls that have ended, by status. */
  readonly handled: number[] = Array(STATUS_COUNT).fill(0);
  /** From a call's start to its end, in seconds; undefined: not measured. */
  readonly durations: Histogram | undefined;

  constructor(durations: Histogram | undefined) {
    this.durations = durations;
  }

  /** Gives what `ended` wants to know: monotonic milliseconds, or nothing where durations are not measured. */
  begun(clock: Clock): number {
    this.started++;
    return this.durations === undefined ? 0 : clock.monotonicMs();
  }

  received(bytes: number): void {
    this.messagesReceived++;
    this.receivedBytes += bytes;
  }

  sent(bytes: number): void {
    this.messagesSent++;
    this.sentBytes += bytes;
  }

  ended(status: GrpcStatus, startMs: number, clock: Clock): void {
    this.handled[status]!++;
    this.durations?.observe((clock.monotonicMs() - startMs) / 1000);
  }
}

export type CountedMethods = ReadonlyMap<string, GrpcMethod & { readonly traffic: GrpcTraffic }>;

/** The same methods, their calls counted. `newDurations` makes the histogram of each. */
export function countCalls(methods: GrpcMethods, newDurations: () => Histogram | undefined): CountedMethods {
  return new Map(
    Array.from(methods, ([path, method]) => [path, { ...method, traffic: new GrpcTraffic(newDurations()) }]),
  );
}
