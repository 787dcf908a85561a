/**
 * One round: a fresh cluster, clients and watchers on it, faults until the time is up; then everything is healed, the cluster has to
 * come to rest, and what was seen is checked.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { CheckResult } from '../src/linearizability/check-linearizable.ts';
import type { V2RegisterInput, V2RegisterOutput } from '../src/linearizability/v2-register.ts';
import { seededRandom } from '../test/support/seeded-random.ts';
import { until } from '../test/support/until.ts';
import { etcdIndexOf, expectStatus, nodeOf, V2Client, type V2Node } from '../test/support/v2-client.ts';
import { ChangeLog } from './change-log.ts';
import { ChangeWatcher } from './change-watcher.ts';
import { ChaosCluster, type ChaosClusterOptions } from './chaos-cluster.ts';
import { checkHistory, type Leaves } from './check-history.ts';
import { type Fault, type FaultContext, type FaultCounts, faults } from './faults.ts';
import { History, registersFolder } from './history.ts';
import { RecordedClient } from './recorded-client.ts';

export interface RoundOptions extends Omit<ChaosClusterOptions, 'random' | 'ofLinks' | 'flags'> {
  readonly seed: number;
  readonly faultsMs: number;
  readonly snapshotCount: number;
  readonly say: (what: string) => void;
}

export interface RoundFigures extends FaultCounts {
  operations: number;
  staleReads: number;
  unanswered: number;
  changes: number;
  watchMoves: number;
  /** Stretches of indexes that a watcher came too late for. */
  watchLosses: number;
  linearizationSteps: number;
}

export interface RoundResult {
  readonly figures: RoundFigures;
  readonly faults: readonly string[];
  readonly linearizability: CheckResult<V2RegisterInput, V2RegisterOutput> | undefined;
  readonly history: History;
  /** By member's name. */
  readonly logs: ReadonlyMap<string, string>;
}

