/**
 * Freezing, rendering and recovering: what a frozen tree renders is the tree at the time of the freeze, whatever is written meanwhile; what
 * is recovered equals what was rendered; etcd's own snapshots are read.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { V2SnapshotError } from '../../../src/store/v2/json-reader.ts';
import { hashV2Store } from '../../../src/store/v2/store-hash.ts';
import type { V2FrozenTree, V2Store } from '../../../src/store/v2/types.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';
import { fc } from '../../support/fast-check.ts';
import { applyRequest, type Request, requestArbitrary } from './request.ts';

const START_NS = 1_700_000_000_000_000_000n;
const FOREVER = { expireTimeNs: undefined, refresh: false };

function newStore(): V2Store {
  return createV2Store(['/0', '/1']);
}

function renderRest(frozen: V2FrozenTree, budgetBytes = 1 << 20): string {
  const chunks: Uint8Array[] = [];
  for (let chunk = frozen.nextChunk(budgetBytes); chunk !== undefined; ) {
    chunks.push(chunk);
    chunk = frozen.nextChunk(budgetBytes);
  }
  return Buffer.concat(chunks).toString();
}

/** The order of children is free; that none stands there twice shows in the length, since JSON.parse would not tell. */
function assertSameTree(actual: string, expected: string): void {
  assert.deepEqual(JSON.parse(actual), JSON.parse(expected));
  assert.equal(actual.length, expected.length);
}

function recovered(json: string): V2Store {
  const store = newStore();
  store.recover(Buffer.from(json));
  return store;
}

/** Applies requests one second apart and returns the time after the last. */
function applyAll(store: V2Store, requests: readonly Request[], fromNs: bigint): bigint {
  let nowNs = fromNs;
  for (const request of requests) {
    nowNs += 1_000_000_000n;
    applyRequest(store, request, 0, nowNs);
  }
  return nowNs;
}

const requestsArbitrary = fc.array(requestArbitrary(true), { maxLength: 80, size: 'max' });

