/** When the backend commits, what it does when commits fail or fall behind, and how its content is exchanged. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitPolicy } from '../../src/backend/commit-policy.ts';
import { createWriteBehind } from '../../src/backend/write-behind.ts';
import type { Backend, BackendEntry, BackendView } from '../../src/ports/backend.ts';
import { DiskError } from '../../src/ports/disk.ts';
import { createMemoryTables, type MemoryTables, type TablesOperation } from '../../src/sim/memory-tables.ts';
import { createSeededRandom } from '../../src/sim/seeded-random.ts';
import { nextTurn, TurnClock } from './support/turn-clock.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

interface World {
  readonly backend: Backend;
  readonly clock: TurnClock;
  readonly tables: MemoryTables;
  /** Operations that were begun, oldest first. */
  readonly begun: TablesOperation[];
  /** Completes the oldest operation that waits. */
  complete(): Promise<void>;
  /** Errno of the operations of a kind from now on. */
  readonly faults: Map<TablesOperation['kind'], string>;
}

/** @param waits operations complete only when told to */
function world(policy: Partial<CommitPolicy> = {}, waits = false): World {
  const begun: TablesOperation[] = [];
  const waiting: (() => void)[] = [];
  const faults = new Map<TablesOperation['kind'], string>();
  const tables = createMemoryTables({
    random: { next: () => 0.9 },
    fault(operation) {
      begun.push(operation);
      return faults.get(operation.kind);
    },
    schedule(_, complete) {
      if (waits) waiting.push(complete);
      else queueMicrotask(complete);
    },
  });
  const clock = new TurnClock();
  const backend = createWriteBehind({ tables: tables.open(), clock, random: createSeededRandom(1), policy });
  return {
    backend,
    clock,
    tables,
    begun,
    faults,
    async complete() {
      waiting.shift()?.();
      await nextTurn();
      // A commit that follows begins a turn later.
      await nextTurn();
    },
  };
}

function put(backend: Backend, ...keys: readonly string[]): void {
  for (const key of keys) backend.table('a').put(bytes(key), bytes(`value of ${key}`));
}

function keysOf(reader: Pick<BackendView, 'table'>, table = 'a'): string[] {
  const keys: string[] = [];
  reader.table(table).scan({}, (key) => keys.push(Buffer.from(key).toString()) > 0);
  return keys;
}

/** What a process that starts now would find. */
function durable(tables: MemoryTables): string[] {
  const keys: string[] = [];
  tables
    .open()
    .table('a')
    .scan({}, (key) => keys.push(Buffer.from(key).toString()) > 0);
  return keys;
}

async function* inBatches(
  ...batches: readonly (readonly string[])[]
): AsyncGenerator<readonly BackendEntry[]> {
  for (const keys of batches) {
    yield keys.map((key) => ({ table: 'a', key: bytes(key), value: bytes(`staged ${key}`) }));
  }
}

test('a commit by time: the interval begins with the first write', async () => {
  const { backend, clock, begun, tables } = world({ intervalMs: 100 });
  await nextTurn();
  clock.advance(1000);
  put(backend, 'x');
  clock.advance(99);
  await nextTurn();
  assert.deepEqual(begun, []);
  clock.advance(1);
  await nextTurn();
  assert.deepEqual(begun, [{ kind: 'write', entries: 1, bytes: 11 }]);
  assert.deepEqual(durable(tables), ['x']);
  clock.advance(1000);
  await nextTurn();
  assert.equal(begun.length, 1);
});

test('a commit by number of writes, and by bytes', async () => {
  const { backend, begun } = world({ operationsMax: 3, bytesMax: 1000 });
  put(backend, 'a', 'b');
  await nextTurn();
  assert.equal(begun.length, 0);
  put(backend, 'c');
  assert.equal(begun.length, 0, 'not within the turn');
  await nextTurn();
  assert.equal(begun.length, 1);
  backend.table('a').put(bytes('d'), Buffer.alloc(1000));
  await nextTurn();
  assert.equal(begun.length, 2);
});

