/**
 * A random history of the v3 store, played on servers and on a store inside the test at once: puts, deletions, transactions, ranges, leases and
 * compactions, one at a time. Each server asked has to answer as the store does, and to have its HashKV.
 *
 * The servers are either copies of which each is asked everything ('all'), or members of one cluster of which each request goes to
 * one ('one').
 */

import assert from 'node:assert/strict';
import { type HashKv, hashKv } from '../../chaos/v3/hash-kv.ts';
import { createMvccStore } from '../../src/store/mvcc/create-mvcc-store.ts';
import type { MvccStore } from '../../src/store/mvcc/types.ts';
import type { RequestOp, TxnRequest } from '../../src/wire/v3/kv-types.ts';
import { EtcdGateway } from '../store/mvcc/etcd-gateway.ts';
import { NaiveBackend } from '../store/mvcc/naive-backend.ts';
import { RandomRequests } from '../store/mvcc/random-requests.ts';
import { putRequest, shown, text } from '../store/mvcc/requests.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { callGateway } from './v3-gateway.ts';

/** Not more than twelve: what sorts equal keeps its order then in etcd, too. */
const keys = ['\0', '\0\xff', 'a', 'a\0', 'a\0\xff', 'aa', 'b', 'b\xff', 'c', 'dir/1', 'dir/2', '\xff'];
const everything = {
  key: Buffer.from([0]).toString('base64'),
  range_end: Buffer.from([0]).toString('base64'),
};

/** Ids below are the test's own. */
const firstRandomLease = 0x7000_0000_0000_0001n;
const firstShortLease = 0x6100_0000_0000_0001n;

export interface HistoryServer {
  readonly name: string;
  readonly clientUrl: string;
}

interface Server extends HistoryServer {
  readonly gateway: EtcdGateway;
}

export class V3History {
  compactions = 0;
  hashes = 0;
  /** Names of servers that do not run at present: nobody asks them. */
  readonly away = new Set<string>();
  readonly #servers: readonly Server[];
  readonly #asked: 'all' | 'one';
  readonly #random: SeededRandom;
  readonly #draw: RandomRequests;
  readonly #leases = new Set<bigint>();
  readonly #store: MvccStore;
  #nextLease = firstRandomLease;
  #nextShortLease = firstShortLease;

