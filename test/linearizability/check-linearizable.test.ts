/** Histories known to be linearizable or broken, random small ones against the definition, long ones for speed. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLinearizable } from '../../src/linearizability/check-linearizable.ts';
import {
  type V2RegisterInput,
  type V2RegisterOutput,
  v2Register,
} from '../../src/linearizability/v2-register.ts';
import { fc } from '../support/fast-check.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { isLinearizableByTrying } from './brute-force.ts';
import { type GeneratedHistory, generateHistory, type RegisterOperation } from './generated-history.ts';
import { history } from './notation.ts';

const known: readonly (readonly [name: string, result: 'ok' | 'violation', picture: string])[] = [
  ['nothing at all', 'ok', ''],
  ['one after the other', 'ok', 'a: |-- get - --| |-- set x --| |-- get x --| |-- delete --| |-- get - --|'],
  [
    'a read during a write may see either',
    'ok',
    `a: |------ set x ---------------------------------|
     b:      |-- get - --|        |-- get x --|`,
  ],
  [
    'but not the new value first and then the old one',
    'violation',
    `a: |------ set x ---------------------------------|
     b:      |-- get x --|        |-- get - --|`,
  ],
  [
    'two readers may not see two writes in different orders',
    'violation',
    `a: |---- set x --------------|
     b: |---- set y --------------|
     c:                            |-- get x --| |-- get y --|`,
  ],
  [
    'a stale read: after the answer of the write',
    'violation',
    `a: |-- set x --| |-- set y --|
     b:                            |-- get x --|`,
  ],
  [
    'a lost write',
    'violation',
    `a: |-- set x --|
     b:                |-- get - --|`,
  ],
  [
    'two swaps from the same value',
    'violation',
    `a: |-- set x --| |-- swap x y --|
     b:              |-- swap x z --|`,
  ],
  [
    'of two swaps one fails',
    'ok',
    `a: |-- set x --| |-- swap x y --|
     b:              |-- swap? x z --|`,
  ],
  [
    'a create after a create',
    'violation',
    `a: |-- create x --|
     b:                  |-- create y --|`,
  ],
  [
    'a create after a delete, an exists meanwhile',
    'ok',
    `a: |-- create x --|  |-- delete --|
     b:      |-- create? y --|       |-- create y --|`,
  ],
  [
    'no answer: takes effect much later',
    'ok',
    `a: |-- set x ...
     b:    |-- get - --| |-- get - --|  |-- get x --|`,
  ],
  ['no answer: never takes effect', 'ok', 'a: |-- set x ...   |-- get - --|  |-- get - --|'],
  [
    'no answer: but not twice',
    'violation',
    `a: |-- set x ...
     b:    |-- get x --| |-- set y --|  |-- get y --|  |-- get x --|`,
  ],
  [
    'no answer: but not before its call',
    'violation',
    `a:                    |-- set x ...
     b:    |-- get x --|`,
  ],
  [
    'a chain of unanswered swaps',
    'ok',
    `a: |-- swap x y ...
     b: |-- swap y z ...
     c: |-- set x --|   |-- get z --|`,
  ],
  ['a failed swap needs a node', 'violation', `a: |-- swap? x y --|`],
  [
    'indexes order what time does not',
    'violation',
    `a: |------ set x @8 --------|
     b: |------ set y @9 --------|
     c:                            |-- get x @8 --|`,
  ],
  [
    'an index tells an unanswered write its place',
    'violation',
    `a: |-- set x ...
     b:    |-- set y @9 --|   |-- get x @8 --|`,
  ],
  [
    'a write of the value that is there still has its place',
    'ok',
    `a: |-- set x --|   |------- set x -------|
     b:                    |--- set y ---|
     c:                                        |-- get x --|`,
  ],
  ['a swap by index', 'ok', `a: |-- set x @3 --| |-- swapAt 3 y @5 --|  |-- get y @5 --|`],
  [
    'a swap by an index that is past',
    'violation',
    `a: |-- set x @3 --| |-- set y @4 --| |-- swapAt 3 z @5 --|`,
  ],
];

for (const [name, result, picture] of known) {
  test(`${result}: ${name}`, () => {
    const operations = history(picture);
    assert.equal(checkLinearizable(v2Register, operations).result, result);
    assert.equal(isLinearizableByTrying(v2Register, operations), result === 'ok', 'the brute force agrees');
  });
}

const value = fc.constantFrom('x', 'y');
const index = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
const version = fc.record({ value, index });
const key = fc.constantFrom('/a', '/a', '/a', '/b');
const input: fc.Arbitrary<V2RegisterInput> = fc.oneof(
  fc.record({ key, kind: fc.constant('get') }),
  fc.record({ key, kind: fc.constant('set'), value }),
  fc.record({ key, kind: fc.constantFrom('create', 'update'), value }),
  fc.record({ key, kind: fc.constant('delete') }),
  fc.record({ key, kind: fc.constant('compareAndSwap'), value, prevValue: value }),
  fc.record({ key, kind: fc.constant('compareAndSwap'), value, prevIndex: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ key, kind: fc.constant('compareAndDelete'), prevValue: value }),
) as fc.Arbitrary<V2RegisterInput>;
const output: fc.Arbitrary<V2RegisterOutput> = fc.oneof(
  fc.record({ result: fc.constant('found' as const), value, index }),
  fc.record({
    result: fc.constant('done' as const),
    index,
    previous: fc.option(fc.option(version, { nil: null }), { nil: undefined }),
  }),
  fc.record({ result: fc.constantFrom('missing', 'exists', 'compareFailed') }),
) as fc.Arbitrary<V2RegisterOutput>;

/** Outputs that at least fit the question, so that a good part of the histories is linearizable. */
const fitting = (asked: V2RegisterInput): fc.Arbitrary<V2RegisterOutput> =>
  output.filter(({ result }) => {
    if (asked.kind === 'get') return result === 'found' || result === 'missing';
    if (result === 'found') return false;
    if (result === 'exists') return asked.kind === 'create';
    if (result === 'compareFailed') return asked.kind.startsWith('compare');
    return result === 'done' || asked.kind !== 'set';
  });
