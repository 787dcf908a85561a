/** Long random histories: the store answers as a list of all changes does, across compactions, jobs and crashes at any moment. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createWriteBehind } from '../../../src/backend/write-behind.ts';
import { openLmdbTables } from '../../../src/platform/lmdb-tables.ts';
import { nodeClock } from '../../../src/platform/node-clock.ts';
import { nodeRandom } from '../../../src/platform/node-random.ts';
import type { Backend } from '../../../src/ports/backend.ts';
import { createMvccStore } from '../../../src/store/mvcc/create-mvcc-store.ts';
import type { DeletionJob, MvccStore, RangeJob, RevisionEvents } from '../../../src/store/mvcc/types.ts';
import type { DeleteRangeRequest, RangeRequest } from '../../../src/wire/v3/kv-types.ts';
import { temporaryFolder } from '../../support/data-folder.ts';
import { printedSeed, seededRandom } from '../../support/seeded-random.ts';
import { NaiveBackend } from './naive-backend.ts';
import { NaiveStore } from './naive-store.ts';
import { RandomRequests, type Situation } from './random-requests.ts';
import { bytes, shown, shownKv, text } from './requests.ts';

const histories = process.env['QUORATE_FULL'] === '1' ? 300 : 25;
const operationsEach = 400;

/** What `step` may do beside a deletion: ranges, jobs, slices of other work, looks at history and hash, crashes. */
const READS = [60, 77, 84, 94, 97, 99];

/** A job under way, and what it must have delivered in the end. */
interface RunningJob {
  readonly job: RangeJob;
  readonly wanted: unknown;
  readonly kvs: string[];
}

interface RunningDeletion {
  readonly job: DeletionJob;
  readonly request: DeleteRangeRequest;
}

class Play {
  readonly #draw: RandomRequests;
  readonly #naive = new NaiveStore();
  #backend: Backend;
  #store: MvccStore;
  #jobs: RunningJob[] = [];
  #heard: string[] = [];
  #heardFrom = 2;
  #nextLease = 1000n;
  /** One that is under way. */
  #deletion: RunningDeletion | undefined;

  constructor(seed: number, backend: Backend) {
    this.#backend = backend;
    this.#draw = new RandomRequests(seededRandom(seed));
    this.#store = this.#open();
  }

