/**
 * Everything that small clusters of the real raft core can do, within bounds; and the same with bugs planted, each of which must be
 * found. QUORATE_FULL=1 widens the bounds and plants the bugs that take longer to find.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { checkout } from '../support/program.ts';
import type { Exploration } from './explorer.ts';
import { mutations } from './mutations.mjs';

/** The slow ones belong to the full length alone. */
const full = process.env['QUORATE_FULL'] === '1';
const execute = promisify(execFile);

async function explore(options: string, mutation = ''): Promise<Exploration> {
  const hook = join(checkout, 'test/model/open-raft.mjs');
  const program = ['--max-old-space-size=6144', '--import', hook, '--import', 'tsx', 'test/model/run.ts'];
  const env = { ...process.env, QUORATE_MUTATION: mutation };
  const child = execute(
    process.execPath,
    [...program, ...options.split(' '), '--seconds', full ? '600' : '240', '--json'],
    {
      cwd: checkout,
      env,
      maxBuffer: 1 << 24,
    },
  );
  // A violation ends it with 1, and is what some tests look for.
  const { stdout } = await child.catch((error: Error & { code?: unknown; stdout?: string }) => {
    if (error.code !== 1 || !error.stdout) throw error;
    return { stdout: error.stdout };
  });
  return JSON.parse(stdout) as Exploration;
}

/** Bounds within which everything is explored, and how many worlds there are at least: fewer, and the model has lost some. */
const complete: readonly (readonly [options: string, states: number, slow: boolean])[] = [
  ['--members 1 --terms 3 --entries 2 --crashes 2', 80, false],
  ['--members 2 --terms 2 --entries 1 --crashes 1', 5_000, false],
  ['--members 3 --terms 2 --entries 0 --prompt-disk', 1_800, false],
  ['--members 2 --terms 3 --entries 2 --prompt-disk', 2_000, false],
  ['--members 2 --terms 2 --entries 0 --heartbeats 1 --reads 2', 3_000, false],
  ['--members 2 --terms 1 --entries 0 --pre-vote --crashes 1', 180, false],
  ['--members 2 --terms 1 --entries 1 --batching', 800, true],
  ['--members 2 --terms 2 --entries 2', 80_000, true],
  ['--members 2 --terms 3 --entries 3 --prompt-disk --deep-first', 10_000, true],
  ['--members 3 --terms 2 --entries 0', 35_000, true],
  ['--members 3 --terms 2 --entries 2 --prompt-disk --deep-first', 700_000, true],
  ['--members 3 --voters 1 --terms 2 --entries 0 --changes 1 --change v2,v3,r1', 2_500, true],
];

/** Bounds that hold more than fits into the time: explored to a depth. */
const deep: readonly (readonly [options: string, slow: boolean])[] = [
  ['--members 3 --terms 2 --entries 2 --crashes 1 --depth 7', false],
  ['--members 2 --terms 2 --entries 1 --batching --depth 12', false],
  ['--members 2 --terms 2 --entries 1 --pre-vote --depth 10', false],
  ['--members 3 --terms 2 --entries 2 --crashes 1 --depth 16', true],
  ['--members 3 --terms 3 --entries 1 --heartbeats 1 --depth 15', true],
  ['--members 3 --terms 2 --entries 1 --compactions 1 --crashes 1 --depth 16', true],
  ['--members 3 --terms 2 --entries 1 --reads 1 --heartbeats 1 --depth 16', true],
  ['--members 3 --terms 2 --entries 1 --transfers 1 --depth 17', true],
  ['--members 3 --terms 2 --entries 0 --check-quorum --pre-vote --depth 16', true],
  ['--members 3 --terms 4 --entries 0 --logs 1//2 --message-bytes 1 --depth 16', true],
];

/** Bounds small enough to be explored without any reduction: the members must come to the very same states, all together. */
const reduced: readonly (readonly [options: string, slow: boolean])[] = [
  ['--members 2 --terms 2 --entries 1', false],
  ['--members 2 --terms 2 --entries 1 --crashes 1 --prompt-disk', false],
  ['--members 2 --terms 1 --entries 0 --batching', false],
  ['--members 2 --terms 2 --entries 0 --heartbeats 1 --reads 2', true],
  ['--members 3 --terms 2 --entries 0 --prompt-disk', true],
];

describe('the model of the raft core', { concurrency: 2 }, () => {
  for (const [options, least, slow] of complete) {
    if (slow && !full) continue;
    it(`holds in all worlds of ${options}`, async () => {
      const { violation, complete: all, states } = await explore(options);
      assert.equal(violation, undefined, violation?.trace);
      assert.ok(all && states >= least, `${states} worlds, complete: ${all}`);
    });
  }

  for (const [options, slow] of reduced) {
    if (slow && !full) continue;
    it(`loses nothing by its reductions within ${options}`, async () => {
      const less = await explore(options);
      const more = await explore(`${options} --unreduced`);
      assert.ok(less.complete && more.complete && less.states <= more.states);
      assert.equal(less.heads, more.heads);
    });
  }

  for (const [options, slow] of deep) {
    if (slow && !full) continue;
    it(`holds in the worlds of ${options}`, async () => {
      const { violation, depth, complete: all } = await explore(options);
      assert.equal(violation, undefined, violation?.trace);
      assert.ok(all || depth === Number(/--depth (\d+)/.exec(options)![1]), `reached depth ${depth}`);
    });
  }
});

describe('bugs planted in the raft core', { concurrency: 2 }, () => {
  for (const { name, options, breaks, slow } of mutations) {
    if (slow === true && !full) continue;
    it(`finds: ${name}`, async () => {
      const { violation } = await explore(options, name);
      assert.ok(violation, `not found within ${options}`);
      assert.ok(violation.broken.startsWith(breaks), `found as ${violation.broken}`);
    });
  }
});