const clientCount = 10;
/** Of the clients. */
const readerCount = 4;
const watcherCount = 2;
const progressBoundMs = 30_000;
const restBoundMs = 60_000;

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  // Apart from each other, so that the faults drawn do not hang on how often clients get to ask.
  const random = seededRandom(options.seed);
  const ofClients = seededRandom(options.seed + 1);
  const flags = [`--snapshot-count=${options.snapshotCount}`];
  const cluster = await ChaosCluster.start({
    ...options,
    random,
    ofLinks: seededRandom(options.seed + 2),
    flags,
  });
  const history = new History();
  const targets = (): ChaosCluster['members'] => cluster.members;
  const firstIndex = etcdIndexOf(await cluster.members[0]!.client.get('/v2/keys/?quorum=true')) + 1;
  const clients = Array.from(
    { length: clientCount },
    (_, id) => new RecordedClient(id, id < readerCount ? 'reader' : 'mixed', history, ofClients, targets),
  );
  const watchers = Array.from(
    { length: watcherCount },
    () => new ChangeWatcher(firstIndex, ofClients, targets),
  );
  const counts: FaultCounts = {
    kills: 0,
    pauses: 0,
    partitions: 0,
    slowLinks: 0,
    fullDisks: 0,
    slowDisks: 0,
    clockChanges: 0,
    replaced: 0,
  };
  const begun = performance.now();
  const say = (what: string): void =>
    options.say(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`);
  const wrong: string[] = [];
  let log = new ChangeLog([]);
  let verdict: ReturnType<typeof checkHistory> | undefined;
  try {
    const asking = Promise.all(clients.map((client) => client.run()));
    const watching = Promise.all(watchers.map((watcher) => watcher.run()));
    // Wherever it fails, it is told at the end; until then nobody waits for it.
    asking.catch(() => {});
    watching.catch(() => {});
    try {
      await spoil({ cluster, random, counts, say }, history, options.faultsMs);
    } catch (error) {
      wrong.push(String(error));
    }
    say('healing');
    cluster.heal();
    await rise('writes again after all faults', history);
    for (const client of clients) client.stop();
    await asking;
    const leaves = await comeToRest(cluster);
    say('at rest');
    const lastIndex = Math.max(0, ...[...leaves.values()].map(({ index }) => index));
    await until(
      'all watches at the last change',
      () => watchers.every((watcher) => watcher.nextIndex > lastIndex),
      restBoundMs,
    );
    for (const watcher of watchers) watcher.stop();
    await watching;
    log = new ChangeLog(watchers);
    verdict = checkHistory(history, log, leaves);
    wrong.push(...verdict.faults);
  } catch (error) {
    wrong.push(String(error), ...history.faults);
  } finally {
    for (const client of clients) client.stop();
    for (const watcher of watchers) watcher.stop();
    await cluster.end();
  }
  const logs = new Map(
    [...cluster.members, ...cluster.removed].map(({ name, process }) => [name, process.log]),
  );
  const figures: RoundFigures = {
    ...counts,
    operations: history.operations.length,
    staleReads: history.staleReads.length,
    unanswered: history.unanswered,
    changes: log.changes.length,
    watchMoves: watchers.reduce((sum, watcher) => sum + watcher.moves, 0),
    watchLosses: watchers.reduce((sum, watcher) => sum + watcher.losses.length, 0),
    linearizationSteps: verdict?.linearizability.figures.steps ?? 0,
  };
  return { figures, faults: wrong, linearizability: verdict?.linearizability, history, logs };
}

/** Draws faults, mostly one at a time, until the time is up; after each the cluster has to write again. */
async function spoil(context: FaultContext, history: History, forMs: number): Promise<void> {
  const { cluster, random, say } = context;
  const end = performance.now() + forMs;
  while (performance.now() < end && history.faults.length === 0) {
    const first = draw(random.below, faults);
    const together = [first];
    if (first.isAlone !== true && random.below(3) === 0) {
      together.push(
        draw(
          random.below,
          faults.filter((fault) => fault.isAlone !== true && fault !== first),
        ),
      );
    }
    await Promise.all(together.map((fault) => fault.run(context)));
    cluster.links.heal();
    // What a fault has left stopped (a member that ended itself, say) goes on from here.
    for (const member of cluster.members) if (!member.process.isRunning) member.process.launch();
    await rise(`writes after ${together.map(({ name }) => name).join(' and ')}`, history);
    await pause(random.below(1_500));
  }
  say(`${history.count} operations`);
}

function draw(below: (bound: number) => number, among: readonly Fault[]): Fault {
  let at = below(among.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of among) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  return among[0]!;
}

/** Waits until something asked from now on has been written. */
async function rise(what: string, history: History): Promise<void> {
  const from = performance.now();
  await until(
    what,
    () => {
      const { operations } = history;
      for (let at = operations.length - 1; at >= 0 && operations[at]!.answeredAt > from; at--) {
        if (operations[at]!.calledAt > from && operations[at]!.output?.result === 'done') return true;
      }
      return false;
    },
    progressBoundMs,
  );
}

/** All members run, answer quorum reads, and print one tree at one index; returns the registers in it. */
async function comeToRest(cluster: ChaosCluster): Promise<Leaves> {
  const trees = await until(
    'all members print one tree at one index',
    async () => {
      for (const member of cluster.members) if (!member.process.isRunning) member.process.launch();
      const answers = await Promise.all(
        cluster.members.map(async ({ clientUrl }) => {
          const client = new V2Client(clientUrl, 10_000);
          try {
            return expectStatus(await client.get('/v2/keys/?recursive=true&sorted=true&quorum=true'), 200);
          } finally {
            client.close();
          }
        }),
      );
      if (new Set(answers.map(etcdIndexOf)).size > 1) return undefined;
      return answers.map((answer) => ({
        text: answer.text.replace(/,"ttl":-?\d+/g, ''),
        node: nodeOf(answer),
      }));
    },
    restBoundMs,
  );
  const other = trees.findIndex(({ text }) => text !== trees[0]!.text);
  if (other > 0) {
    throw new Error(
      `${cluster.members[0]!.name} and ${cluster.members[other]!.name} print different trees at one index:\n` +
        `${trees[0]!.text}\n${trees[other]!.text}`,
    );
  }
  const leaves = new Map<string, { value: string; index: number }>();
  const visit = (node: V2Node): void => {
    if (node.value !== undefined && node.key!.startsWith(`${registersFolder}/`))
      leaves.set(node.key!, { value: node.value, index: node.modifiedIndex! });
    for (const child of node.nodes ?? []) visit(child);
  };
  visit(trees[0]!.node);
  return leaves;
}
