/** What a fault is, and what faults of every kind need. */

import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { ChaosCluster, ChaosMember } from '../chaos-cluster.ts';

/** What was done, for the figures at the end. Each has to be found in a long run. */
export const faultKinds = [
  'kills',
  'pauses',
  'partitions',
  'one-way partitions',
  'resets',
  'slow links',
  'late appends',
  'late answers',
  'full disks',
  'slow disks',
  'clock changes',
  'members replaced',
] as const;

export type FaultKind = (typeof faultKinds)[number];

export interface FaultContext {
  readonly cluster: ChaosCluster;
  readonly random: SeededRandom;
  count(kind: FaultKind, times?: number): void;
  say(what: string): void;
}

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** May it run beside another one? */
  readonly isAlone?: boolean;
  run(context: FaultContext): Promise<void>;
}

/** Milliseconds in [from, to). */
export function between(random: SeededRandom, from: number, to: number): number {
  return from + random.below(to - from);
}

export const isRunning = (member: ChaosMember): boolean => member.process.isRunning;

/** Holds a free member while `use` runs; nothing if all are held. */
export async function withMember(
  { cluster }: FaultContext,
  wanted: (member: ChaosMember) => boolean,
  use: (member: ChaosMember) => Promise<void>,
): Promise<void> {
  const member = await cluster.victim(cluster.free().filter(wanted));
  // It may have ended itself while the leader was asked for.
  if (member === undefined || member.isTaken || !wanted(member)) return;
  member.isTaken = true;
  try {
    await use(member);
  } finally {
    member.isTaken = false;
  }
}
