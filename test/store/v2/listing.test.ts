/** Listings in pieces say what `get` said when they were opened, whatever is written meanwhile. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeEvent } from '../../../src/store/v2/event-encoder.ts';
import { openListing, type V2Listing } from '../../../src/store/v2/listing.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';
import { fc } from '../../support/fast-check.ts';
import { applyRequest, pathArbitrary, type Request, requestArbitrary } from './request.ts';

const START_NS = 1_700_000_000_000_000_000n;
const FOREVER = { expireTimeNs: undefined, refresh: false };

function rest(listing: V2Listing, budgetUnits: number): string {
  let text = '';
  for (let piece = listing.next(budgetUnits); piece !== undefined; piece = listing.next(budgetUnits))
    text += piece;
  return text;
}

/** Without an order of its own, a listing is compared as a set. */
function byKey(json: string): unknown {
  return JSON.parse(json, (name, value) =>
    name === 'nodes' ? (value as { key: string }[]).sort((a, b) => (a.key < b.key ? -1 : 1)) : value,
  );
}

test('a listing is the tree at its opening', () => {
  fc.assert(
    fc.property(
      fc.array(requestArbitrary(true), { maxLength: 80, size: 'max' }),
      fc.oneof(pathArbitrary, fc.constant('/1'), fc.constant('/1/a')),
      fc.boolean(),
      fc.boolean(),
      fc.array(
        fc.tuple(fc.integer({ min: 1, max: 400 }), fc.array(requestArbitrary(true), { maxLength: 4 })),
      ),
      (before, path, recursive, sorted, during) => {
        const store = createV2Store(['/0', '/1']);
        let nowNs = START_NS;
        const applyAll = (requests: readonly Request[]): void => {
          for (const request of requests) {
            nowNs += 1_000_000_000n;
            applyRequest(store, request, 0, nowNs);
          }
        };
        applyAll(before);
        const got = store.get(path, recursive, sorted, nowNs);
        const { listing, event, error } = openListing(store, path, recursive, sorted, 2, nowNs);
        const counted = store.stats.getsSuccess + store.stats.getsFail;
        assert.equal(counted, 2 + before.filter(({ method }) => method === 'GET').length);
        if (listing === undefined) {
          assert.deepEqual({ event, error }, { event: got.event, error: got.error });
          assert.notEqual(event?.node.dir, true);
          return;
        }
        let text = '';
        for (const [budget, requests] of during) {
          text += listing.next(budget) ?? '';
          applyAll(requests);
        }
        text += rest(listing, 50);
        const expected = encodeEvent(got.event!, 2);
        assert.equal(listing.etcdIndex, got.event!.etcdIndex);
        if (sorted) assert.equal(text, expected);
        else assert.deepEqual(byKey(text), byKey(expected));
      },
    ),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('a sorted directory of many runs', () => {
  const store = createV2Store(['/0', '/1']);
  for (let n = 0; n < 20_000; n += 1) {
    store.set(`/1/big/${(n * 7919) % 20_000}`, false, String(n), FOREVER, START_NS);
  }
  const expected = encodeEvent(store.get('/1/big', false, true, START_NS).event!, 2);
  const { listing } = openListing(store, '/1/big', false, true, 2, START_NS);
  let text = listing!.next(1000)!;
  for (let n = 0; n < 20_000; n += 3) store.delete(`/1/big/${n}`, false, false, START_NS);
  text += rest(listing!, 10_000);
  assert.equal(text, expected);
});

test('a released listing hands out nothing more', () => {
  const store = createV2Store(['/0', '/1']);
  store.set('/1/a/b', false, '1', FOREVER, START_NS);
  const { listing } = openListing(store, '/1', true, true, 2, START_NS);
  listing!.next(1);
  listing!.release();
  listing!.release();
  assert.equal(listing!.next(1), undefined);
});
