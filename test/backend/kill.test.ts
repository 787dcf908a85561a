/** SIGKILL at any moment: what is found afterwards is the state at the end of a turn, and at least of every commit that resolved. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { createWriteBehind } from '../../src/backend/write-behind.ts';
import { openLmdbTables } from '../../src/platform/lmdb-tables.ts';
import { nodeRandom } from '../../src/platform/node-random.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { checkout } from '../support/program.ts';
import { testRandom } from '../support/seeded-random.ts';
import { NaiveTables, text } from './support/naive-tables.ts';
import { TurnClock } from './support/turn-clock.ts';
import { applyTurn, lastTurn, TURN_TABLES } from './support/write-turns.ts';

const rounds = process.env['QUORATE_FULL'] === '1' ? 60 : 4;

/** Killed some moment after so many lines that begin with the word, at most. */
const modes = [
  { mode: 'write', word: 'durable', max: 60 },
  { mode: 'defragment', word: 'defragmented', max: 4 },
  { mode: 'stage', word: 'exchanged', max: 4 },
] as const;

for (const { mode, word, max } of modes) {
  test(`killed while it runs '${mode}'`, { timeout: 300_000 }, async (t) => {
    const random = testRandom(t);
    const seed = random.below(1_000_000);
    const folder = temporaryFolder(t);
    const naive = new NaiveTables();
    let replayed = 0;
    for (let round = 0; round < rounds; round++) {
      const durable = await runAndKill(folder, seed, mode, word, 1 + random.below(max), random.below(2000));
      const backend = createWriteBehind({
        tables: await openLmdbTables({ folder }),
        clock: new TurnClock(),
        random: nodeRandom,
      });
      const turn = lastTurn(backend);
      assert.ok(turn >= durable, `turn ${durable} was durable, turn ${turn} was found`);
      while (replayed < turn) applyTurn(naive, seed, ++replayed);
      for (const table of TURN_TABLES) {
        const rows: [string, string][] = [];
        backend.table(table).scan({}, (key, value) => {
          rows.push([text(key), text(value)]);
          return true;
        });
        assert.deepEqual(rows, naive.rows(table));
      }
      await backend.close();
    }
    t.diagnostic(`${replayed} turns`);
  });
}

/** Returns the last turn that the process said to be durable. */
async function runAndKill(
  folder: string,
  seed: number,
  mode: string,
  word: string,
  times: number,
  spinMax: number,
): Promise<number> {
  const script = join(checkout, 'test/backend/support/write-turns.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder, String(seed), mode], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let durable = 0;
  let seen = 0;
  let isKilled = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('durable ')) durable = Number(line.slice(8));
    if (line.startsWith(word) && ++seen >= times && !isKilled) {
      isKilled = true;
      // A moment of no particular length, to hit whatever it does next.
      for (let i = 0; i < spinMax; i++) await Promise.resolve();
      child.kill('SIGKILL');
    }
  }
  const [, signal] = await exited;
  assert.equal(signal, 'SIGKILL');
  return durable;
}
