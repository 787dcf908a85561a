/** What both halves of the server, v2 and v3, need to bring a request through the log or to read what is certainly the newest. */
import type { Clock } from '../ports/clock.ts';
import type { ServerError } from './contract.ts';
import type { RequestIds } from './proposals.ts';

export interface RequestsInLog {
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly isLeader: () => boolean;
  readonly isStopped: () => boolean;
  /** Queues an entry for the log; false when the queue is full. */
  readonly replicate: (data: Uint8Array, startedMs: number) => boolean;
  /** Puts entries into the log if this member leads; else they are forgotten. */
  readonly replicateLeading: (entries: readonly Uint8Array[]) => void;
  readonly awaitReadIndex: (done: (error: ServerError | undefined) => void) => void;
}