  constructor(servers: readonly HistoryServer[], asked: 'all' | 'one', random: SeededRandom) {
    this.#servers = servers.map(({ name, clientUrl }) => ({
      name,
      clientUrl,
      gateway: new EtcdGateway(Number(new URL(clientUrl).port)),
    }));
    this.#asked = asked;
    this.#random = random;
    this.#draw = new RandomRequests(random, keys);
    this.#store = createMvccStore(new NaiveBackend(), {
      leases: { exists: (id) => this.#leases.has(id) },
    });
  }

  get revision(): number {
    return this.#store.revision;
  }

  async play(operations: number): Promise<void> {
    for (let operation = 0; operation < operations; operation++) await this.#step();
    await this.agree();
  }

  /** A put at one server, by the test itself. */
  async put(key: string, value: string, lease = 0n): Promise<void> {
    const request = putRequest(key, value, { lease });
    await this.#same('put', shown(this.#store.put(request)), (gateway) => gateway.put(request));
  }

  /** Grants a lease outside the random ones. */
  async grant(id: bigint, ttlSeconds: number): Promise<void> {
    this.#leases.add(id);
    for (const { clientUrl } of this.#chosen())
      await callGateway(clientUrl, '/v3/lease/grant', { ID: String(id), TTL: String(ttlSeconds) });
  }

  /**
   * Puts a key with a lease of so few seconds that nobody renews, and waits until it is gone. A machine that is too slow for the lease to be
   * there still when the key is put tries again.
   */
  async expire(key: string, ttlSeconds: number): Promise<void> {
    for (;;) {
      const id = this.#nextShortLease++;
      await this.grant(id, ttlSeconds);
      const request = putRequest(key, 'short', { lease: id });
      const { name, gateway, clientUrl } = this.#random.pick(this.#present());
      const theirs = await gateway.put(request);
      if (theirs === 'lease-not-found') {
        this.#leases.delete(id);
        continue;
      }
      assert.deepEqual(theirs, shown(this.#store.put(request)), name);
      await until(`${key} gone with its lease`, async () => {
        const asked = { key: Buffer.from(key).toString('base64') };
        return (await callGateway(clientUrl, '/v3/kv/range', asked))['kvs'] === undefined;
      });
      this.#leases.delete(id);
      this.#store.deleteLeaseKeys(id);
      return;
    }
  }

  /** Every server holds the same keys, leases and HashKV at the last revision, and a HashKV of the past. */
  async agree(): Promise<void> {
    const { revision, compactedRevision } = this.#store;
    // Of the compacted revision itself etcd 3.5 answers with what it remembers from the compaction, 3.4 not at all.
    if (revision <= compactedRevision + 1) return this.put('a', 'one more').then(() => this.agree());
    const past = revision - this.#random.below(revision - Math.max(1, compactedRevision));
    const leases = [...this.#leases];
    const expected = {
      now: this.#hash(revision),
      past: this.#hash(past),
      leaseKeys: leases.map((lease) => this.#store.leaseKeys(lease).map(text).sort()),
    };
    for (const { name, clientUrl, gateway } of this.#present()) {
      // A linearizable read, so that it has applied all there is.
      const read = await callGateway(clientUrl, '/v3/kv/range', { ...everything, count_only: true });
      assert.equal(
        Number((read['header'] as { revision: string }).revision),
        revision,
        `revision of ${name}`,
      );
      const found = {
        now: await hashKv(clientUrl, revision),
        past: await hashKv(clientUrl, past),
        leaseKeys: [] as string[][],
      };
      for (const lease of leases) found.leaseKeys.push(await gateway.leaseKeys(lease));
      assert.deepEqual(found, expected, name);
      this.hashes += 2;
    }
  }

  async #step(): Promise<void> {
    const draw = this.#draw;
    const store = this.#store;
    const situation = { revision: store.revision, leases: [...this.#leases] };
    const kind = draw.below(100);
    if (kind < 42) {
      const request = draw.put(situation);
      await this.#same(request, shown(store.put(request)), (gateway) => gateway.put(request));
    } else if (kind < 50) {
      const request = { ...draw.keyRange(), prevKv: draw.chance(50) };
      await this.#same(request, shown(store.deleteRange(request)), (gateway) => gateway.deleteRange(request));
    } else if (kind < 72) {
      const drawn = draw.txn(situation);
      const request = this.#asked === 'one' ? ofNow(drawn) : drawn;
      // etcd takes a transaction that does nothing for a serializable one.
      if (this.#asked === 'one' && request.success.length + request.failure.length === 0) return;
      await this.#same(request, shown(store.txn(request)), (gateway) => gateway.txn(request));
    } else if (kind < 86) {
      const request = draw.range(situation);
      await this.#same(request, shown(store.range(request)), (gateway) => gateway.range(request));
    } else if (kind < 95) {
      await this.#changeLeases();
    } else if (kind < 98) {
      await this.#compact();
    } else if (this.#asked === 'all') {
      await this.agree();
    }
  }

  async #changeLeases(): Promise<void> {
    const random = [...this.#leases].filter((lease) => lease >= firstRandomLease);
    if (random.length < 6 || this.#draw.chance(50)) {
      const granted = this.#nextLease++;
      this.#leases.add(granted);
      for (const { gateway } of this.#chosen()) await gateway.grantLease(granted);
      return;
    }
    const lease = this.#random.pick(random);
    const revision = this.#store.deleteLeaseKeys(lease);
    this.#leases.delete(lease);
    await this.#same(`revoke ${lease}`, revision, (gateway) => gateway.revokeLease(lease));
  }

  async #compact(): Promise<void> {
    const revision = Math.max(0, this.#store.revision + 1 - this.#draw.below(this.#draw.chance(50) ? 4 : 40));
    const answer = this.#store.compact({ revision, physical: true });
    while (this.#store.compactSlice());
    const expected = answer.kind === 'error' ? answer.code : 'done';
    await this.#same(`compact ${revision}`, expected, (gateway) => gateway.compact(revision));
    if (answer.kind !== 'error') this.compactions++;
  }

  #hash(revision: number): HashKv {
    const job = this.#store.hashKv(revision);
    assert.ok('run' in job);
    let result = job.run();
    while (result === undefined) result = job.run();
    assert.ok(!('kind' in result));
    return { hash: result.hash, compactRevision: result.compactRevision };
  }

  #chosen(): readonly Server[] {
    const present = this.#present();
    return this.#asked === 'all' ? present : [this.#random.pick(present)];
  }

  #present(): readonly Server[] {
    return this.away.size === 0 ? this.#servers : this.#servers.filter(({ name }) => !this.away.has(name));
  }

  async #same(what: unknown, ours: unknown, ask: (gateway: EtcdGateway) => Promise<unknown>): Promise<void> {
    await Promise.all(
      this.#chosen().map(async ({ name, gateway }) => {
        const theirs = await ask(gateway);
        assert.deepEqual(theirs, ours, `${name}: ${textOf(what)}`);
      }),
    );
  }
}

/**
 * The same without ranges of the past. etcd's members leave a transaction's ranges out when it came through another member, and with them
 * the check of their revisions: where that one refuses the transaction, they do it. A cluster of nothing but etcd comes apart so, too.
 */
function ofNow({ compare, success, failure }: TxnRequest): TxnRequest {
  const operation = (each: RequestOp): RequestOp => {
    if (each.kind === 'txn') return { kind: 'txn', request: ofNow(each.request) };
    return each.kind === 'range' ? { kind: 'range', request: { ...each.request, revision: 0 } } : each;
  };
  return { compare, success: success.map(operation), failure: failure.map(operation) };
}

function textOf(what: unknown): string {
  return JSON.stringify(what, (_, value) => {
    if (value instanceof Uint8Array) return text(value);
    return typeof value === 'bigint' ? String(value) : value;
  });
}
