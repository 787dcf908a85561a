/** Single properties of the store, each in a few lines. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMvccStore } from '../../../src/store/mvcc/create-mvcc-store.ts';
import type { HashKvJob, MvccStore, RangeJob } from '../../../src/store/mvcc/types.ts';
import { NaiveBackend } from './naive-backend.ts';
import { bytes, deleteRequest, putRequest, rangeRequest, shown, shownKv, txnRequest } from './requests.ts';

function open(backend = new NaiveBackend(), leases: readonly bigint[] = []): MvccStore {
  return createMvccStore(backend, { leases: { exists: (id) => leases.includes(id) } });
}

function jobOf(store: MvccStore, key: string, end = ''): RangeJob {
  const job = store.rangeJob(rangeRequest(key, end));
  assert.equal(job.kind, 'job');
  return job as RangeJob;
}

function compact(store: MvccStore, revision: number): unknown {
  return store.compact({ revision, physical: false });
}

test('the first write makes revision 2, and what changes nothing makes none', () => {
  const store = open();
  assert.equal(store.revision, 1);
  assert.deepEqual(shown(store.deleteRange(deleteRequest('a'))), {
    kind: 'delete-range',
    revision: 1,
    deleted: 0,
    prevKvs: [],
  });
  assert.deepEqual(shown(store.txn(txnRequest([]))), {
    kind: 'txn',
    revision: 1,
    succeeded: true,
    responses: [],
  });
  assert.equal(store.put(putRequest('a', '1')).kind, 'put');
  assert.equal(store.revision, 2);
});

test('a transaction makes one revision, sees its own writes, and hands out its events together', () => {
  const store = open();
  store.put(putRequest('a', '1'));
  const heard: string[] = [];
  store.onRevision(({ revision, events }) => {
    heard.push(`${revision}: ${events.map(({ type, kv }) => `${type} ${shownKv(kv)}`).join(', ')}`);
  });
  const result = store.txn(
    txnRequest(
      [],
      [
        { kind: 'put', request: putRequest('b', '2') },
        { kind: 'range', request: rangeRequest('a', '\0') },
        { kind: 'range', request: rangeRequest('a', '\0', { revision: 2 }) },
        { kind: 'delete-range', request: deleteRequest('a', '', true) },
        { kind: 'txn', request: txnRequest([], [{ kind: 'range', request: rangeRequest('a') }]) },
      ],
    ),
  );
  assert.deepEqual(shown(result), {
    kind: 'txn',
    revision: 3,
    succeeded: true,
    responses: [
      { kind: 'put', revision: 3, prevKv: undefined },
      { kind: 'range', revision: 3, kvs: ['a=1 c2 m2 v1', 'b=2 c3 m3 v1'], more: false, count: 2 },
      { kind: 'range', revision: 3, kvs: ['a=1 c2 m2 v1'], more: false, count: 1 },
      { kind: 'delete-range', revision: 3, deleted: 1, prevKvs: ['a=1 c2 m2 v1'] },
      {
        kind: 'txn',
        revision: 0,
        succeeded: true,
        responses: [{ kind: 'range', revision: 3, kvs: [], more: false, count: 0 }],
      },
    ],
  });
  assert.deepEqual(heard, ['3: put b=2 c3 m3 v1, delete a= c0 m3 v0']);
});

test('a transaction that would fail changes nothing', () => {
  const store = open(new NaiveBackend(), [7n]);
  const put = { kind: 'put', request: putRequest('a', '1') } as const;
  const failing = [
    { code: 'lease-not-found', operation: { kind: 'put', request: putRequest('b', '', { lease: 8n }) } },
    {
      code: 'key-not-found',
      operation: { kind: 'put', request: putRequest('b', '', { ignoreValue: true }) },
    },
    {
      code: 'future-revision',
      operation: { kind: 'range', request: rangeRequest('b', '', { revision: 9 }) },
    },
    { code: 'compacted', operation: { kind: 'range', request: rangeRequest('b', '', { revision: -2 }) } },
    { code: 'key-not-found', operation: { kind: 'none' } },
  ] as const;
  for (const { code, operation } of failing) {
    const nested = { kind: 'txn', request: txnRequest([], [operation]) } as const;
    assert.equal(shown(store.txn(txnRequest([], [put, operation]))), code);
    assert.equal(shown(store.txn(txnRequest([], [put, nested]))), code);
    assert.deepEqual([store.revision, store.keyCount], [1, 0]);
  }
});

test('numbers and the log’s position are there again after opening', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  for (const key of ['a', 'b', 'c']) store.put(putRequest(key));
  store.deleteRange(deleteRequest('b'));
  store.setApplied(77, 3);
  compact(store, 4);
  store.setApplied(78, 3);
  const again = open(backend.copy());
  assert.deepEqual(
    [again.revision, again.compactedRevision, again.appliedIndex, again.keyCount],
    [5, 4, 78, 2],
  );
  assert.equal(again.compactionPending, true);
});

test('opening looks at a handful of rows, however many there are', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  for (let i = 0; i < 2000; i++) store.put(putRequest(`k${i % 500}`));
  store.setApplied(5, 1);
  const copy = backend.copy();
  let looks = 0;
  for (const table of copy.tables.values()) {
    const get = table.get.bind(table);
    table.get = (key) => {
      looks++;
      return get(key);
    };
    const scan = table.scan.bind(table);
    table.scan = (range, visit) =>
      scan(range, (key, value) => {
        looks++;
        return visit(key, value);
      });
    table.count = () => assert.fail('counted');
  }
  assert.deepEqual([open(copy).revision, open(copy).keyCount], [2001, 500]);
  assert.ok(looks < 10, `${looks} rows`);
});

test('the revision stays when a compaction takes away every row', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  store.put(putRequest('a'));
  store.deleteRange(deleteRequest('a'));
  store.put(putRequest('b'));
  store.deleteRange(deleteRequest('b'));
  compact(store, 5);
  while (store.compactSlice());
  assert.equal(backend.table('revisions').entries.length, 1, 'the deletion at the compacted revision stays');
  assert.equal(open(backend.copy()).revision, 5);
});

test('a long value is stored once', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  store.put(putRequest('a', 'x'.repeat(10_000)));
  const bytesIn = (table: string): number =>
    backend.table(table).entries.reduce((sum, { value }) => sum + value.length, 0);
  assert.ok(bytesIn('revisions') > 10_000);
  assert.ok(bytesIn('current') < 100);
});

test('a put of a known key writes two rows, and a third in every eighth version', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  let writes = 0;
  for (const name of ['current', 'revisions', 'history', 'lease-keys', 'mvcc-meta']) {
    const table = backend.table(name);
    const put = table.put.bind(table);
    table.put = (key, value) => {
      writes++;
      put(key, value);
    };
  }
  for (let i = 0; i < 16; i++) store.put(putRequest('a', String(i)));
  assert.equal(writes, 16 * 2 + 2);
});

test('an old version of a key with many is found in a few steps', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  for (let i = 0; i < 5000; i++) store.put(putRequest('a', String(i)));
  const revisions = backend.table('revisions');
  const get = revisions.get.bind(revisions);
  let steps = 0;
  revisions.get = (key) => {
    steps++;
    return get(key);
  };
  const answer = store.range(rangeRequest('a', '', { revision: 2345 }));
  assert.deepEqual(shown(answer), {
    kind: 'range',
    revision: 5001,
    kvs: ['a=2343 c2 m2345 v2344'],
    more: false,
    count: 1,
  });
  assert.ok(steps <= 8, `${steps} steps`);
});

test('a compaction waits for the jobs that read what it takes away', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  for (let i = 0; i < 100; i++) store.put(putRequest(`k${i}`, 'old'));
  const { revision } = store;
  const job = jobOf(store, 'k', 'l');
  for (let i = 0; i < 100; i++) store.put(putRequest(`k${i}`, 'new'));
  let called = 0;
  store.onCompactionWork(() => {
    called++;
  });
  compact(store, store.revision);
  assert.equal(called, 1);
  while (store.compactSlice());
  assert.equal(store.compactionPending, true);
  const kvs: string[] = [];
  for (let done = false; !done; ) {
    const slice = job.run(100);
    assert.equal(slice.kind, 'slice');
    kvs.push(...slice.kvs.map(shownKv));
    assert.ok(slice.kvs.length < 10, 'slices are small');
    done = slice.done;
  }
  assert.equal(kvs.length, 100);
  assert.ok(kvs.every((kv) => kv.includes('=old ')));
  assert.equal(job.revision, revision);
  assert.equal(called, 2, 'the end of the job gives the compaction work');
  while (store.compactSlice());
  assert.equal(store.compactionPending, false);
  assert.equal(backend.table('revisions').entries.length, 100);
});

test('deletions at a compacted revision go with the next compaction, wherever the slices end', () => {
  const backend = new NaiveBackend();
  const store = open(backend);
  const keys = Array.from({ length: 1300 }, (_, i) => `k${i}`);
  for (const key of keys) store.put(putRequest(key));
  store.deleteRange(deleteRequest('k', 'l'));
  const deleted = store.revision;
  store.put(putRequest('z'));
  compact(store, deleted);
  // Into the middle of the deletions: the puts take three slices.
  for (let i = 0; i < 4; i++) store.compactSlice();
  assert.equal(store.compactionPending, true);
  compact(store, deleted + 1);
  while (store.compactSlice());
  assert.deepEqual(
    ['revisions', 'history', 'current'].map((table) => backend.table(table).entries.length),
    [1, 0, 1],
  );
});

test('ranges of the past pass by keys with long histories, forwards and backwards', () => {
  const store = open();
  const all = new Map<number, string[]>();
  const alive = new Map<string, string>();
  const note = (): void => {
    all.set(store.revision, [...alive.keys()].sort());
  };
  const put = (key: string): void => {
    store.put(putRequest(key));
    alive.set(key, '');
    note();
  };
  const remove = (key: string): void => {
    store.deleteRange(deleteRequest(key));
    alive.delete(key);
    note();
  };
  for (const key of ['a', 'c', 'e']) put(key);
  for (let i = 0; i < 90; i++) {
    put('b');
    remove('b');
  }
  for (let i = 0; i < 90; i++) {
    put('d');
    remove('d');
  }
  // More entries than a step of a walk looks at.
  for (let i = 0; i < 2400; i++) put(`m${i}`);
  const middle = store.revision;
  for (let i = 0; i < 2400; i++) remove(`m${i}`);
  put('b');
  for (const revision of [4, 5, 6, 7, 11, 100, 101, 200, 201, 250, 1000, middle, middle + 1, middle + 500]) {
    for (const sortOrder of [1, 2]) {
      const answer = store.range(rangeRequest('a', 'z', { revision, sortOrder }));
      assert.equal(answer.kind, 'range');
      if (answer.kind !== 'range') return;
      const keys = answer.kvs.map((kv) => shownKv(kv).split('=')[0]);
      if (sortOrder === 2) keys.reverse();
      assert.deepEqual(keys, all.get(revision), `revision ${revision}, order ${sortOrder}`);
      assert.equal(answer.count, keys.length);
    }
  }
});

test('a job that is released holds up nothing', () => {
  const store = open();
  store.put(putRequest('a'));
  store.put(putRequest('b'));
  const job = jobOf(store, 'a', 'z');
  const hash = store.hashKv(0) as HashKvJob;
  store.put(putRequest('a'));
  compact(store, 4);
  while (store.compactSlice());
  assert.equal(store.compactionPending, true);
  job.release();
  job.release();
  hash.release();
  while (store.compactSlice());
  assert.equal(store.compactionPending, false);
});

test('after a snapshot the store is the other one, and jobs end with an error', () => {
  const other = new NaiveBackend();
  const source = open(other);
  for (const key of ['x', 'y']) source.put(putRequest(key, 'new'));
  source.setApplied(9, 2);
  const backend = new NaiveBackend();
  const store = open(backend);
  for (let i = 0; i < 50; i++) store.put(putRequest(`k${i}`));
  const job = jobOf(store, 'k', 'l');
  const hash = store.hashKv(0) as HashKvJob;
  backend.become(other.copy());
  store.reload();
  assert.deepEqual([store.revision, store.keyCount, store.appliedIndex], [3, 2, 9]);
  assert.deepEqual(job.run(1), { kind: 'error', code: 'compacted' });
  assert.deepEqual(hash.run(), { kind: 'error', code: 'compacted' });
  assert.deepEqual(shown(store.range(rangeRequest('\0', '\0', { limit: 1 }))), {
    kind: 'range',
    revision: 3,
    kvs: ['x=new c2 m2 v1'],
    more: true,
    count: 2,
  });
});

test('the keys of a lease are deleted in one revision, in order, those that left it aside', () => {
  const store = open(new NaiveBackend(), [1n, -1n]);
  for (const key of ['b', 'a', 'c']) store.put(putRequest(key, '', { lease: 1n }));
  store.put(putRequest('c', '', { lease: -1n }));
  store.put(putRequest('b', 'x', { ignoreLease: true }));
  assert.equal(store.leaseOf(bytes('c')), -1n);
  const heard: string[] = [];
  store.onRevision(({ events }) => heard.push(...events.map(({ kv }) => shownKv(kv))));
  assert.equal(store.deleteLeaseKeys(1n), 7);
  assert.deepEqual(heard, ['a= c0 m7 v0', 'b= c0 m7 v0']);
  assert.deepEqual(
    store.leaseKeys(-1n).map((key) => String.fromCharCode(...key)),
    ['c'],
  );
  assert.equal(store.deleteLeaseKeys(1n), 7, 'nothing is left to delete');
});
