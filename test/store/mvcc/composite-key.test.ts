/** Keys made of a user's key and a number: their order is that of the pairs, whatever bytes the user's key holds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  historyEnd,
  historyKey,
  historyMain,
  historyStart,
  historySub,
  isHistoryOf,
  keyOfLeaseKey,
  leaseBounds,
  leaseKey,
  userKeyOf,
} from '../../../src/store/mvcc/composite-key.ts';
import { isTombstoneKey, mainOf, revisionKey, subOf } from '../../../src/store/mvcc/revision-key.ts';
import { fc } from '../../support/fast-check.ts';

/** Mostly of bytes that matter for the order. */
const keyArbitrary = fc.array(fc.oneof(fc.constantFrom(0, 1, 0x1f, 0x20, 0xff), fc.nat(255)), {
  maxLength: 6,
});
const key = keyArbitrary.map((bytes) => Uint8Array.from(bytes));
const revision = fc.record({
  main: fc.oneof(fc.nat(3), fc.maxSafeNat()),
  sub: fc.oneof(fc.nat(3), fc.nat(0xffffffff)),
});

function order(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(Buffer.compare(a, b));
}

test('history keys are ordered by user key, then by revision', () => {
  fc.assert(
    fc.property(key, revision, key, revision, (keyA, a, keyB, b) => {
      const composite = order(historyKey(keyA, a.main, a.sub), historyKey(keyB, b.main, b.sub));
      assert.equal(composite, order(keyA, keyB) || Math.sign(a.main - b.main) || Math.sign(a.sub - b.sub));
    }),
    { numRuns: 5000 },
  );
});

test('the bounds of a key enclose its history and nobody else’s', () => {
  fc.assert(
    fc.property(key, key, revision, (keyA, keyB, { main, sub }) => {
      const entry = historyKey(keyB, main, sub);
      const isSame = order(keyA, keyB) === 0;
      const isWithin = order(historyStart(keyA), entry) < 0 && order(entry, historyEnd(keyA)) < 0;
      assert.equal(isWithin, isSame);
      assert.equal(isHistoryOf(entry, historyStart(keyA)), isSame);
      assert.equal(order(historyStart(keyA), entry) < 0, order(keyA, keyB) <= 0);
    }),
    { numRuns: 5000 },
  );
});

test('what was put into a history key comes out of it', () => {
  fc.assert(
    fc.property(key, revision, (user, { main, sub }) => {
      const composite = historyKey(user, main, sub);
      assert.deepEqual([...userKeyOf(composite)], [...user]);
      assert.equal(historyMain(composite), main);
      assert.equal(historySub(composite), sub);
    }),
  );
});

test('the bounds of a lease enclose its keys and no other lease’s', () => {
  const lease = fc.oneof(fc.bigInt(0n, 3n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.constant(-1n));
  fc.assert(
    fc.property(lease, lease, key, (leaseA, leaseB, user) => {
      const { start, end } = leaseBounds(leaseA);
      const entry = leaseKey(leaseB, user);
      const isWithin = order(start, entry) <= 0 && (end === undefined || order(entry, end) < 0);
      assert.equal(isWithin, leaseA === leaseB);
      assert.deepEqual([...keyOfLeaseKey(entry)], [...user]);
    }),
  );
});

test('revision keys are etcd’s', () => {
  assert.equal(
    Buffer.from(revisionKey(0x01020304_0506, 7)).toString('hex'),
    '0000010203040506' + '5f' + '0000000000000007',
  );
  fc.assert(
    fc.property(revision, revision, (a, b) => {
      const first = revisionKey(a.main, a.sub);
      assert.deepEqual([mainOf(first), subOf(first), isTombstoneKey(first)], [a.main, a.sub, false]);
      assert.equal(
        order(first, revisionKey(b.main, b.sub)),
        Math.sign(a.main - b.main) || Math.sign(a.sub - b.sub),
      );
    }),
  );
});
