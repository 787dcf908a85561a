import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { FAULTS } from '../../src/sim/faults/fault-table.ts';
import { narrate } from '../../src/sim/narrate.ts';
import type { Observation } from '../../src/sim/observation.ts';
import type { ScenarioFault } from '../../src/sim/scenario.ts';
import { type RunResult, runSimulation } from '../../src/sim/simulation.ts';

const FULL = process.env['QUORATE_FULL'] === '1';
const FIRST_SEED = 1;
const SEEDS = FULL ? 100 : 6;
const DIGEST_SEEDS = FULL ? 10 : 2;

function run(seed: number): Promise<RunResult> {
  return runSimulation(seed, { checkers: [new RunCheckers()] });
}

/** For what is compared with itself. */
function runShort(seed: number, listener?: (observation: Observation) => void): Promise<RunResult> {
  return runSimulation(seed, {
    checkers: [new RunCheckers()],
    ...(!FULL && { scenario: { safetyMs: 30_000 } }),
    ...(listener && { listener }),
  });
}

async function digests(): Promise<string[]> {
  const found = [];
  for (let seed = 101; seed < 101 + DIGEST_SEEDS; seed++) found.push((await runShort(seed)).digest);
  return found;
}

function assertOk({ seed, outcome, failure }: RunResult): void {
  assert.equal(outcome, 'ok', `npm run sim -- --seed ${seed}: ${failure?.message}`);
}

test(`seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1} are clean`, async (t) => {
  let simulatedMs = 0;
  let operations = 0;
  const faults = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const result = await run(seed);
    assertOk(result);
    simulatedMs += result.simulatedMs;
    operations += result.counts.operations;
    for (const name of result.counts.faults.keys()) faults.add(name);
  }
  t.diagnostic(
    `${Math.round(simulatedMs / 1000)} simulated seconds, ${operations} operations, ${faults.size} kinds of faults`,
  );
  assert.ok(operations > 100 * SEEDS);
});

describe('a seed', () => {
  test('is one history, observation for observation', async () => {
    const told: string[][] = [[], []];
    const results = [];
    for (const lines of told) {
      results.push(await runShort(7, (observation) => lines.push(narrate(observation) ?? observation.kind)));
    }
    assert.deepEqual(told[0], told[1]);
    assert.ok(told[0]!.length > 1_000);
    assert.equal(results[0]!.digest, results[1]!.digest);
    assert.equal(results[0]!.events, results[1]!.events);
  });

  test(`and its digest are the same in two runs, for ${DIGEST_SEEDS} seeds`, async () => {
    const [first, second] = [await digests(), await digests()];
    assert.deepEqual(first, second);
    assert.equal(new Set(first).size, DIGEST_SEEDS, 'digests of different runs differ');
  });
});

describe('each kind of fault', () => {
  for (const { name, everyMs, lastsMs } of FAULTS) {
    test(`${name}: happens, and the cluster survives it`, async () => {
      const often: ScenarioFault = { name, everyMs: Math.min(everyMs, 4_000), lastsMs };
      const result = await runSimulation(4, {
        checkers: [new RunCheckers()],
        scenario: {
          // Removing members needs some to spare.
          founders: name.startsWith('member-re') ? 5 : 3,
          clients: 1,
          watchers: 1,
          v3Clients: 1,
          v3Watchers: 1,
          leaseKeepers: 1,
          historians: 1,
          smallWatchLog: false,
          safetyMs: FULL ? 200_000 : 25_000,
          snapshotCount: 20,
          forceNewCluster: false,
          roughStart: false,
          faults: [often],
        },
      });
      assertOk(result);
      assert.ok((result.counts.faults.get(name) ?? 0) > 0, 'it did not happen');
    });
  }
});
