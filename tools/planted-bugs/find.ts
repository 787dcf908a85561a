/**
 * Looks for whatever bug this process was started with: runs seeds until one fails.
 *
 *   find.ts FINDER FIRST-SEED SEEDS SECONDS     prints `seed N` as each begins, and at the end a line of JSON, a Finding
 */
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { CheckFailure } from '../../src/sim/observation.ts';
import { runSimulation } from '../../src/sim/simulation.ts';
import { RandomCluster } from '../../test/raft/random-cluster.ts';
import { RandomServerCluster } from '../../test/server/random-server-cluster.ts';
import type { PlantedBug } from './table.ts';

export interface Finding {
  /** Seeds that ran, with the one that failed. */
  readonly seeds: number;
  /** Of computing time. */
  readonly seconds: number;
  /** Undefined when all were clean. */
  readonly found: { readonly seed: number; readonly by: string; readonly message: string } | undefined;
}

const finders: Readonly<Record<PlantedBug['finder'], (seed: number) => Promise<void> | void>> = {
  server: async (seed) => {
    const { failure } = await runSimulation(seed, { checkers: [new RunCheckers()] });
    if (failure !== undefined) throw failure;
  },
  'small-server': (seed) => new RandomServerCluster(seed).run(400),
  raft: (seed) =>
    new RandomCluster({
      seed,
      steps: 6_000,
      voters: 3 + (seed % 3),
      members: 6,
      confChanges: seed % 4 !== 0,
      preVote: seed % 2 === 0,
      checkQuorum: seed % 3 !== 0,
      electionTicks: 3,
    }).run(),
};

const [finder, first, count, secondsMax] = process.argv.slice(2);
const run = finders[finder as PlantedBug['finder']];
let seeds = 0;
let found: Finding['found'];
while (found === undefined && seeds < Number(count) && secondsPassed() < Number(secondsMax)) {
  const seed = Number(first) + seeds++;
  console.log(`seed ${seed}`);
  try {
    await run(seed);
  } catch (error) {
    const { name, message } = error as Error;
    const by = error instanceof CheckFailure ? error.checker : name;
    found = { seed, by, message: message.replace(`${by}: `, '').split('\n')[0] ?? '' };
  }
}
console.log(JSON.stringify({ seeds, seconds: secondsPassed(), found } satisfies Finding));
// Members of a failed run may still have timers and promises.
process.exit(0);

/** Of computing: the machine may have other things to do. */
function secondsPassed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
