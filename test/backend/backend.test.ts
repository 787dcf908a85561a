/** Both implementations of the backend against a naive one: any writes, reads, commits, views, restarts, in any order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWriteBehind } from '../../src/backend/write-behind.ts';
import type { Backend, BackendView, WritesApart } from '../../src/ports/backend.ts';
import type { ScanRange } from '../../src/ports/durable-tables.ts';
import { createSeededRandom } from '../../src/sim/seeded-random.ts';
import { fc } from '../support/fast-check.ts';
import { NaiveTables, text } from './support/naive-tables.ts';
import { implementations } from './support/tables-under-test.ts';
import { nextTurn, TurnClock } from './support/turn-clock.ts';

type Step =
  | { readonly kind: 'put'; readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'remove'; readonly table: string; readonly key: Uint8Array }
  | { readonly kind: 'get'; readonly table: string; readonly key: Uint8Array }
  | { readonly kind: 'scan'; readonly table: string; readonly range: ScanRange; readonly limit: number }
  | {
      readonly kind:
        | 'commit'
        | 'begin-commit'
        | 'turn'
        | 'view'
        | 'release'
        | 'reopen'
        | 'defragment'
        | 'time'
        | 'apart'
        | 'join'
        | 'give-up';
    };

const short = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
/** Keys whose segments are the same but for the last byte, of every length around the limits. */
const long = fc
  .tuple(
    fc.constantFrom(1899, 1900, 1901, 3799, 3800, 3801, 5700),
    fc.integer({ min: 0, max: 2 }),
    fc.uint8Array({ maxLength: 2, max: 2 }),
  )
  .map(([length, first, tail]) => Buffer.concat([Buffer.alloc(length, 1).fill(first, 0, 1), tail]));
const key = fc.oneof({ arbitrary: short, weight: 4 }, { arbitrary: long, weight: 2 });
const table = fc.constantFrom('a', 'b');
const value = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 4 }), weight: 9 },
  { arbitrary: fc.constantFrom(3000, 70_000).map((length) => new Uint8Array(length).fill(7)), weight: 1 },
);
const bound = fc.oneof(
  { arbitrary: key, weight: 9 },
  { arbitrary: fc.constant(new Uint8Array()), weight: 1 },
);
const range = fc.record({
  start: fc.option(bound, { nil: undefined }),
  end: fc.option(bound, { nil: undefined }),
  reverse: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('put' as const), table, key, value }), weight: 12 },
  { arbitrary: fc.record({ kind: fc.constant('remove' as const), table, key }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant('get' as const), table, key }), weight: 3 },
  {
    arbitrary: fc.record({
      kind: fc.constant('scan' as const),
      table,
      range,
      limit: fc.constantFrom(1, 3, 1000),
    }),
    weight: 8,
  },
  {
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'commit',
        'begin-commit',
        'turn',
        'view',
        'release',
        'reopen',
        'defragment',
        'time',
        'apart',
        'join',
        'give-up',
      ),
    }),
    weight: 6,
  },
);

function compareReads(
  actual: Pick<BackendView, 'table'>,
  expected: NaiveTables,
  table: string,
  range: ScanRange,
  limit: number,
): void {
  const rows: [string, string][] = [];
  const wanted = expected.rows(table, range);
  actual.table(table).scan(range, (key, value) => {
    rows.push([text(key), text(value)]);
    return rows.length < limit;
  });
  assert.deepEqual(rows, wanted.slice(0, limit));
  assert.equal(actual.table(table).count(range), wanted.length);
}

function compareAll(actual: Pick<BackendView, 'table'>, expected: NaiveTables): void {
  for (const name of ['a', 'b']) {
    compareReads(actual, expected, name, {}, Number.POSITIVE_INFINITY);
    compareReads(actual, expected, name, { reverse: true }, Number.POSITIVE_INFINITY);
  }
}

for (const implementation of implementations) {
  test(`${implementation.name}: reads see what a naive map would hold`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const open = implementation.fresh(t);
        const clock = new TurnClock();
        const random = createSeededRandom(steps.length);
        const start = async (): Promise<Backend> =>
          createWriteBehind({ tables: await open(), clock, random, policy: { operationsMax: 10 } });
        let backend = await start();
        const naive = new NaiveTables();
        /** Writes of table b that stand apart, and all content with them. */
        let beside: { readonly writes: WritesApart; naive: NaiveTables } | undefined;
        let views: { readonly view: BackendView; readonly naive: NaiveTables }[] = [];
        const defragmenting: Promise<void>[] = [];
        for (const step of steps) {
          switch (step.kind) {
            case 'put':
            case 'remove': {
              const isBeside = beside !== undefined && step.table === 'b';
              const written = (isBeside ? beside!.writes : backend).table(step.table);
              const expected = isBeside ? beside!.naive : naive;
              if (step.kind === 'put') {
                written.put(step.key, step.value);
                expected.put(step.table, step.key, step.value);
              } else {
                written.remove(step.key);
                expected.remove(step.table, step.key);
              }
              break;
            }
            case 'apart':
              beside ??= { writes: backend.apart(), naive: naive.copy() };
              break;
            case 'join':
              beside?.writes.join();
              if (beside !== undefined) naive.take('b', beside.naive);
              beside = undefined;
              break;
            case 'give-up':
              beside = undefined;
              break;
            case 'get': {
              const found = backend.table(step.table).get(step.key);
              assert.equal(found === undefined ? undefined : text(found), naive.get(step.table, step.key));
              break;
            }
            case 'scan':
              compareReads(backend, naive, step.table, step.range, step.limit);
              if (beside !== undefined && step.table === 'b') {
                compareReads(beside.writes, beside.naive, 'b', step.range, step.limit);
                if (step.limit > 1) beside.writes.arrange();
              }
              for (const held of views)
                compareReads(held.view, held.naive, step.table, step.range, step.limit);
              break;
            case 'commit':
              await backend.commit();
              break;
            case 'begin-commit':
              void backend.commit();
              break;
            case 'turn':
              await nextTurn();
              break;
            case 'time':
              clock.advance(100);
              break;
            case 'view':
              views.push({ view: backend.viewNow(), naive: naive.copy() });
              break;
            case 'release':
              views.shift()?.view.release();
              break;
            case 'defragment':
              defragmenting.push(backend.defragment());
              break;
            case 'reopen':
              for (const { view } of views) view.release();
              views = [];
              beside = undefined;
              await backend.close();
              backend = await start();
              break;
          }
        }
        await Promise.all(defragmenting);
        compareAll(backend, naive);
        for (const held of views) {
          compareAll(held.view, held.naive);
          assert.deepEqual(
            held.view.tables().filter((name) => held.view.table(name).count({}) > 0),
            Object.keys(held.naive.content()),
          );
          held.view.release();
        }
        await backend.close();
        backend = await start();
        compareAll(backend, naive);
        await backend.close();
      }),
      { numRuns: process.env['QUORATE_FULL'] === '1' ? 1000 : implementation.name === 'lmdb' ? 40 : 200 },
    );
  });
}
