/**
 * The store against real etcds of both lines: the same random history, the same answers, errors, revisions and HashKV, with compactions on the
 * way. ETCD_REFERENCE names the etcd 3.4 to take (default: the one on PATH), ETCD_REFERENCE_35 the etcd 3.5.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { createMvccStore } from '../../../src/store/mvcc/create-mvcc-store.ts';
import type { HashKvResult, MvccStore } from '../../../src/store/mvcc/types.ts';
import { temporaryFolder } from '../../support/data-folder.ts';
import { freePort } from '../../support/free-ports.ts';
import { MemberProcess } from '../../support/member-process.ts';
import { needs } from '../../support/needs.ts';
import { etcd, isFullLength } from '../../support/program.ts';
import { testRandom } from '../../support/seeded-random.ts';
import { closeConnections, EtcdGateway } from './etcd-gateway.ts';
import { NaiveBackend } from './naive-backend.ts';
import { RandomRequests } from './random-requests.ts';
import { shown, text } from './requests.ts';

const operations = isFullLength ? 10_000 : 700;
/** Not more than twelve: what sorts equal keeps its order then in etcd, too. */
const KEYS = ['\0', '\0\xff', 'a', 'a\0', 'a\0\xff', 'aa', 'b', 'b\xff', 'c', 'dir/1', 'dir/2', '\xff'];
const etcd35 = process.env['ETCD_REFERENCE_35'];
const memoryFolder = '/dev/shm';

test('etcd 3.4 answers the same', { skip: needs(etcd.command, 'etcdctl') }, (t) =>
  compareWith(t, etcd.command),
);

test(
  'etcd 3.5 answers the same',
  {
    skip:
      etcd35 === undefined ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5' : needs(etcd35, 'etcdctl'),
  },
  (t) => compareWith(t, etcd35!),
);

async function compareWith(t: TestContext, command: string): Promise<void> {
  const port = await startEtcd(t, command);
  const play = new Play(new EtcdGateway(port), new RandomRequests(testRandom(t), KEYS));
  for (let operation = 0; operation < operations; operation++) {
    try {
      await play.step();
    } catch (error) {
      t.diagnostic(`operation ${operation}: ${play.last}`);
      throw error;
    }
  }
  await play.end();
  t.diagnostic(`${play.refusals} refusals, ${play.compactions} compactions, ${play.hashes} hashes`);
}

async function startEtcd(t: TestContext, command: string): Promise<number> {
  const [client, peer] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const environment = existsSync(memoryFolder) ? { TMPDIR: memoryFolder } : {};
  const process = new MemberProcess(
    { name: command, command, extraFlags: [] },
    [
      '--name=m',
      `--data-dir=${temporaryFolder(t)}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=m=${peerUrl}`,
    ],
    { environment },
  );
  t.after(async () => {
    closeConnections();
    await process.kill();
  });
  await process.start();
  return client;
}

class Play {
  refusals = 0;
  compactions = 0;
  hashes = 0;
  readonly #etcd: EtcdGateway;
  readonly #draw: RandomRequests;
  readonly #leases = new Set<bigint>();
  #backend = new NaiveBackend();
  #store: MvccStore;
  #last: unknown;
  #nextLease = 0x7000_0000_0000_0001n;

  constructor(gateway: EtcdGateway, draw: RandomRequests) {
    this.#etcd = gateway;
    this.#draw = draw;
    this.#store = this.#open();
  }

  /** The request under way, to be read when something goes wrong. */
  get last(): string {
    return JSON.stringify(this.#last, (_, value) => {
      if (value instanceof Uint8Array) return text(value);
      return typeof value === 'bigint' ? String(value) : value;
    });
  }

  async step(): Promise<void> {
    const draw = this.#draw;
    const situation = { revision: this.#store.revision, leases: [...this.#leases] };
    const kind = draw.below(100);
    if (kind < 35) {
      const request = draw.put(situation);
      this.#last = request;
      this.#same(shown(this.#store.put(request)), await this.#etcd.put(request));
    } else if (kind < 42) {
      const request = { ...draw.keyRange(), prevKv: draw.chance(50) };
      this.#last = request;
      this.#same(shown(this.#store.deleteRange(request)), await this.#etcd.deleteRange(request));
    } else if (kind < 62) {
      const request = draw.txn(situation);
      this.#last = request;
      this.#same(shown(this.#store.txn(request)), await this.#etcd.txn(request));
    } else if (kind < 87) {
      const request = draw.range(situation);
      this.#last = request;
      this.#same(shown(this.#store.range(request)), await this.#etcd.range(request));
    } else if (kind < 94) {
      await this.#changeLeases();
    } else if (kind < 97) {
      await this.#compact();
    } else if (kind < 99) {
      await this.#compareHashes();
    } else {
      this.#backend = this.#backend.copy();
      this.#store = this.#open();
    }
  }

  async end(): Promise<void> {
    while (this.#store.compactSlice());
    await this.#compareHashes();
  }

  #open(): MvccStore {
    return createMvccStore(this.#backend, { leases: { exists: (id) => this.#leases.has(id) } });
  }

  async #changeLeases(): Promise<void> {
    const lease = this.#draw.lease({ revision: 0, leases: [...this.#leases] });
    this.#same(this.#store.leaseKeys(lease).map(text), await this.#etcd.leaseKeys(lease));
    if (this.#leases.size < 6 || this.#draw.chance(50)) {
      const granted = this.#nextLease++;
      this.#leases.add(granted);
      await this.#etcd.grantLease(granted);
    } else if (this.#leases.has(lease)) {
      this.#same(this.#store.deleteLeaseKeys(lease), await this.#etcd.revokeLease(lease));
      this.#leases.delete(lease);
    }
  }

  async #compact(): Promise<void> {
    // Not at 0: etcd 3.5 takes the hash that it remembers of that for the newest revision's, ever after.
    const revision = Math.max(1, this.#store.revision + 1 - this.#draw.below(this.#draw.chance(50) ? 4 : 40));
    const answer = this.#store.compact({ revision, physical: true });
    this.#same(answer.kind === 'error' ? answer.code : 'done', await this.#etcd.compact(revision));
    if (answer.kind !== 'error') this.compactions++;
    // Ours may lag behind, which must not show.
    if (this.#draw.chance(70)) while (this.#store.compactSlice());
  }

  async #compareHashes(): Promise<void> {
    const { revision, compactedRevision } = this.#store;
    // Of the compacted revision itself etcd 3.5 answers with what it remembers from the compaction, 3.4 not at all.
    const above = revision - Math.max(1, compactedRevision);
    const wanted = above > 0 && this.#draw.chance(60) ? revision - this.#draw.below(above) : 0;
    this.#same(this.#hash(wanted), await this.#etcd.hashKv('etcdctl', wanted));
    this.hashes++;
  }

  #hash(revision: number): HashKvResult {
    const job = this.#store.hashKv(revision);
    assert.ok('run' in job);
    let result = job.run();
    while (result === undefined) result = job.run();
    assert.ok(!('kind' in result));
    return { ...result, hashRevision: revision };
  }

  #same(ours: unknown, theirs: unknown): void {
    if (typeof theirs === 'string') this.refusals++;
    assert.deepEqual(ours, theirs);
  }
}
