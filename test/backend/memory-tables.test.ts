/** The simulated tables: what survives a crash is the state at the end of a turn, all that was durable included. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listedEntries } from '../../src/ports/durable-tables.ts';
import { createMemoryBackend } from '../../src/sim/memory-backend.ts';
import { createMemoryTables } from '../../src/sim/memory-tables.ts';
import { seededRandom, testRandom } from '../support/seeded-random.ts';
import { NaiveTables, text } from './support/naive-tables.ts';
import { nextTurn, TurnClock } from './support/turn-clock.ts';
import { applyTurn, lastTurn, TURN_TABLES } from './support/write-turns.ts';

test('a crash at any moment', async (t) => {
  const random = testRandom(t);
  let commitsLost = 0;
  for (let run = 0; run < 40; run++) {
    const seed = random.below(1_000_000);
    const dice = seededRandom(seed);
    const waiting: (() => void)[] = [];
    const tables = createMemoryTables({
      random: { next: () => dice.below(1000) / 1000 },
      schedule: (_, complete) => waiting.push(complete),
    });
    const naive = new NaiveTables();
    let replayed = 0;
    for (let life = 0; life < 4; life++) {
      const clock = new TurnClock();
      const backend = createMemoryBackend({ tables, clock, policy: { operationsMax: 20 } });
      let n = lastTurn(backend);
      while (replayed < n) applyTurn(naive, seed, ++replayed);
      for (const table of TURN_TABLES) {
        const rows: [string, string][] = [];
        backend.table(table).scan({}, (key, value) => rows.push([text(key), text(value)]) > 0);
        assert.deepEqual(rows, naive.rows(table));
      }
      let durable = n;
      for (let turns = dice.below(30); turns > 0; turns--) {
        applyTurn(
          {
            put: (table, key, value) => backend.table(table).put(key, value),
            remove: (table, key) => backend.table(table).remove(key),
          },
          seed,
          ++n,
        );
        const written = n;
        if (dice.below(5) === 0) {
          void backend.commit().then(() => {
            durable = written;
          });
        }
        await nextTurn();
        if (dice.below(2) === 0) waiting.shift()?.();
        await nextTurn();
      }
      tables.crash();
      waiting.splice(0);
      const found = lastTurn(createMemoryBackend({ tables, clock }));
      assert.ok(found >= durable, `turn ${durable} was durable, turn ${found} was found`);
      if (found < n) commitsLost++;
    }
  }
  assert.ok(commitsLost > 20);
});

test('what a crash overtakes never completes, and tables of before are dead', async () => {
  const waiting: (() => void)[] = [];
  const tables = createMemoryTables({
    random: { next: () => 0.9 },
    schedule: (_, complete) => waiting.push(complete),
  });
  const before = tables.open();
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  const entries = listedEntries([{ key: Buffer.from('x'), value: Buffer.from('y') }]);
  const batch = [{ table: 'a', entries }];
  before.write(batch).then(settled, settled);
  tables.crash();
  for (const complete of waiting.splice(0)) complete();
  before.write(batch).then(settled, settled);
  for (const complete of waiting.splice(0)) complete();
  await nextTurn();
  assert.equal(isSettled, false);
  assert.deepEqual(tables.open().names(), []);
});
