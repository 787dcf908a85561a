/**
 * Microbenchmarks of the state on disk: what puts, commits, gets, scans and counts cost the main thread, how long start-up takes and how long
 * commits, copies and defragmenting hold the event loop. Run: node --import tsx bench/backend.ts [keys] [folder]
 *
 * Each figure is the best of many short rounds: the machine has other work.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWriteBehind } from '../src/backend/write-behind.ts';
import { watchEventLoop } from '../src/platform/event-loop-hold.ts';
import { openLmdbTables } from '../src/platform/lmdb-tables.ts';
import { nodeClock } from '../src/platform/node-clock.ts';
import { nodeRandom } from '../src/platform/node-random.ts';
import type { Backend, BackendTable } from '../src/ports/backend.ts';

const keys = Number(process.argv[2] ?? 200_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'quorate-bench-backend-'));
const VALUE_BYTES = 256;

const keyOf = (n: number): Buffer => Buffer.from(`key-${String((n * 7919) % keys).padStart(9, '0')}`);

function row(label: string, value: string): void {
  console.log(`${label.padEnd(64)}${value.padStart(14)}`);
}

/** Best microseconds per item. */
function best(label: string, items: number, rounds: number, work: (round: number) => void): void {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    work(round);
    least = Math.min(least, performance.now() - start);
  }
  row(label, `${((least * 1000) / items).toFixed(2)} us`);
}

async function open(): Promise<Backend> {
  return createWriteBehind({
    tables: await openLmdbTables({ folder }),
    clock: nodeClock,
    random: nodeRandom,
  });
}

async function fill(backend: Backend): Promise<void> {
  const table = backend.table('current');
  const watch = watchEventLoop();
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let n = 0; n < keys; n += 500) {
    for (let i = n; i < Math.min(keys, n + 500); i++) table.put(keyOf(i), Buffer.alloc(VALUE_BYTES, i));
    await new Promise((resolve) => setImmediate(resolve));
    if (backend.isBehind) await new Promise<void>((resolve) => backend.whenCaughtUp(resolve));
  }
  await backend.commit();
  const used = process.cpuUsage(cpu);
  row(`fill with ${keys} keys: puts/s`, ((keys * 1000) / (performance.now() - start)).toFixed(0));
  row('  CPU of all threads per put', `${((used.user + used.system) / keys).toFixed(2)} us`);
  row('  longest hold of the event loop', `${(watch.longestHoldSeconds() * 1000).toFixed(1)} ms`);
  watch.stop();
}

function reads(label: string, table: BackendTable): void {
  const wanted = Array.from({ length: 2000 }, (_, n) => keyOf(n * 31));
  best(`${label}: get`, 2000, 50, () => {
    for (const key of wanted) table.get(key);
  });
  best(`${label}: scan of 1,000 rows, per row`, 1000, 50, (round) => {
    let left = 1000;
    table.scan({ start: keyOf(round) }, () => --left > 0);
  });
  best(`${label}: scan of one row`, 500, 50, () => {
    for (let i = 0; i < 500; i++) table.scan({ start: wanted[i]! }, () => false);
  });
  best(`${label}: count, per row`, keys, 10, () => table.count({ start: Buffer.from('key') }));
}

async function main(): Promise<void> {
  let backend = await open();
  await fill(backend);
  reads('committed', backend.table('current'));

  const puts = Array.from({ length: 5000 }, (_, n) => ({
    key: keyOf(n),
    value: Buffer.alloc(VALUE_BYTES, n),
  }));
  const table = backend.table('current');
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round++) {
    await backend.commit();
    const start = performance.now();
    for (const { key, value } of puts) table.put(key, value);
    least = Math.min(least, performance.now() - start);
  }
  row('put into memory', `${((least * 1000) / puts.length).toFixed(2)} us`);
  reads('5,000 uncommitted', table);
  let commitMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    for (const { key, value } of puts) table.put(key, value);
    const start = performance.now();
    await backend.commit();
    commitMs = Math.min(commitMs, performance.now() - start);
  }
  row('commit of 5,000 puts', `${commitMs.toFixed(1)} ms`);

  const watch = watchEventLoop();
  const start = performance.now();
  await backend.defragment();
  row('defragment', `${(performance.now() - start).toFixed(0)} ms`);
  row('  longest hold of the event loop', `${(watch.longestHoldSeconds() * 1000).toFixed(1)} ms`);
  watch.stop();
  row('size in use / of the file', `${backend.sizeInUseBytes >> 20} / ${backend.sizeBytes >> 20} MiB`);
  await backend.close();

  const reopen = performance.now();
  backend = await open();
  backend.table('current').get(keyOf(1));
  row('open and first get', `${(performance.now() - reopen).toFixed(1)} ms`);
  await backend.close();
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
