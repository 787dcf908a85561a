/**
 * One round: a fresh cluster, workloads on it, faults until the time is up; then everything is healed, the cluster has to come to rest, and
 * each workload checks what its clients saw.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from '../test/support/seeded-random.ts';
import { until } from '../test/support/until.ts';
import { ChaosCluster, type ChaosClusterOptions } from './chaos-cluster.ts';
import { type Fault, type FaultContext, faultKinds } from './faults/fault.ts';
import type { NewWorkload, Workload } from './workload.ts';

export interface RoundOptions extends Omit<ChaosClusterOptions, 'random' | 'ofLinks' | 'flags'> {
  readonly seed: number;
  /** Of the members, besides. */
  readonly flags?: readonly string[];
  readonly faultsMs: number;
  readonly snapshotCount: number;
  readonly workloads: readonly NewWorkload[];
  /** Those drawn from. */
  readonly faults: readonly Fault[];
  readonly say: (what: string) => void;
}

/** By what they count, in words: faults first, then what each workload counts. */
export type Figures = Readonly<Record<string, number>>;

export interface RoundResult {
  readonly figures: Figures;
  /** What was wrong, in sentences. */
  readonly faults: readonly string[];
  /** What to look at after a failure: files by name. */
  readonly evidence: ReadonlyMap<string, string>;
}

/** How long the cluster may take to write again after a fault; of a machine that is busy with other things, too. */
const progressBoundMs = 90_000;
/** Longer than this is told. */
const longWaitMs = 4_000;
const longestWait = 'longest wait for a write after a fault, ms';

/** Two rounds' figures as one. */
export function addFigures(some: Figures, more: Figures): Figures {
  const sum: Record<string, number> = { ...some };
  for (const [name, figure] of Object.entries(more)) {
    sum[name] = name.startsWith('longest') ? Math.max(sum[name] ?? 0, figure) : (sum[name] ?? 0) + figure;
  }
  return sum;
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  // Apart from each other, so that the faults drawn do not hang on how often clients get to ask.
  const randomOf = (what: number): SeededRandom => seededRandom(options.seed + what);
  const random = randomOf(0);
  const flags = [`--snapshot-count=${options.snapshotCount}`, ...(options.flags ?? [])];
  const cluster = await ChaosCluster.start({ ...options, random, ofLinks: randomOf(1), flags });
  const workloads = options.workloads.map((create, at) =>
    create({
      random: randomOf(2 + at),
      members: () => cluster.members,
      clocks: cluster.clocks,
      areLeasesExact:
        options.faultsMs === 0 || options.programs.every((program) => !program.name.startsWith('etcd')),
      launchStopped: () => cluster.launchStopped(),
    }),
  );
  const counts: Record<string, number> = Object.fromEntries(faultKinds.map((kind) => [kind, 0]));
  counts[longestWait] = 0;
  const begun = performance.now();
  const context: RoundContext = {
    cluster,
    random,
    workloads,
    faults: options.faults,
    count: (kind, times = 1) => {
      counts[kind]! += times;
    },
    say: (what) => options.say(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`),
    waited: (ms) => {
      counts[longestWait] = Math.max(counts[longestWait]!, Math.round(ms));
    },
  };
  const wrong: string[] = [];
  try {
    for (const workload of workloads) await workload.begin();
    try {
      await spoil(context, options.faultsMs);
    } catch (error) {
      wrong.push(String(error));
    }
    context.say('healing');
    cluster.heal();
    await rise('writes again after all faults', context);
    await Promise.all(workloads.map((workload) => workload.stop()));
    for (const workload of workloads) {
      wrong.push(...(await workload.check()));
      context.say(`checked: ${workload.name}`);
    }
  } catch (error) {
    wrong.push(textOf(error), ...workloads.flatMap((workload) => workload.faults));
  } finally {
    for (const workload of workloads) workload.end();
    await cluster.end();
  }
  const evidence = new Map(
    [...cluster.members, ...cluster.removed].map(({ name, process }) => [`${name}.log`, process.log]),
  );
  let figures: Figures = counts;
  for (const workload of workloads) {
    for (const [name, text] of workload.evidence()) evidence.set(name, text);
    figures = addFigures(figures, workload.figures());
  }
  return { figures, faults: wrong, evidence };
}

interface RoundContext extends FaultContext {
  readonly workloads: readonly Workload[];
  readonly faults: readonly Fault[];
  readonly waited: (ms: number) => void;
}

/** Draws faults, mostly one at a time, until the time is up; after each the cluster has to write again. */
async function spoil(context: RoundContext, forMs: number): Promise<void> {
  const { cluster, random, workloads, faults } = context;
  const end = performance.now() + forMs;
  while (performance.now() < end && workloads.every((workload) => workload.faults.length === 0)) {
    const first = draw(random, faults);
    const together = [first];
    const others = faults.filter((fault) => fault.isAlone !== true && fault !== first);
    if (first.isAlone !== true && others.length > 0 && random.below(3) === 0)
      together.push(draw(random, others));
    await Promise.all(together.map((fault) => fault.run(context)));
    cluster.links.heal();
    cluster.launchStopped();
    await rise(`writes after ${together.map(({ name }) => name).join(' and ')}`, context);
    await pause(random.below(1_500));
  }
}

function draw(random: SeededRandom, among: readonly Fault[]): Fault {
  let at = random.below(among.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of among) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  return among[0]!;
}

/** Waits until each workload has written something that was asked for from now on. */
async function rise(what: string, { cluster, workloads, waited, say }: RoundContext): Promise<void> {
  const from = performance.now();
  await until(
    what,
    () => {
      // A member may end itself late: its disk was full a moment ago.
      cluster.launchStopped();
      return workloads.every((workload) => workload.faults.length > 0 || workload.hasWrittenSince(from));
    },
    progressBoundMs,
  );
  const tookMs = performance.now() - from;
  waited(tookMs);
  if (tookMs > longWaitMs) say(`${what} only after ${(tookMs / 1000).toFixed(1)} s`);
}

function textOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${String(error.cause)}` : '';
  return `${String(error)}${cause}`;
}