test('a frozen tree renders as at the time of the freeze, in any slices, with writes and other freezes between', () => {
  const slices = fc.array(
    fc.record({
      budget: fc.integer({ min: 1, max: 3000 }),
      requests: fc.array(requestArbitrary(true), { maxLength: 4 }),
    }),
    { maxLength: 60, size: 'max' },
  );
  fc.assert(
    fc.property(requestsArbitrary, slices, fc.nat(20), (before, during, secondAt) => {
      const store = newStore();
      let nowNs = applyAll(store, before, START_NS);
      const expected = renderRest(store.freeze());
      const frozen = store.freeze();
      let second: { frozen: V2FrozenTree; expected: string } | undefined;
      let text = '';
      let secondText = '';
      during.forEach(({ budget, requests }, at) => {
        if (at === secondAt) {
          second = { expected: renderRest(store.freeze()), frozen: store.freeze() };
        }
        text += Buffer.from(frozen.nextChunk(budget) ?? []).toString();
        secondText += Buffer.from(second?.frozen.nextChunk(budget) ?? []).toString();
        nowNs = applyAll(store, requests, nowNs);
      });
      text += renderRest(frozen, 100);
      assertSameTree(text, expected);
      if (second !== undefined) {
        assertSameTree(secondText + renderRest(second.frozen, 100), second.expected);
      }
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('a recovered store is the one that was rendered, and goes on like it', () => {
  fc.assert(
    fc.property(requestsArbitrary, requestsArbitrary, (before, after) => {
      const original = newStore();
      const nowNs = applyAll(original, before, START_NS);
      const json = renderRest(original.freeze());
      const copy = recovered(json);
      assert.equal(hashV2Store(copy), hashV2Store(original));
      assert.equal(copy.hasTtlNodes(), original.hasTtlNodes());
      assert.deepEqual(copy.stats, original.stats);
      assert.deepEqual(JSON.parse(renderRest(copy.freeze())), JSON.parse(json));
      applyAll(original, after, nowNs);
      applyAll(copy, after, nowNs);
      assert.equal(hashV2Store(copy), hashV2Store(original));
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
});

test('bytes that are no UTF-8 survive a snapshot; names that etcd made equal do not stop its snapshots from being read', () => {
  const original = newStore();
  original.set('/1/a\udcff', false, 'b\udc80é\udcc3', FOREVER, START_NS);
  original.set('/1/a\udcfe', true, '', FOREVER, START_NS);
  original.set('/1/a\udcfe/\udcee', false, '\ufffd', FOREVER, START_NS);
  const chunks: Uint8Array[] = [];
  const frozen = original.freeze();
  for (let chunk = frozen.nextChunk(64); chunk !== undefined; chunk = frozen.nextChunk(64))
    chunks.push(chunk);
  const json = Buffer.concat(chunks);
  const copy = newStore();
  copy.recover(json);
  assert.equal(hashV2Store(copy), hashV2Store(original));
  assert.equal(copy.get('/1/a\udcff', false, false, START_NS).event?.node.value, 'b\udc80é\udcc3');

  const asEtcd = recovered(json.toString('utf8'));
  assert.equal(asEtcd.get('/1', false, false, START_NS).event?.node.nodes?.length, 1);
});

test('a directory that outgrows its table while it is rendered', () => {
  const store = newStore();
  const set = (n: number, value: string): void => {
    store.set(`/1/big/${n}`, false, value, FOREVER, START_NS);
  };
  for (let n = 0; n < 16_300; n += 1) set(n, 'before');
  // Replaced in their places at the front: what stands behind them has still to be met.
  set(0, 'set again');
  store.update('/1/big/1', 'updated', FOREVER, START_NS);
  const expected = renderRest(store.freeze());
  const frozen = store.freeze();
  let text = Buffer.from(frozen.nextChunk(200_000)!).toString();
  for (let n = 0; n < 200; n += 1) {
    store.delete(`/1/big/${n * 80}`, false, false, START_NS);
    set(n * 80 + 1, 'while in one table');
  }
  for (let n = 16_300; n < 17_000; n += 1) set(n, 'new');
  for (let n = 0; n < 16_300; n += 7) set(n, 'while in many tables');
  for (let n = 3; n < 16_300; n += 7) store.delete(`/1/big/${n}`, false, false, START_NS);
  const sharded = renderRest(store.freeze());
  const second = store.freeze();
  let secondText = Buffer.from(second.nextChunk(200_000)!).toString();
  for (let n = 0; n < 16_300; n += 5) set(n, 'later');
  text += renderRest(frozen, 50_000);
  store.delete('/1/big', true, true, START_NS);
  secondText += renderRest(second, 50_000);
  assertSameTree(text, expected);
  assertSameTree(secondText, sharded);
  assert.equal(store.get('/1/big', false, false, START_NS).error?.errorCode, 100);
});

test('a released or finished view costs the writers nothing and hands out nothing', () => {
  const store = newStore();
  store.set('/1/a', false, '1', FOREVER, START_NS);
  const frozen = store.freeze();
  assert.equal(frozen.index, 1);
  frozen.nextChunk(10);
  frozen.release();
  frozen.release();
  assert.equal(frozen.nextChunk(10), undefined);
  const finished = store.freeze();
  renderRest(finished);
  assert.equal(finished.nextChunk(10), undefined);
});

test("etcd 3.4's own snapshot is recovered whole", () => {
  const json = readFileSync(new URL('./testdata/etcd-3.4-snapshot.json', import.meta.url), 'utf8');
  const store = recovered(json);
  assert.equal(store.currentIndex, 39);
  assert.equal(store.hasTtlNodes(), true);
  assert.equal(store.stats.setsSuccess, 32);
  assert.deepEqual(JSON.parse(renderRest(store.freeze())), JSON.parse(json));
  assert.equal(store.get('/0/version', false, false, START_NS).event?.node.value, '3.4.0');
  const heard: (string | undefined)[] = [];
  store.watch('/1/d', false, false, 39, (event) => heard.push(event.action), START_NS);
  assert.deepEqual(heard, ['expire']);
});

test('times with an offset, as a member in another time zone writes them, are the same moments', () => {
  const store = newStore();
  store.set('/1/a', false, '1', { expireTimeNs: START_NS + 5n, refresh: false }, START_NS);
  const json = renderRest(store.freeze());
  const elsewhere = json.replaceAll('2023-11-14T22:13:20.000000005Z', '2023-11-15T00:13:20.000000005+02:00');
  assert.notEqual(elsewhere, json);
  assert.equal(hashV2Store(recovered(elsewhere)), hashV2Store(store));
});

test('watches go on after a recovery and hear what they missed', () => {
  const ahead = newStore();
  const behind = newStore();
  const heard: string[] = [];
  const hear = (path: string) =>
    behind.watch(
      path,
      true,
      true,
      0,
      (e) => heard.push(`${path} ${e.action} ${e.node.modifiedIndex}`),
      START_NS,
    );
  for (const store of [ahead, behind]) store.set('/1/a/b', false, '1', FOREVER, START_NS);
  hear('/1/a/b');
  hear('/1/a');
  ahead.set('/1/a/b', false, '2', FOREVER, START_NS);
  ahead.delete('/1/a', true, true, START_NS);
  behind.recover(Buffer.from(renderRest(ahead.freeze())));
  behind.set('/1/a/c', false, '3', FOREVER, START_NS);
  assert.deepEqual(heard, ['/1/a set 2', '/1/a/b set 2', '/1/a/b delete 3', '/1/a delete 3', '/1/a set 4']);
});

test('what is no snapshot is refused with the byte, and the store stays as it was', () => {
  const good = renderRest(newStore().freeze());
  const bad: readonly (readonly [text: string, message: RegExp])[] = [
    ['', /expected '\{' at byte 0$/],
    ['{}', /Root or CurrentIndex is missing at byte 2$/],
    [good.slice(0, -1), /expected '}' at byte/],
    [`${good} x`, /expected the end at byte/],
    [good.replace('"CreatedIndex":0', '"CreatedIndex":9'), /index 9 is used, but CurrentIndex is 0/],
    [good.replace('"CreatedIndex":0', '"CreatedIndex":1.5'), /whole number/],
    [good.replace('"CreatedIndex":0', '"CreatedIndex":9007199254740993'), /too large/],
    [good.replace('"0":{', '"":{'), /no proper name/],
    [good.replace('"0":{', '"1":{'), /the same name/],
    [good.replaceAll('0001-01-01', '0001-13-01'), /malformed time/],
    [good.replace('"Size":0', '"Size":3'), /event of the history is missing/],
    ['{"Root":{"Path":"/","Children":null},"CurrentIndex":1}', /Root is no directory/],
  ];
  for (const [text, message] of bad) {
    const store = newStore();
    store.set('/1/a', false, '1', FOREVER, START_NS);
    const hash = hashV2Store(store);
    assert.throws(
      () => store.recover(Buffer.from(text)),
      (error) => error instanceof V2SnapshotError && message.test(error.message),
      text.slice(0, 60),
    );
    assert.equal(hashV2Store(store), hash);
  }
});

test('no cut or changed byte of a snapshot leads to anything but a snapshot or a V2SnapshotError', () => {
  const store = newStore();
  for (let n = 0; n < 5; n += 1) store.set(`/1/a${n}`, false, 'é\n"', FOREVER, START_NS);
  store.update('/1/a1', '', { expireTimeNs: START_NS, refresh: true }, START_NS);
  const good = Buffer.from(renderRest(store.freeze()).replaceAll('null,', ''));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
      const bytes = cut ? good.subarray(0, at) : Buffer.from(good);
      if (!cut) bytes[at] = byte;
      try {
        newStore().recover(bytes);
      } catch (error) {
        assert.ok(error instanceof V2SnapshotError, String(error));
      }
    }),
    { numRuns: 2000, includeErrorInReport: true },
  );
});

test('a tree of 5,000 levels is written, listed, rendered, hashed, expired and removed without running out of stack', () => {
  const store = newStore();
  const path = `/1${'/d'.repeat(5_000)}`;
  store.set(path, false, 'deep', { expireTimeNs: START_NS + 1n, refresh: false }, START_NS);
  const listing = store.get('/1', true, true, START_NS).event!;
  assert.equal(listing.node.nodes?.length, 1);
  const json = renderRest(store.freeze());
  const copy = recovered(json);
  assert.equal(hashV2Store(copy), hashV2Store(store));
  store.deleteExpired(START_NS + 1n);
  assert.equal(store.get(path, false, false, START_NS).error?.errorCode, 100);
  assert.equal(copy.delete('/1/d', true, true, START_NS).error, undefined);
  assert.equal(copy.hasTtlNodes(), false);
});
