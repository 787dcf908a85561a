/** The store against the naive model, over random requests: outcomes, what watches hear, counters, the whole tree. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeError, encodeEvent } from '../../../src/store/v2/event-encoder.ts';
import { hashV2Store } from '../../../src/store/v2/store-hash.ts';
import type { V2Outcome } from '../../../src/store/v2/types.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';
import { fc } from '../../support/fast-check.ts';
import { NaiveStore } from './naive-store.ts';
import {
  applyRequest,
  pathArbitrary,
  prevIndexOf,
  type Request,
  requestArbitrary,
  type StoreUnderTest,
} from './request.ts';

const START_NS = 1_700_000_000_000_000_000n;
const HALF_SECOND_NS = 500_000_000n;

interface WatchRequest {
  readonly path: string;
  readonly recursive: boolean;
  readonly stream: boolean;
  /** 0: from now on; n: n - 1 changes back (below 0: to come). */
  readonly back: number;
  /** Taken away before this many further steps. */
  readonly removeAfter: number;
}

const watchArbitrary: fc.Arbitrary<WatchRequest> = fc.record({
  path: fc.oneof(pathArbitrary, fc.constant('/')),
  recursive: fc.boolean(),
  stream: fc.boolean(),
  back: fc.integer({ min: -3, max: 15 }),
  removeAfter: fc.integer({ min: 1, max: 60 }),
});

type Step = { readonly request: Request } | { readonly watch: WatchRequest };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: requestArbitrary(true).map((request) => ({ request })) },
  { weight: 1, arbitrary: watchArbitrary.map((watch) => ({ watch })) },
);

/** Runs the steps and writes down everything a client could see. */
function play(store: StoreUnderTest, steps: readonly Step[]): string[] {
  const seen: string[] = [];
  // Apart, since the order in which different watches hear of one event means nothing.
  const heard: string[][] = [];
  let nowNs = START_NS;
  const removals = new Map<number, (() => void)[]>();
  steps.forEach((step, at) => {
    for (const remove of removals.get(at) ?? []) remove();
    nowNs += HALF_SECOND_NS;
    if ('watch' in step) {
      const { path, recursive, stream, back, removeAfter } = step.watch;
      const since = back === 0 ? 0 : Math.max(0, store.currentIndex + 1 - back);
      const hears = [`watch ${at} of ${path} before step`];
      heard.push(hears);
      const { watcher, error } = store.watch(
        path,
        recursive,
        stream,
        since,
        (event) => hears.push(`${event.etcdIndex} ${encodeEvent(event, 0)}`),
        nowNs,
      );
      if (error !== undefined) seen.push(encodeError(error, ''));
      else
        removals.set(at + removeAfter, [...(removals.get(at + removeAfter) ?? []), () => watcher.remove()]);
      return;
    }
    const prevIndex = prevIndexOf(step.request, store.currentIndex, store.currentIndex);
    if (step.request.method === 'EXPIRE') nowNs += BigInt(step.request.ttlSeconds ?? 0) * 1_000_000_000n;
    for (const hears of heard) hears.push(`step ${at}`);
    seen.push(`${at} ${textOf(applyRequest(store, step.request, prevIndex, nowNs))}`);
  });
  seen.push(textOf(store.get('/', true, true, nowNs)));
  seen.push(`ttl nodes ${store.hasTtlNodes()}, index ${store.currentIndex}`);
  for (const [name, count] of Object.entries(store.stats).sort()) {
    if (count !== 0) seen.push(`${name} ${count}`);
  }
  return [...seen, ...heard.flat()];
}

function textOf(outcome: V2Outcome | undefined): string {
  if (outcome === undefined) return 'done';
  if (outcome.error !== undefined) return encodeError(outcome.error, '');
  return `${outcome.event.etcdIndex} ${outcome.event.refresh === true} ${encodeEvent(outcome.event, 0)}`;
}

test('the store does what the naive model does', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 120, size: 'max' }), (steps) => {
      const expected = play(new NaiveStore(['/0', '/1']), steps);
      assert.deepEqual(play(createV2Store(['/0', '/1']), steps), expected);
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
});

test('equal requests give equal hashes, whatever was read in between', () => {
  fc.assert(
    fc.property(
      fc.array(requestArbitrary(true), { maxLength: 60, size: 'max' }),
      requestArbitrary(false),
      (requests, extra) => {
        const left = createV2Store(['/0', '/1']);
        const right = createV2Store(['/0', '/1']);
        let nowNs = START_NS;
        for (const request of requests) {
          nowNs += HALF_SECOND_NS;
          applyRequest(left, request, 0, nowNs);
          right.get('/1', true, false, nowNs);
          applyRequest(right, request, 0, nowNs);
        }
        assert.equal(hashV2Store(left), hashV2Store(right));
        const changed = applyRequest(right, extra, 0, nowNs)?.event;
        if (changed !== undefined && changed.action !== 'get') {
          assert.notEqual(hashV2Store(left), hashV2Store(right));
        }
      },
    ),
    { numRuns: 150, includeErrorInReport: true },
  );
});
