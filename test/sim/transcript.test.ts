/**
 * What `npm run sim -- --seed N --verbose` tells of one short run, word for word: the story stays readable, and a change of the server's
 * behaviour or of what a seed means shows as a diff. UPDATE_TRANSCRIPTS=1 writes it anew; look at the diff.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { narrate } from '../../src/sim/narrate.ts';
import { runSimulation } from '../../src/sim/simulation.ts';

const SEED = 1;
const path = fileURLToPath(new URL('transcript.txt', import.meta.url));

test('the story of a short run', async () => {
  const lines: string[] = [];
  const { outcome, simulatedMs } = await runSimulation(SEED, {
    checkers: [new RunCheckers()],
    // All that a seed draws of the scenario is named here: a fault added to the table does not change this run.
    scenario: {
      founders: 3,
      snapshotCount: 10,
      segmentBytes: 8_192,
      zeroAheadBytes: 4_096,
      strict: true,
      preVote: true,
      diskMs: 1,
      delayMs: 5,
      turnMs: 0,
      skewMs: 0,
      clockDrift: 0,
      clients: 1,
      watchers: 1,
      v3Clients: 1,
      v3Watchers: 1,
      leaseKeepers: 0,
      historians: 0,
      smallWatchLog: false,
      valueBytes: 0,
      thinkMs: 400,
      safetyMs: 15_000,
      roughStart: false,
      forceNewCluster: false,
      faults: [
        { name: 'crash', everyMs: 6_000, lastsMs: 0 },
        { name: 'partition-isolate', everyMs: 8_000, lastsMs: 3_000 },
      ],
    },
    listener: (observation) => {
      const line = narrate(observation);
      if (line !== undefined) lines.push(line.trimEnd());
    },
  });
  assert.equal(outcome, 'ok');
  lines.push(`${outcome} after ${(simulatedMs / 1000).toFixed(1)} simulated seconds`);
  const told = `${lines.join('\n')}\n`;
  if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(path, told);
  assert.equal(told, readFileSync(path, 'utf8'));
});
