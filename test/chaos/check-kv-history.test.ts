/** What the chaos run's checks of the v3 store find: small histories and watches with one thing wrong each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKvHistory } from '../../chaos/v3/check-kv-history.ts';
import { KvLog } from '../../chaos/v3/kv-log.ts';
import {
  type KeyValue,
  type KvAnswer,
  type KvOperation,
  type KvRequest,
  type RecordedRequest,
  single,
} from '../../chaos/v3/kv-request.ts';
import type { KvEvent } from '../../chaos/v3/kv-watcher.ts';

function asked(calledAt: number, request: KvRequest, answer: KvAnswer | undefined): RecordedRequest {
  const answeredAt = answer === undefined ? Number.POSITIVE_INFINITY : calledAt + 1;
  return { client: 0, member: 'm0', request, answer, calledAt, answeredAt };
}

function version(key: string, value: string, created: number, modified: number, count: number): KeyValue {
  return { key, value, createRevision: created, modRevision: modified, version: count, lease: '0' };
}

function told(revision: number, before: KeyValue | undefined, after: KeyValue | undefined): KvEvent {
  return { revision, key: (after ?? before)!.key, before, after, member: 'm1', seenAtMs: revision };
}

const put = (key: string, value: string): KvOperation => ({ kind: 'put', key, value });
const range: KvOperation = { kind: 'range', key: 'a' };

// Revision 2: a = one. 3: a = two, b = b in one transaction. 4: a deleted.
const one = version('a', 'one', 2, 2, 1);
const two = version('a', 'two', 2, 3, 2);
const b = version('b', 'b', 3, 3, 1);
const putOne = asked(0, single(put('a', 'one')), { revision: 2, succeeded: true, results: [[]] });
const swap: KvRequest = {
  via: 'txn',
  isSerializable: false,
  conditions: [{ key: 'a', target: 'MOD', number: 2 }],
  success: [put('a', 'two'), put('b', 'b')],
  failure: [range],
};
const swapped = asked(2, swap, { revision: 3, succeeded: true, results: [[one], []] });
const readTwo = asked(4, single(range), { revision: 3, succeeded: true, results: [[two]] });
const deleted = asked(6, single({ kind: 'delete', key: 'a' }), {
  revision: 4,
  succeeded: true,
  results: [[two]],
});
const lateSwap = asked(8, swap, { revision: 4, succeeded: false, results: [[]] });

const requests: readonly RecordedRequest[] = [putOne, swapped, readTwo, deleted, lateSwap];
const events: readonly KvEvent[] = [
  told(2, undefined, one),
  told(3, one, two),
  told(3, undefined, b),
  told(4, two, undefined),
];

function faultsOf(
  these: readonly RecordedRequest[],
  ...watches: readonly (readonly KvEvent[])[]
): readonly string[] {
  const log = new KvLog(
    2,
    watches.map((each) => ({ events: [...each] })),
  );
  return checkKvHistory(these, log).faults;
}

/** The requests with one in place of another, or without it. */
function instead(old: RecordedRequest, ...others: readonly RecordedRequest[]): readonly RecordedRequest[] {
  return requests.flatMap((each) => (each === old ? others : [each]));
}

function answering(request: RecordedRequest, change: Partial<KvAnswer>): RecordedRequest {
  return { ...request, answer: { ...request.answer!, ...change } };
}

test('a history without a fault', () => {
  assert.deepEqual(faultsOf(requests, events, events), []);
  assert.deepEqual(faultsOf(requests, events, events.slice(0, 1)), []);
});

test('an unanswered request may have been done, or not', () => {
  const open = (request: RecordedRequest): RecordedRequest =>
    asked(request.calledAt, request.request, undefined);
  assert.deepEqual(faultsOf(instead(deleted, open(deleted)), events), []);
  assert.deepEqual(faultsOf([...requests, asked(3, single(put('a', 'never')), undefined)], events), []);
});

test('a serializable read may be old, but not wrong', () => {
  const old = asked(9, single(range, true), { revision: 2, succeeded: true, results: [[one]] });
  assert.deepEqual(faultsOf([...requests, old], events), []);
  assert.match(
    faultsOf([...requests, answering(old, { results: [[two]] })], events).join(),
    /was to be answered/,
  );
});

