/** What the chaos run's checks find: small histories and watches with one thing wrong each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeLog } from '../../chaos/v2/change-log.ts';
import type { Change } from '../../chaos/v2/change-watcher.ts';
import { checkHistory, type Leaves } from '../../chaos/v2/check-history.ts';
import { History, type RecordedOperation } from '../../chaos/v2/history.ts';
import type { V2RegisterInput, V2RegisterOutput } from '../../src/linearizability/v2-register.ts';

const key = '/r/a';

function operation(
  calledAt: number,
  input: V2RegisterInput,
  output: V2RegisterOutput | undefined,
  etcdIndex: number,
): RecordedOperation {
  return { client: 0, member: 'm0', input, output, calledAt, answeredAt: calledAt + 1, etcdIndex };
}

const first = { value: 'one', index: 10 };
const second = { value: 'two', index: 12 };
const writeOne = operation(
  0,
  { key, kind: 'set', value: 'one' },
  { result: 'done', index: 10, previous: null },
  10,
);
const writeTwo = operation(
  2,
  { key, kind: 'set', value: 'two' },
  { result: 'done', index: 12, previous: first },
  12,
);
const readTwo = operation(4, { key, kind: 'get' }, { result: 'found', ...second }, 12);
const changeOne: Change = { key, action: 'set', member: 'm0', seenAtMs: 1, ...first, previous: undefined };
const changeTwo: Change = { key, action: 'set', member: 'm1', seenAtMs: 3, ...second, previous: first };

interface Seen {
  readonly operations: readonly RecordedOperation[];
  readonly staleReads: readonly RecordedOperation[];
  readonly watches: readonly { readonly changes: Change[]; readonly losses: [number, number][] }[];
  readonly leaves: Leaves;
}

const clean: Seen = {
  operations: [writeOne, writeTwo, readTwo],
  staleReads: [operation(3, { key, kind: 'get' }, { result: 'found', ...first }, 11)],
  watches: [
    { changes: [changeOne, changeTwo], losses: [] },
    { changes: [changeOne, changeTwo], losses: [] },
  ],
  leaves: new Map([[key, second]]),
};

function faultsOf(change: Partial<Seen>): readonly string[] {
  const seen = { ...clean, ...change };
  const history = new History();
  history.operations.push(...seen.operations);
  history.staleReads.push(...seen.staleReads);
  return checkHistory(history, new ChangeLog(seen.watches), seen.leaves).faults;
}

const watched = (...changes: Change[]): Partial<Seen> => ({ watches: [{ changes, losses: [] }] });

const cases: readonly (readonly [name: string, seen: Partial<Seen>, fault: RegExp])[] = [
  [
    'a quorum read of what was overwritten',
    { operations: [writeOne, writeTwo, operation(4, readTwo.input, { result: 'found', ...first }, 10)] },
    /not linearizable: \/r\/a/,
  ],
  [
    'a later write at an earlier index',
    {
      operations: [
        ...clean.operations,
        operation(
          6,
          { key: '/r/b', kind: 'set', value: 'b' },
          { result: 'done', index: 11, previous: null },
          11,
        ),
      ],
    },
    /answered at index 11: .*set "b".* after .*set "two"/,
  ],
  [
    'an acknowledged write that no watch saw',
    { ...watched(changeOne), leaves: new Map([[key, first]]) },
    /acknowledged and lost: .*set "two"/,
  ],
  [
    'an acknowledged write that is something else',
    watched(changeOne, { ...changeTwo, value: 'three' }),
    /acknowledged .*set "two".*, but @12 is set \/r\/a three/,
  ],
  [
    'a change nobody asked for',
    watched(changeOne, changeTwo, { ...changeTwo, index: 13, value: 'three', previous: second }),
    /three: nobody wrote that/,
  ],
  [
    'one write twice',
    watched(changeOne, changeTwo, { ...changeTwo, index: 13, previous: second }),
    /two was written at 12 and again at 13/,
  ],
  [
    'a refused write that was done',
    {
      operations: [
        writeOne,
        operation(2, { key, kind: 'create', value: 'two' }, { result: 'exists' }, 11),
        readTwo,
      ],
    },
    /@12: refused, but done/,
  ],
  [
    'a stale read of what never was at its index',
    { staleReads: [operation(3, { key, kind: 'get' }, { result: 'found', ...first }, 12)] },
    /at index 12 the key was "two" @12/,
  ],
  [
    'a tree without the last change',
    { leaves: new Map([[key, first]]) },
    /holds one @10, but its last change is/,
  ],
  ['a watch that goes back', watched(changeTwo, changeOne), /a watch told 10 after 12/],
  [
    'a watch that passes over a change',
    {
      watches: [
        { changes: [changeTwo], losses: [] },
        { changes: [changeOne, changeTwo], losses: [] },
      ],
    },
    /a watch passed over @10 set/,
  ],
  [
    'two watches that differ',
    {
      watches: [
        { changes: [changeOne, changeTwo], losses: [] },
        { changes: [changeOne, { ...changeTwo, action: 'create' }], losses: [] },
      ],
    },
    /two watches differ: @12 set .*@12 create/,
  ],
  ['a change that does not follow', watched({ ...changeTwo }), /@12 set .* does not follow nothing/],
];

test('a history without a fault', () => {
  assert.deepEqual(faultsOf({}), []);
});

for (const [name, seen, fault] of cases) {
  test(name, () => {
    const found = faultsOf(seen);
    assert.ok(
      found.some((each) => fault.test(each)),
      `${fault} is not among:\n${found.join('\n')}`,
    );
  });
}

test('a watch that was told it came too late has not passed over anything; what all lost is not held against the rest', () => {
  const late: [number, number] = [10, 11];
  assert.deepEqual(
    faultsOf({
      watches: [
        { changes: [changeTwo], losses: [late] },
        { changes: [changeOne, changeTwo], losses: [] },
      ],
    }),
    [],
  );
  assert.deepEqual(
    faultsOf({
      watches: [
        { changes: [changeTwo], losses: [late] },
        { changes: [changeTwo], losses: [late] },
      ],
    }),
    [],
  );
});