const operation: fc.Arbitrary<RegisterOperation> = input.chain((asked) =>
  fc
    .record({
      client: fc.integer({ min: 0, max: 3 }),
      output: fc.option(fitting(asked), { nil: undefined, freq: 4 }),
      calledAt: fc.integer({ min: 0, max: 12 }),
      lasted: fc.integer({ min: 0, max: 6 }),
    })
    .map(({ lasted, ...rest }) => ({ ...rest, input: asked, answeredAt: rest.calledAt + lasted })),
);

test('says the same as the definition of small random histories', (t) => {
  const counts = { ok: 0, violation: 0, unknown: 0 };
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 6 }), (operations) => {
      const { result } = checkLinearizable(v2Register, operations);
      counts[result]++;
      assert.equal(result, isLinearizableByTrying(v2Register, operations) ? 'ok' : 'violation');
    }),
    { numRuns: 4_000 },
  );
  t.diagnostic(`${counts.ok} linearizable, ${counts.violation} not`);
  assert.ok(counts.ok > 300 && counts.violation > 300);
});

test('small histories made by a register are linearizable, one answer changed: as the definition says', (t) => {
  let broken = 0;
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (seed, tellsIndexes) => {
      const random = seededRandom(seed);
      const wanted = {
        operations: 7,
        clients: 3,
        keys: 1,
        unansweredPerThousand: 250,
        tellsIndexes,
        values: 2,
      };
      const operations = generateHistory(random, wanted);
      assert.equal(checkLinearizable(v2Register, operations).result, 'ok');
      const other = generateHistory(random, wanted);
      const at = random.below(operations.length);
      const changed = operations.map((each, place) =>
        place === at && each.output !== undefined ? { ...each, output: random.pick(other).output } : each,
      );
      const isLinearizable = isLinearizableByTrying(v2Register, changed);
      if (!isLinearizable) broken++;
      assert.equal(checkLinearizable(v2Register, changed).result, isLinearizable ? 'ok' : 'violation');
    }),
    { numRuns: 1_500 },
  );
  t.diagnostic(`${broken} broken`);
  assert.ok(broken > 300);
});