test('the end of a lease', () => {
  const leased = { ...version('l', 'l', 5, 5, 1), lease: '7' };
  const grown = [...events, told(5, undefined, leased), told(6, leased, undefined)];
  const made = asked(10, single({ kind: 'put', key: 'l', value: 'l', lease: '7' }), {
    revision: 5,
    succeeded: true,
    results: [[]],
  });
  assert.deepEqual(faultsOf([...requests, made], grown), []);
});

const cases: readonly (readonly [
  name: string,
  requests: readonly RecordedRequest[],
  events: readonly KvEvent[],
  fault: RegExp,
])[] = [
  [
    'a read of what was overwritten',
    instead(readTwo, answering(readTwo, { revision: 2, results: [[one]] })),
    events,
    /earlier than what was answered before it/,
  ],
  [
    'a read of what is not there at its revision',
    instead(readTwo, answering(readTwo, { results: [[one]] })),
    events,
    /was to be answered .*"range"/,
  ],
  [
    'a comparison that should have failed',
    instead(
      swapped,
      asked(2, { ...swap, conditions: [{ key: 'a', target: 'VERSION', number: 5 }] }, swapped.answer),
    ),
    events,
    /was to be answered \(false\)/,
  ],
  [
    'half a transaction',
    requests,
    events.filter(({ key }) => key !== 'b'),
    /acknowledged .*, but revision 3/,
  ],
  ['an acknowledged write that is lost', requests, events.slice(0, 3), /acknowledged and lost: .*"delete"/],
  ['a change that nobody asked for', instead(deleted), events, /nobody asked for revision 4 .*a deleted/],
  [
    'an unanswered write that was done twice',
    [...requests, asked(9, single(put('b', 'c')), undefined)],
    [
      ...events,
      told(5, b, { ...b, value: 'c', modRevision: 5, version: 2 }),
      told(
        6,
        { ...b, value: 'c', modRevision: 5, version: 2 },
        { ...b, value: 'c', modRevision: 6, version: 3 },
      ),
    ],
    /nobody asked for revision 6/,
  ],
  [
    'one revision for two',
    [...requests, asked(9, single({ kind: 'delete', key: 'a' }), deleted.answer)],
    events,
    /one revision twice/,
  ],
  [
    'a watch that passes over a revision',
    requests,
    events.filter(({ revision }) => revision !== 3),
    /passed over the revisions 3 to 3/,
  ],
  ['a watch that goes back', requests, [...events, events[0]!], /told revision 2 after 4/],
  [
    'a watch that tells the wrong value of before',
    requests,
    events.map((each) => (each.revision === 4 ? { ...each, before: one } : each)),
    /before that there was .*two/,
  ],
  [
    'a version that does not count on',
    requests,
    events.map((each) => (each.after === two ? { ...each, after: { ...two, version: 3 } } : each)),
    /does not follow/,
  ],
];

for (const [name, these, told, fault] of cases) {
  test(name, () => {
    const found = faultsOf(these, told);
    assert.ok(
      found.some((each) => fault.test(each)),
      `${fault} is not among:\n${found.join('\n')}`,
    );
  });
}

test('two watches that differ', () => {
  const other = events.map((each) => (each.key === 'b' ? { ...each, after: { ...b, value: 'c' } } : each));
  assert.match(faultsOf(requests, events, other).join(), /two watches differ/);
});

test('a read of the past tells what was then', () => {
  const past = (revision: number, found: readonly KeyValue[]): RecordedRequest =>
    asked(9, single({ kind: 'range', key: 'a', revision }), {
      revision: 4,
      succeeded: true,
      results: [found],
    });
  assert.deepEqual(faultsOf([...requests, past(2, [one]), past(3, [two]), past(4, [])], events), []);
  assert.match(faultsOf([...requests, past(2, [two])], events).join(), /at revision 4 .* was to be answered/);
  assert.match(faultsOf([...requests, past(3, [])], events).join(), /was to be answered/);
});
