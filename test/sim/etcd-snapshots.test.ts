/**
 * Whole clusters whose snapshots are etcd's: the leader makes tree, database and configuration of the entry applied last, and who gets them reads the
 * database from a file of its own, under all the faults that seeds draw.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { runSimulation } from '../../src/sim/simulation.ts';

const FULL = process.env['QUORATE_FULL'] === '1';
/** At full length some minutes; what a run costs follows the snapshots that it takes. */
const SEEDS = FULL ? 40 : 3;

test(`seeds 501 to ${500 + SEEDS} are clean with etcd's snapshots`, async (t) => {
  let installed = 0;
  for (let seed = 501; seed <= 500 + SEEDS; seed++) {
    const { outcome, failure } = await runSimulation(seed, {
      checkers: [new RunCheckers()],
      scenario: {
        etcdSnapshots: true,
        // Whoever is away for a moment needs one.
        snapshotCount: 10,
        valueBytes: 0,
        // Members keep their files for half a minute: of hasty clients that is thousands of snapshots, on disks that are memory.
        thinkMs: 100,
        ...(!FULL && { safetyMs: 40_000 }),
      },
      listener: ({ kind }) => {
        if (kind === 'snapshot-installed') installed++;
      },
    });
    assert.equal(outcome, 'ok', `seed ${seed}: ${failure?.message}`);
  }
  t.diagnostic(`${installed} snapshots installed`);
  assert.ok(installed > SEEDS);
});
