import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLessor, LEASE_TTL_MAX } from '../../src/lease/create-lessor.ts';
import { decodeLeaseRow, encodeLeaseRow, leaseRowKey } from '../../src/lease/lease-row.ts';
import type { Lessor } from '../../src/lease/types.ts';
import { FakeBackend } from './fake-backend.ts';

const MIN_TTL = 2;

function lessorOn(backend = new FakeBackend()): Lessor {
  return createLessor(backend.port, { minTtlSeconds: MIN_TTL });
}

/** Everything that `expired` names, in calls of at most `max`. */
function drain(lessor: Lessor, nowMs: number, max: number): bigint[] {
  const ids: bigint[] = [];
  for (;;) {
    const some = lessor.expired(nowMs, max);
    assert(some.length <= max);
    ids.push(...some);
    if (some.length < max) return ids;
  }
}

test('rows are written as etcd writes them', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.equal(hex(leaseRowKey(0x1234n)), '0000000000001234');
  assert.equal(hex(leaseRowKey(-2n)), 'fffffffffffffffe');
  assert.equal(hex(encodeLeaseRow({ id: 0x1234n, ttl: 60, remainingTtl: 0 })), '08b424103c');
  assert.equal(hex(encodeLeaseRow({ id: 1n, ttl: 300, remainingTtl: 5 })), '080110ac021805');
  assert.equal(hex(encodeLeaseRow({ id: -2n, ttl: 2, remainingTtl: 0 })), '08feffffffffffffffff011002');
  for (const id of [1n, -2n, 0x7fff_ffff_ffff_ffffn, -0x8000_0000_0000_0000n]) {
    const lease = { id, ttl: LEASE_TTL_MAX, remainingTtl: LEASE_TTL_MAX - 1 };
    assert.deepEqual(decodeLeaseRow(encodeLeaseRow(lease)), lease);
  }
});

test('what cannot be granted', () => {
  const lessor = lessorOn();
  assert.deepEqual(lessor.grant(0n, 60, 0), { error: 'lease-not-found' });
  assert.deepEqual(lessor.grant(1n, LEASE_TTL_MAX + 1, 0), { error: 'lease-ttl-too-large' });
  assert('ttl' in lessor.grant(1n, LEASE_TTL_MAX, 0));
  assert.deepEqual(lessor.grant(1n, 60, 0), { error: 'lease-exists' });
});

test('a renewal that came too late is answered when the lease is gone', () => {
  const lessor = lessorOn();
  lessor.promote(0, 0);
  lessor.grant(1n, 10, 0);
  assert.deepEqual(lessor.renew(1n, 10_000), { runOut: true });
  const ends: string[] = [];
  lessor.whenEnded(1n, (error) => ends.push(`a ${error}`));
  lessor.whenEnded(1n, (error) => ends.push(`b ${error}`));
  assert.equal(ends.length, 0);
  lessor.revoke(1n);
  assert.deepEqual(ends, ['a lease-not-found', 'b lease-not-found']);
  lessor.whenEnded(1n, (error) => ends.push(`c ${error}`));
  assert.equal(ends.at(-1), 'c lease-not-found');
});

test('a renewal that came too late is answered when another member leads', () => {
  for (const lose of [(lessor: Lessor) => lessor.demote(), (lessor: Lessor) => lessor.reload(0)]) {
    const lessor = lessorOn();
    lessor.promote(0, 0);
    lessor.grant(1n, 10, 0);
    const ends: string[] = [];
    lessor.whenEnded(1n, (error) => ends.push(error));
    lose(lessor);
    assert.deepEqual(ends, ['not-primary']);
  }
  const ends: string[] = [];
  lessorOn().whenEnded(1n, (error) => ends.push(error));
  assert.deepEqual(ends, ['not-primary']);
});

test('the time left survives a change of leaders, and so does the promise of a renewal', () => {
  const backend = new FakeBackend();
  const first = lessorOn(backend);
  first.promote(0, 0);
  first.grant(1n, 3600, 0);
  assert.deepEqual(first.checkpointsDue(299_999, 10), []);
  const checkpoints = first.checkpointsDue(300_500, 10);
  assert.deepEqual(checkpoints, [{ id: 1n, remainingTtl: 3300 }]);
  // The checkpoint is on its way: a renewal must undo it before it is answered.
  assert.deepEqual(first.renew(1n, 300_600), { ttl: 3600, mustResetCheckpoint: true });
  first.checkpoint(1n, 3300, 300_600);

  const second = lessorOn(backend);
  second.promote(0, 1000);
  assert.deepEqual(second.remaining(1n, 0), { ttl: 3301, granted: 3600 });
  assert.deepEqual(second.renew(1n, 0), { ttl: 3600, mustResetCheckpoint: true });
  second.checkpoint(1n, 0, 0);
  assert.deepEqual(second.renew(1n, 0), { ttl: 3600, mustResetCheckpoint: false });

  const third = lessorOn(backend);
  third.promote(0, 0);
  assert.deepEqual(third.remaining(1n, 0), { ttl: 3600, granted: 3600 });
});

