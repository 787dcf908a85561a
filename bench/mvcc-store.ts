/**
 * Microbenchmarks of the multi-version store: what puts and ranges cost on the event loop's thread and in all threads together, on LMDB behind
 * the backend's memtables. Run: node --import tsx bench/mvcc-store.ts [number of keys]
 *
 * Requests come in turns of 200, as they do under load; commits run between the turns.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createWriteBehind } from '../src/backend/write-behind.ts';
import { openLmdbTables } from '../src/platform/lmdb-tables.ts';
import { nodeClock } from '../src/platform/node-clock.ts';
import { nodeRandom } from '../src/platform/node-random.ts';
import type { Backend } from '../src/ports/backend.ts';
import { createMvccStore } from '../src/store/mvcc/create-mvcc-store.ts';
import type { MvccStore } from '../src/store/mvcc/types.ts';
import type { PutRequest, RangeRequest } from '../src/wire/v3/kv-types.ts';

const keys = Number(process.argv[2] ?? 100_000);
const TURN = 200;
const NO_BYTES = new Uint8Array(0);
const value = Buffer.alloc(256, 'v');

function keyOf(n: number): Uint8Array {
  return Buffer.from(String(n % keys).padStart(8, '0'));
}

function put(n: number): PutRequest {
  // Fresh bytes, as they come out of the log.
  const key = keyOf(n);
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

function range(key: Uint8Array, more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key,
    rangeEnd: NO_BYTES,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...more,
  };
}

/** A walk through all numbers below `keys` in an order that has nothing to do with that of the keys. */
function scattered(n: number): number {
  return (n * 7919) % keys;
}

/** Time that this thread has computed, in milliseconds: on a busy machine the clock on the wall tells nothing. */
function threadTime(): number {
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
  return Number(nanoseconds) / 1e6;
}

async function measure(label: string, operations: number, run: (n: number) => void): Promise<void> {
  const cpu = process.cpuUsage();
  let busy = 0;
  let longest = 0;
  for (let n = 0; n < operations; ) {
    const start = threadTime();
    for (let i = 0; i < TURN && n < operations; i++) run(n++);
    const took = threadTime() - start;
    busy += took;
    longest = Math.max(longest, took);
    await nextTurn();
  }
  const used = process.cpuUsage(cpu);
  const per = (milliseconds: number): string => `${((milliseconds * 1000) / operations).toFixed(2)} us`;
  const all = per((used.user + used.system) / 1000);
  console.log(
    `${label.padEnd(44)}${per(busy).padStart(11)} in the store ${all.padStart(11)} of all threads   longest turn ${longest.toFixed(1)} ms`,
  );
}