  step(): void {
    const draw = this.#draw;
    if (this.#deletion !== undefined && draw.chance(40)) this.#advanceDeletion(this.#deletion);
    // While a deletion is under way only reads go on, and work beside them.
    const kind = this.#deletion === undefined ? draw.below(100) : READS[draw.below(READS.length)]!;
    if (kind < 30) {
      const request = draw.put(this.#situation);
      this.#same(shown(this.#store.put(request)), this.#naive.put(request));
    } else if (kind < 38) {
      const request = { ...draw.keyRange(), prevKv: draw.chance(50) };
      const job = draw.chance(50) ? this.#store.deletionJob(request) : undefined;
      if (job !== undefined) this.#deletion = { job, request };
      else this.#same(shown(this.#store.deleteRange(request)), this.#naive.deleteRange(request));
    } else if (kind < 55) {
      const request = draw.txn(this.#situation);
      this.#same(shown(this.#store.txn(request)), this.#naive.txn(request));
    } else if (kind < 75) {
      const request = draw.range(this.#situation);
      this.#same(shown(this.#store.range(request)), this.#naive.range(request));
      if (draw.chance(20)) this.#readByTxn(request);
    } else if (kind < 80) {
      this.#beginJob();
    } else if (kind < 86) {
      this.#advanceJobs();
    } else if (kind < 90) {
      this.#leases();
    } else if (kind < 93) {
      this.#compact();
    } else if (kind < 96) {
      this.#store.compactSlice();
      this.#store.countSlice();
    } else if (kind < 98) {
      this.#checkHistory();
    } else {
      this.#checkHash();
      if (draw.chance(50)) this.#crash();
    }
    this.#checkNumbers();
  }

  end(): void {
    while (this.#deletion !== undefined) this.#advanceDeletion(this.#deletion);
    for (let runs = 0; this.#jobs.length > 0; runs++) {
      assert.ok(runs < 10_000, 'jobs come to an end');
      this.#advanceJobs();
    }
    while (this.#store.compactSlice());
    assert.equal(this.#store.compactionPending, false);
    this.#checkHash();
    this.#checkHistory();
    this.#checkTables();
  }

  get #situation(): Situation {
    return { revision: this.#naive.revision, leases: [...this.#naive.leases] };
  }

  #open(): MvccStore {
    const leases = { exists: (id: bigint) => this.#naive.leases.has(id) };
    const store = createMvccStore(this.#backend, { leases, countBucketKeys: 2, deletionSliceKeys: 2 });
    if (this.#draw.chance(50)) while (store.countSlice());
    store.onCountWork(() => {
      if (this.#draw.chance(50)) while (store.countSlice());
    });
    store.onRevision((events) => this.#heard.push(...shownEvents(events)));
    return store;
  }

  #crash(): void {
    if (this.#backend instanceof NaiveBackend) this.#backend = this.#backend.copy();
    this.#jobs = [];
    this.#deletion = undefined;
    this.#store = this.#open();
  }

  /** A transaction without writes may be asked for at any time, as a range may. */
  #readByTxn(request: RangeRequest): void {
    const txn = { compare: [], success: [{ kind: 'range', request }], failure: [] } as const;
    this.#same(shown(this.#store.txn(txn)), this.#naive.txn(txn));
  }

  #advanceDeletion({ job, request }: RunningDeletion): void {
    const result = job.run();
    if (result !== undefined) this.#same(shown(result), this.#naive.deleteRange(request));
    else if (this.#draw.chance(90)) return;
    else this.#store.dropDeletion();
    this.#deletion = undefined;
  }

  #beginJob(): void {
    const request = this.#draw.range(this.#situation);
    const wanted = this.#naive.range(request);
    const job = this.#store.rangeJob(request);
    if (job.kind === 'error') this.#same(job.code, wanted);
    else this.#jobs.push({ job, wanted, kvs: [] });
  }

  #advanceJobs(): void {
    this.#jobs = this.#jobs.filter(({ job, wanted, kvs }) => {
      const slice = job.run(this.#draw.below(200));
      assert.equal(slice.kind, 'slice');
      kvs.push(...slice.kvs.map(shownKv));
      if (!slice.done) return true;
      const { more, count } = slice;
      this.#same({ kind: 'range', revision: job.revision, kvs, more, count }, wanted);
      return false;
    });
  }

  #leases(): void {
    const draw = this.#draw;
    const { leases } = this.#naive;
    if (leases.size < 5 && draw.chance(60)) {
      leases.add(this.#nextLease++);
      return;
    }
    const lease = draw.lease(this.#situation);
    this.#same(this.#store.leaseKeys(lease).map(text), this.#naive.leaseKeys(lease));
    if (!leases.has(lease)) return;
    this.#same(this.#store.deleteLeaseKeys(lease), this.#naive.deleteLeaseKeys(lease));
    leases.delete(lease);
  }

  #compact(): void {
    const { revision } = this.#naive;
    const wanted = Math.max(0, revision + 1 - this.#draw.below(this.#draw.chance(50) ? 4 : 60));
    const answer = this.#store.compact({ revision: wanted, physical: false });
    this.#same(answer.kind === 'error' ? answer.code : 'done', this.#naive.compact(wanted));
    if (this.#draw.chance(50)) while (this.#store.compactSlice());
  }

  #checkHash(): void {
    const { revision, compacted } = this.#naive;
    const wanted = this.#draw.chance(50) ? 0 : Math.max(1, compacted, revision - this.#draw.below(20));
    const job = this.#store.hashKv(wanted);
    assert.ok('run' in job);
    let result = job.run();
    while (result === undefined) result = job.run();
    assert.ok(!('kind' in result));
    const at = wanted === 0 ? revision : wanted;
    this.#same(result, { hash: this.#naive.hashKv(at), compactRevision: compacted, hashRevision: at });
  }

  #checkHistory(): void {
    const from = Math.max(1, this.#naive.revision - this.#draw.below(30));
    const wanted = this.#naive.events(from);
    const events: string[] = [];
    for (let at = from; at <= this.#naive.revision; ) {
      const part = this.#store.eventsFrom(at, this.#draw.below(300));
      if ('kind' in part) {
        this.#same(part.code, wanted);
        return;
      }
      events.push(...part.batches.flatMap(shownEvents));
      assert.ok(part.next > at);
      at = part.next;
    }
    this.#same(events, wanted);
    this.#checkValueBefore();
  }

  #checkValueBefore(): void {
    const key = this.#draw.key();
    const revision = Math.max(2, this.#naive.revision + 1 - this.#draw.below(20));
    const before = this.#store.valueBefore(bytes(key), revision);
    const wanted =
      revision - 1 < this.#naive.compacted
        ? undefined
        : this.#naive.versionsAt(revision - 1).find((kv) => text(kv.key) === key);
    assert.equal(before === undefined, wanted === undefined);
    if (before !== undefined)
      assert.match(shownKv(before), new RegExp(` m${wanted!.modRevision} v${wanted!.version}`));
  }

  #checkNumbers(): void {
    assert.equal(this.#store.revision, this.#naive.revision);
    assert.equal(this.#store.compactedRevision, this.#naive.compacted);
    const heardFrom = Math.max(this.#heardFrom, this.#naive.compacted);
    const wanted = this.#naive.events(heardFrom);
    this.#same(
      this.#heard.filter((event) => Number.parseInt(event, 10) >= heardFrom),
      wanted,
    );
    if (this.#heard.length > 200) {
      this.#heard = [];
      this.#heardFrom = this.#naive.revision + 1;
    }
    assert.equal(this.#store.keyCount, this.#naive.versionsAt(this.#naive.revision).length);
  }

  /** After a finished compaction the tables hold what etcd's would hold, and no more. */
  #checkTables(): void {
    const rows = this.#rowsOf('revisions');
    assert.equal(rows, this.#naive.changes.length);
    const alive = this.#naive.versionsAt(this.#naive.revision);
    assert.equal(this.#rowsOf('current'), alive.length);
    const indexed = this.#naive.changes.filter(({ main, kv }) =>
      kv === undefined
        ? main > this.#naive.compacted
        : kv.version > 1 && (kv.version % 8 === 0 || kv.value.length > 512),
    );
    assert.equal(this.#rowsOf('history'), indexed.length);
    assert.equal(this.#rowsOf('lease-keys'), alive.filter(({ lease }) => lease !== 0n).length);
  }

  #rowsOf(table: string): number {
    return this.#backend.table(table).count({});
  }

  #same(actual: unknown, wanted: unknown): void {
    assert.deepEqual(actual, wanted);
  }
}

function shownEvents({ revision, events }: RevisionEvents): string[] {
  return events.map(({ type, kv, key, isCreate }) => {
    if (type === 'delete') {
      assert.equal(shownKv(kv), `${text(key)}= c0 m${revision} v0`);
      return `${revision} delete ${text(key)}`;
    }
    assert.equal(isCreate, / v1( |$)/.test(shownKv(kv)));
    return `${revision} put ${shownKv(kv)}`;
  });
}

test('random histories answer as a list of all changes does', (t) => {
  const seed = printedSeed(t);
  for (let history = 0; history < histories; history++) {
    const play = new Play(seed + history, new NaiveBackend());
    for (let operation = 0; operation < operationsEach; operation++) {
      told(t, `history ${history} (seed ${seed + history}), operation ${operation}`, () => play.step());
    }
    play.end();
  }
});

test('the same on LMDB, with commits on the way', async (t) => {
  const seed = printedSeed(t);
  for (let history = 0; history < Math.ceil(histories / 8); history++) {
    const tables = await openLmdbTables({ folder: temporaryFolder(t) });
    // Commits at every opportunity, so that rows are found in each of the layers.
    const policy = { operationsMax: 1 + (history % 3) * 100 };
    const backend = createWriteBehind({ tables, clock: nodeClock, random: nodeRandom, policy });
    const play = new Play(seed + 1000 + history, backend);
    for (let operation = 0; operation < operationsEach; operation++) {
      told(t, `history ${history} (seed ${seed}), operation ${operation}`, () => play.step());
      if (operation % 7 === 0) await nextTurn();
    }
    play.end();
    await backend.close();
  }
});

function told(t: TestContext, where: string, step: () => void): void {
  try {
    step();
  } catch (error) {
    t.diagnostic(where);
    throw error;
  }
}
