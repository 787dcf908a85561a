/**
 * What a round runs against the cluster while faults come and go: clients that write and watch, the record of what they saw, and the
 * checks on it. A workload knows one API of the servers; a round runs any number of them side by side on one cluster.
 *
 *   begin --(faults)--> stop --(healed)--> check --> end
 */

import type { SeededRandom } from '../test/support/seeded-random.ts';
import type { ClockHistory } from './clock-history.ts';

export interface Target {
  readonly name: string;
  readonly clientUrl: string;
}

export interface WorkloadContext {
  /** Of this workload alone, so that what it draws does not hang on others. */
  readonly random: SeededRandom;
  /** The members at present, whether they run or not. */
  readonly members: () => readonly Target[];
  readonly clocks: ClockHistory;
  /**
   * Whether leases end when they should. Under faults they do not where a real etcd may lead: it renews leases although another one leads by
   * now, which does not know of it.
   */
  readonly areLeasesExact: boolean;
  /** Starts members that have ended themselves (on a full disk, say). */
  readonly launchStopped: () => void;
}

export interface Workload {
  readonly name: string;
  /** Starts clients and watchers on a cluster that serves. */
  begin(): Promise<void>;
  /** What was found wrong already: a reason to end the round. */
  readonly faults: readonly string[];
  /** Has something been written that was asked for after this time (`performance.now()`)? */
  hasWrittenSince(fromMs: number): boolean;
  /** Asks nothing more; resolves when nothing is asked any more. */
  stop(): Promise<void>;
  /**
   * When every fault has ended: waits until the members agree, and checks what was seen.
   * @returns what is wrong, in sentences
   * @throws when the members do not come to agree
   */
  check(): Promise<readonly string[]>;
  /** Lets go of everything, whatever happened before. */
  end(): void;
  /** By what they count, in words. */
  figures(): Readonly<Record<string, number>>;
  /** Files to keep after a failure, by name. */
  evidence(): ReadonlyMap<string, string>;
}

export type NewWorkload = (context: WorkloadContext) => Workload;

/** Until the members agree, once every fault has ended: long enough for a machine that is busy with other things. */
export const restBoundMs = 180_000;