test('the linearization it names is one', () => {
  const operations = generateHistory(seededRandom(5), {
    operations: 3_000,
    clients: 6,
    keys: 1,
    unansweredPerThousand: 20,
    tellsIndexes: true,
  });
  const spoilt = [...operations];
  spoilt[2_000] = {
    ...spoilt[2_000]!,
    input: { key: '/k0', kind: 'get' },
    output: { result: 'found', value: 'never' },
  };
  const outcome = checkLinearizable(v2Register, spoilt);
  if (outcome.result !== 'violation') throw new Error(outcome.result);
  const { longest, stuckAt } = outcome.partition;
  assert.equal(stuckAt, 2_000);
  assert.ok(longest.length > 1_900);
  assert.equal(new Set(longest).size, longest.length);
  let state = v2Register.init;
  let latestCall = 0;
  for (const each of longest) {
    const { input: asked, output: answer, calledAt, answeredAt } = spoilt[each]!;
    latestCall = Math.max(latestCall, calledAt);
    assert.ok(
      answer === undefined || answeredAt >= latestCall,
      'nothing comes after what was called after its answer',
    );
    const step = v2Register.step(state, asked, answer);
    assert.ok(step.ok);
    state = step.state;
  }
});

const long: readonly GeneratedHistory[] = [
  { operations: 100_000, clients: 10, keys: 50, unansweredPerThousand: 10, tellsIndexes: true },
  { operations: 100_000, clients: 10, keys: 1, unansweredPerThousand: 5, tellsIndexes: true },
  { operations: 100_000, clients: 10, keys: 1, unansweredPerThousand: 0, tellsIndexes: false },
];

for (const wanted of long) {
  const { operations: count, keys, tellsIndexes } = wanted;
  test(`${count} operations on ${keys} keys, ${tellsIndexes ? 'with' : 'without'} indexes`, (t) => {
    const operations = generateHistory(seededRandom(7), wanted);
    const begun = performance.now();
    const outcome = checkLinearizable(v2Register, operations);
    const tookMs = performance.now() - begun;
    assert.equal(outcome.result, 'ok');
    const { steps, configurations } = outcome.figures;
    t.diagnostic(`${Math.round(tookMs)} ms, ${steps} steps, ${configurations} configurations`);

    // Unanswered writes by the hundred on one key make sure that it is no linearization whatever they did: that takes too long.
    if (keys === 1 && wanted.unansweredPerThousand > 0) return;
    // Late in the history a read of what was overwritten long ago is found, and named.
    const at = operations.findLastIndex(({ output: answer }) => answer?.result === 'found');
    const stale = operations.find(({ output: answer }) => answer?.result === 'found')!;
    const spoilt = operations.with(at, { ...operations[at]!, input: stale.input, output: stale.output });
    const broken = checkLinearizable(v2Register, spoilt);
    assert.equal(broken.result, 'violation');
  });
}

test('gives up at the budget', () => {
  const operations = generateHistory(seededRandom(7), long[1]!);
  const outcome = checkLinearizable(v2Register, operations, { budget: 1_000 });
  assert.equal(outcome.result, 'unknown');
});

test('a violation is worth more than an unknown before it', () => {
  const unknown = generateHistory(seededRandom(7), { ...long[1]!, operations: 500 });
  const lost = history('a: |-- set x --| |-- get - --|');
  const outcome = checkLinearizable(v2Register, [...unknown, ...lost], { budget: 50 });
  assert.equal(outcome.result, 'violation');
});

test('an answer before its call is refused', () => {
  const [operation] = history('a: |-- set x --|');
  assert.throws(() => checkLinearizable(v2Register, [{ ...operation!, answeredAt: -1 }]), RangeError);
});