async function bench(backend: Backend): Promise<void> {
  const store: MvccStore = createMvccStore(backend, { leases: { exists: () => true } });
  store.onCountWork(() => setImmediate(() => countAll(store)));
  countAll(store);
  let index = 0;
  let events = 0;
  store.onRevision((revision) => {
    events += revision.events.length;
  });
  const apply = (request: PutRequest): void => {
    store.put(request);
    if (++index % TURN === 0) store.setApplied(index, 1);
  };
  await measure(`put, ${keys} new keys`, keys, (n) => apply(put(scattered(n))));
  await measure('put, over keys that are there', keys, (n) => apply(put(scattered(n))));
  await measure('put, always the same key', Math.min(keys, 50_000), () => apply(put(7)));
  await measure('put with prev_kv', Math.min(keys, 50_000), (n) => {
    store.put({ ...put(scattered(n)), prevKv: true });
  });
  await backend.commit();
  await measure('range of one key', Math.min(keys, 100_000), (n) => {
    store.range(range(keyOf(scattered(n))));
  });
  const thousand = (n: number, more: Partial<RangeRequest> = {}): RangeRequest => {
    const first = scattered(n * 31) % (keys - 1000);
    return range(keyOf(first), { rangeEnd: keyOf(first + 1000), ...more });
  };
  await measure('range of 1,000 rows', 400, (n) => {
    store.range(thousand(n));
  });
  await measure('range of 1,000 rows, keys only', 400, (n) => {
    store.range(thousand(n, { keysOnly: true }));
  });
  await measure('range of all keys, limit 1,000', 100, (n) => {
    store.range(thousand(n, { rangeEnd: Uint8Array.of(0), limit: 1000 }));
  });
  await measure('range of 1,000 rows, one transaction back', 400, (n) => {
    apply(put(scattered(n)));
    const revision = store.revision - 1;
    store.range(thousand(n, { revision }));
  });
  await readAll(store);
  await measure('put and a range of that key by turns', Math.min(keys, 50_000), (n) => {
    const request = put(scattered(n));
    apply(request);
    store.range(range(request.key));
  });
  const txn = (n: number): void => {
    const request = put(scattered(n));
    const compare = {
      key: request.key,
      rangeEnd: NO_BYTES,
      target: 2,
      result: 1,
      operand: { kind: 'mod', value: 0 },
    } as const;
    store.txn({ compare: [compare], success: [{ kind: 'put', request }], failure: [] });
  };
  await measure('txn: compare mod_revision, put', Math.min(keys, 50_000), txn);
  store.compact({ revision: store.revision, physical: true });
  await measure('compaction, a slice', 1, () => store.compactSlice());
  const before = threadTime();
  let slices = 1;
  let longest = 0;
  for (let more = true; more; slices++) {
    const start = threadTime();
    more = store.compactSlice();
    longest = Math.max(longest, threadTime() - start);
    await nextTurn();
  }
  console.log(
    `compaction of ${store.revision} revisions: ${(threadTime() - before).toFixed(0)} ms in ${slices} slices, longest ${longest.toFixed(1)} ms`,
  );
  await backend.commit();
  hash(store);
  const started = threadTime();
  const reopened = createMvccStore(backend, { leases: { exists: () => true } });
  console.log(
    `opening: ${(threadTime() - started).toFixed(1)} ms, ${reopened.keyCount} keys; ${events} events; file ${(backend.sizeBytes / 1e6).toFixed(0)} MB, in use ${(backend.sizeInUseBytes / 1e6).toFixed(0)} MB`,
  );
}

function countAll(store: MvccStore): void {
  if (store.countSlice()) setImmediate(() => countAll(store));
}

/** Everything in slices of a megabyte, as for an answer that is too large for one turn. */
async function readAll(store: MvccStore): Promise<void> {
  const job = store.rangeJob(range(Uint8Array.of(0), { rangeEnd: Uint8Array.of(0) }));
  if (job.kind === 'error') throw new Error(job.code);
  const before = threadTime();
  let longest = 0;
  let rows = 0;
  let bytes = 0;
  for (let done = false; !done; ) {
    const start = threadTime();
    const slice = job.run(1024 * 1024);
    longest = Math.max(longest, threadTime() - start);
    if (slice.kind === 'error') throw new Error(slice.code);
    rows += slice.kvs.length;
    for (const kv of slice.kvs) bytes += kv.length;
    done = slice.done;
    await nextTurn();
  }
  const took = threadTime() - before;
  console.log(
    `a job over ${rows} rows, ${(bytes / 1e6).toFixed(0)} MB: ${took.toFixed(0)} ms, longest slice ${longest.toFixed(1)} ms`,
  );
}

function hash(store: MvccStore): void {
  const job = store.hashKv(0);
  if (!('run' in job)) throw new Error(job.code);
  const before = threadTime();
  let longest = 0;
  for (let done = false; !done; ) {
    const start = threadTime();
    done = job.run() !== undefined;
    longest = Math.max(longest, threadTime() - start);
  }
  console.log(`HashKV: ${(threadTime() - before).toFixed(0)} ms, longest slice ${longest.toFixed(1)} ms`);
}

const folder = mkdtempSync(join(tmpdir(), 'quorate-mvcc-bench-'));
try {
  const backend = createWriteBehind({
    tables: await openLmdbTables({ folder }),
    clock: nodeClock,
    random: nodeRandom,
  });
  await bench(backend);
  await backend.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