test('a commit takes whole turns', async () => {
  const { backend, begun } = world({ operationsMax: 2 });
  put(backend, 'a', 'b', 'c');
  const first = backend.commit();
  put(backend, 'd');
  backend.viewNow().release();
  put(backend, 'e');
  await first;
  assert.deepEqual(begun, [{ kind: 'write', entries: 5, bytes: 5 * 11 }]);
});

test('writes apart are durable all at once, when they have joined', async () => {
  const { backend, tables } = world({ operationsMax: 2 });
  put(backend, 'a', 'b');
  const apart = backend.apart();
  for (const key of ['c', 'd', 'e']) {
    apart.table('a').put(bytes(key), bytes('apart'));
    apart.table('a').remove(bytes('a'));
    put(backend, `other ${key}`);
    await backend.commit();
  }
  assert.deepEqual(durable(tables), ['a', 'b', 'other c', 'other d', 'other e']);
  assert.deepEqual(keysOf(backend), durable(tables));
  const view = backend.viewNow();
  apart.join();
  assert.deepEqual(keysOf(view), durable(tables), 'a view of the time before');
  view.release();
  assert.deepEqual(keysOf(backend), ['b', 'c', 'd', 'e', 'other c', 'other d', 'other e']);
  // As many as make a commit due.
  await nextTurn();
  await nextTurn();
  assert.deepEqual(durable(tables), keysOf(backend));
  await backend.close();
});

test('writes apart join nothing that took the place of what they stood beside', async () => {
  const { backend, tables } = world();
  put(backend, 'a');
  const apart = backend.apart();
  apart.table('a').put(bytes('b'), bytes('apart'));
  const staged = await backend.stage(inBatches(['x']));
  staged.activate();
  assert.throws(() => apart.join(), /was exchanged/);
  assert.deepEqual(keysOf(backend), ['x']);
  await backend.close();
  assert.deepEqual(durable(tables), ['x']);
});

test('what is written again before the commit is written once', async () => {
  const { backend, begun, tables } = world();
  for (let i = 0; i < 10; i++) put(backend, 'x', 'y');
  backend.table('a').remove(bytes('y'));
  await backend.commit();
  assert.deepEqual(
    begun.map(({ entries }) => entries),
    [2],
  );
  assert.deepEqual(durable(tables), ['x']);
});

test('one commit at a time, in order; the next takes what came meanwhile', async () => {
  const { backend, begun, complete, tables } = world({ operationsMax: 1 }, true);
  put(backend, 'a');
  await nextTurn();
  put(backend, 'b');
  await nextTurn();
  put(backend, 'c');
  await nextTurn();
  assert.equal(begun.length, 1);
  assert.deepEqual(backend.uncommitted, { operations: 3, bytes: 33 });
  assert.deepEqual(keysOf(backend), ['a', 'b', 'c']);
  await complete();
  assert.deepEqual(
    begun.map(({ entries }) => entries),
    [1, 2],
  );
  assert.deepEqual(durable(tables), ['a']);
  await complete();
  assert.deepEqual(durable(tables), ['a', 'b', 'c']);
  assert.deepEqual(backend.uncommitted, { operations: 0, bytes: 0 });
});

test('commit() resolves when all that was written before it is durable', async () => {
  const { backend, complete, tables } = world({}, true);
  const resolved: string[] = [];
  await backend.commit();
  put(backend, 'a');
  void backend.commit().then(() => resolved.push('a'));
  await nextTurn();
  put(backend, 'b');
  void backend.commit().then(() => resolved.push('b'));
  await nextTurn();
  await complete();
  assert.deepEqual(resolved, ['a']);
  await complete();
  assert.deepEqual(resolved, ['a', 'b']);
  assert.deepEqual(durable(tables), ['a', 'b']);
});

