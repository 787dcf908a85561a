/** What the replicator needs of the disk: implemented over the WAL and the snapshot files by `durable-log.ts`. */
import type { Entry, HardState, Snapshot } from '../raft/types.ts';

export interface LogStorage {
  /** Saves in the order of the calls; `done` comes in that order, too, once everything up to this call is durable. */
  save(batch: LogBatch, done: (error: Error | undefined) => void): void;
  /** Hands what waits without a sync to the operating system. Cheap; called on every tick. */
  flush(): void;
}

export interface LogBatch {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  /** A snapshot received from the leader, with its data. */
  readonly snapshot: Snapshot | undefined;
  /** False: only the commit index moved; it may wait for the next batch that must. */
  readonly mustSync: boolean;
}