test('the promise of a renewal holds when a new leader learns of it after it began to count', () => {
  const backend = new FakeBackend();
  const first = lessorOn(backend);
  first.promote(0, 0);
  first.grant(1n, 3600, 0);
  first.checkpointsDue(3_000_000, 10);
  first.checkpoint(1n, 600, 3_000_000);
  assert.deepEqual(first.renew(1n, 3_100_000), { ttl: 3600, mustResetCheckpoint: true });

  const second = lessorOn(backend);
  second.promote(0, 1000);
  assert.deepEqual(second.remaining(1n, 0), { ttl: 601, granted: 3600 });
  // The renewal was the last entry of the leader before, which answers its client when it sees the entry applied.
  second.checkpoint(1n, 0, 5000);
  assert.deepEqual(second.remaining(1n, 5000), { ttl: 3600, granted: 3600 });
  assert.deepEqual(second.expired(3_604_999, 10), []);
  assert.deepEqual(second.expired(3_605_000, 10), [1n]);
});

test('a lease that is renewed in time is never checkpointed', () => {
  const backend = new FakeBackend();
  const lessor = lessorOn(backend);
  lessor.promote(0, 0);
  lessor.grant(1n, 900, 0);
  for (let nowMs = 0; nowMs < 7_200_000; nowMs += 250_000) {
    assert.deepEqual(lessor.checkpointsDue(nowMs, 10), []);
    assert.deepEqual(lessor.renew(1n, nowMs), { ttl: 900, mustResetCheckpoint: false });
  }
  assert.equal(backend.writes, 1);
});

test('leases of an older member with a smaller minimum are raised to ours', () => {
  const backend = new FakeBackend();
  createLessor(backend.port, { minTtlSeconds: 1 }).grant(1n, 1, 0);
  const lessor = lessorOn(backend);
  assert.equal(lessor.lease(1n)?.ttl, MIN_TTL);
});

test('a hundred thousand leases that run out at once come in bounded portions, each once', () => {
  const count = 100_000;
  const backend = new FakeBackend();
  const lessor = lessorOn(backend);
  lessor.promote(0, 0);
  for (let id = 1; id <= count; id += 1) lessor.grant(BigInt(id), 10, 0);
  assert.equal(lessor.count, count);
  assert.deepEqual(lessor.expired(9_999, 500), []);
  assert.equal(lessor.isDue(9_999), false);
  assert.equal(lessor.isDue(10_000), true);

  const named = drain(lessor, 10_000, 500);
  assert.equal(new Set(named).size, count);
  assert.equal(named.length, count);
  // Half of the revocations arrive; the others are asked for again, but not before their time.
  for (const id of named.slice(0, count / 2)) lessor.revoke(id);
  assert.deepEqual(lessor.expired(12_999, count), []);
  assert.deepEqual(new Set(drain(lessor, 13_000, 1000)), new Set(named.slice(count / 2)));
  for (const id of named.slice(count / 2)) lessor.revoke(id);
  assert.equal(lessor.count, 0);
  assert.equal(lessor.isDue(Number.MAX_VALUE), false);
  assert.equal(backend.rows.size, 0);
});

test('a new leader spreads a hundred thousand leases that would run out at once', () => {
  const count = 100_000;
  const backend = new FakeBackend();
  const before = lessorOn(backend);
  for (let id = 1; id <= count; id += 1) before.grant(BigInt(id), id % 2 === 0 ? 60 : 600, 0);

  const lessor = lessorOn(backend);
  lessor.promote(0, 1000);
  let revoked = 0;
  for (let second = 0; revoked < count; second += 1) {
    const ids = drain(lessor, second * 1000, 500);
    assert(ids.length <= 1500, `${ids.length} run out in second ${second}`);
    for (const id of ids) {
      assert(second >= (id % 2n === 0n ? 61 : 601), 'none runs out early');
      lessor.revoke(id);
    }
    revoked += ids.length;
    assert(second < 800, 'none is put off for ever');
  }
});