test('a view is exactly what reads would see at that point of the turn', async () => {
  const { backend, complete } = world({}, true);
  put(backend, 'a');
  void backend.commit();
  await nextTurn();
  put(backend, 'b');
  const during = backend.viewNow();
  put(backend, 'c');
  backend.table('a').remove(bytes('a'));
  const later = await backend.view();
  backend.table('b').put(bytes('x'), bytes('y'));
  await complete();
  assert.deepEqual(keysOf(during), ['a', 'b']);
  assert.deepEqual(during.tables(), ['a']);
  assert.deepEqual(keysOf(later), ['b', 'c']);
  assert.deepEqual(later.tables(), ['a']);
  assert.equal(later.table('a').get(bytes('a')), undefined);
  assert.equal(later.table('a').count({ end: bytes('c') }), 1);
  during.release();
  later.release();
});

test('a failed commit is final: it is told once, and nothing is written any more', async () => {
  const { backend, begun, faults, clock, tables } = world();
  const told: string[] = [];
  backend.onFailure((error) => told.push(`first ${(error as DiskError).code}`));
  backend.onFailure((error) => told.push(`second ${(error as DiskError).code}`));
  put(backend, 'a');
  await backend.commit();
  faults.set('write', 'ENOSPC');
  put(backend, 'b');
  await assert.rejects(backend.commit(), DiskError);
  assert.deepEqual(told, ['first ENOSPC', 'second ENOSPC']);
  faults.clear();
  put(backend, 'c');
  clock.advance(1000);
  await nextTurn();
  await assert.rejects(backend.commit(), /ENOSPC/);
  assert.equal(begun.length, 2);
  assert.deepEqual(keysOf(backend), ['a', 'b', 'c']);
  assert.deepEqual(durable(tables), ['a']);
  backend.onFailure(() => told.push('late'));
  assert.deepEqual(told, ['first ENOSPC', 'second ENOSPC', 'late']);
  await backend.close();
});

test('commits that fall behind are told, and that they have caught up', async () => {
  const { backend, complete } = world({ operationsMax: 2, operationsBehind: 6 }, true);
  const told: string[] = [];
  backend.whenCaughtUp(() => told.push('at once'));
  put(backend, 'a', 'b');
  await nextTurn();
  put(backend, 'c', 'd', 'e');
  assert.equal(backend.isBehind, false);
  put(backend, 'f');
  assert.equal(backend.isBehind, true);
  backend.whenCaughtUp(() => told.push('caught up'));
  assert.deepEqual(told, ['at once']);
  await complete();
  assert.equal(backend.isBehind, false);
  assert.deepEqual(told, ['at once', 'caught up']);
});

test('close commits; a closed backend is not defragmented', async () => {
  const { backend, tables } = world();
  put(backend, 'a');
  await Promise.all([backend.close(), backend.close()]);
  assert.deepEqual(durable(tables), ['a']);
  await assert.rejects(backend.defragment(), /closed/);
});

test('staged content is beside the present until it is activated; what was not committed is dropped then', async () => {
  const { backend, begun, complete, tables } = world({ operationsMax: 2 }, true);
  put(backend, 'old');
  void backend.commit();
  await nextTurn();
  await complete();
  const staging = backend.stage(inBatches(['p', 'q'], ['r'], [`long ${'x'.repeat(4000)}`]));
  for (let i = 0; i < 3; i++) {
    await nextTurn();
    await complete();
  }
  const staged = await staging;
  assert.deepEqual(
    begun.map(({ kind }) => kind),
    ['write', 'write-replacement', 'write-replacement', 'write-replacement'],
  );
  assert.equal(Buffer.from(staged.get('a', bytes('q'))!).toString(), 'staged q');
  assert.equal(staged.get('b', bytes('q')), undefined);
  const view = backend.viewNow();
  put(backend, 'in flight');
  const dropped = backend.commit();
  await nextTurn();
  put(backend, 'in memory');
  assert.deepEqual(keysOf(backend), ['in flight', 'in memory', 'old']);
  staged.activate();
  const expected = [`long ${'x'.repeat(4000)}`, 'p', 'q', 'r'];
  assert.deepEqual(keysOf(backend), expected);
  assert.deepEqual(durable(tables).length, 4);
  put(backend, 'new');
  void backend.commit();
  await nextTurn();
  // The commit of before and the new one.
  await complete();
  await dropped;
  assert.deepEqual(keysOf(backend), [expected[0], 'new', ...expected.slice(1)]);
  await complete();
  assert.ok(durable(tables).includes('new'));
  assert.ok(!durable(tables).includes('in flight'));
  assert.deepEqual(keysOf(view), ['old']);
  view.release();
});

