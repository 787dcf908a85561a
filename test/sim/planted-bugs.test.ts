/**
 * The simulator is worth what it finds: bugs planted into the real code (tools/planted-bugs/table.ts) are found, and the unchanged code
 * passes the same seeds. Here a few that are found at once; with QUORATE_FULL=1, as in `npm run planted`, all.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Hunt, hunt } from '../../tools/planted-bugs/hunt.ts';
import { plantedNode } from '../../tools/planted-bugs/planted-node.ts';
import { plantedBugs } from '../../tools/planted-bugs/table.ts';

const isFull = process.env['QUORATE_FULL'] === '1';
const budget = isFull ? { seeds: 3_000, seconds: 180 } : { seeds: 20, seconds: 10 };

test('every planted bug applies to the code as it is, and loads', () => {
  assert.equal(new Set(plantedBugs.map(({ name }) => name)).size, plantedBugs.length, 'names are unique');
  const { args, env } = plantedNode(undefined);
  const loadAll = fileURLToPath(new URL('../../tools/planted-bugs/load-all.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, loadAll], {
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), `${plantedBugs.length} planted bugs loaded`);
});

test('planted bugs are found, and nothing in the unchanged code on the same seeds', async (t) => {
  const hunts: Hunt[] = [];
  for (const bug of plantedBugs.filter(({ quick }) => isFull || quick === true)) {
    const found = await hunt(bug, budget);
    hunts.push(found);
    const { seeds, found: finding } = found.finding;
    t.diagnostic(`${bug.name}: ${finding === undefined ? 'nothing' : finding.by} after ${seeds} seeds`);
    assert.ok(finding !== undefined, `${bug.name} was not found by ${seeds} seeds`);
  }
  for (const finder of ['server', 'small-server', 'raft'] as const) {
    const seeds = Math.max(
      0,
      ...hunts.filter((each) => each.finder === finder).map((each) => each.finding.seeds),
    );
    if (seeds === 0) continue;
    const { finding } = await hunt(finder, { seeds, seconds: 3 * budget.seconds });
    assert.equal(finding.found, undefined, `the unchanged code fails: ${JSON.stringify(finding.found)}`);
  }
});