test('staging that fails or is discarded leaves everything as it was', async () => {
  const { backend, faults, tables } = world();
  put(backend, 'old');
  async function* failing(): AsyncGenerator<readonly BackendEntry[]> {
    yield* inBatches(['p']);
    throw new Error('the stream broke');
  }
  await assert.rejects(backend.stage(failing()), /the stream broke/);
  const staged = await backend.stage(inBatches(['p']));
  staged.discard();
  faults.set('write-replacement', 'ENOSPC');
  await assert.rejects(backend.stage(inBatches(['p'])), /ENOSPC/);
  faults.clear();
  await backend.commit();
  assert.deepEqual(keysOf(backend), ['old']);
  assert.deepEqual(durable(tables), ['old']);
});

test('an activation that fails stops the backend', async () => {
  const { backend, faults } = world();
  const told: string[] = [];
  backend.onFailure((error) => told.push((error as DiskError).code));
  const staged = await backend.stage(inBatches(['p']));
  faults.set('adopt', 'EIO');
  assert.throws(() => staged.activate(), /EIO/);
  assert.deepEqual(told, ['EIO']);
});

test('defragmenting repeats on the copy what was committed meanwhile', async () => {
  const { backend, begun, complete, tables } = world({ operationsMax: 1 }, true);
  put(backend, 'a');
  await nextTurn();
  const done = backend.defragment();
  await nextTurn();
  put(backend, 'b');
  await complete(); // of 'a'
  put(backend, 'c');
  await complete(); // the copy
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await nextTurn();
    await complete();
  }
  const kinds = begun.map(({ kind }) => kind).filter((kind) => kind !== 'write');
  assert.deepEqual(kinds, ['copy', 'write-replacement', 'write-replacement', 'write-replacement', 'adopt']);
  assert.deepEqual(keysOf(backend), ['a', 'b', 'c']);
  put(backend, 'd');
  await nextTurn();
  while (backend.uncommitted.operations > 0) await complete();
  assert.deepEqual(durable(tables), ['a', 'b', 'c', 'd']);
});

test('defragmenting ends without effect when the content is exchanged under it', async () => {
  const { backend, begun, complete, tables } = world({}, true);
  put(backend, 'a');
  void backend.commit();
  await nextTurn();
  await complete();
  const staging = backend.stage(inBatches(['p']));
  await nextTurn();
  await complete();
  const staged = await staging;
  const done = backend.defragment();
  await nextTurn();
  staged.activate();
  await complete();
  await done;
  assert.deepEqual(keysOf(backend), ['p']);
  assert.deepEqual(durable(tables), ['p']);
  assert.equal(begun.filter(({ kind }) => kind === 'adopt').length, 1);
});

test('names and keys that cannot be are refused', () => {
  const { backend } = world();
  assert.throws(() => backend.table(''), /cannot be the name of a table/);
  assert.throws(() => backend.table('a~b'), /cannot be the name of a table/);
  assert.throws(() => backend.table('a').put(new Uint8Array(0), bytes('x')), /must not be empty/);
  assert.throws(() => backend.table('a').remove(new Uint8Array(0)), /must not be empty/);
  assert.equal(backend.table('a').get(new Uint8Array(0)), undefined);
});
