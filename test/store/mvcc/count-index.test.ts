/** The index of counts agrees with the table while keys come and go, whatever it has got to know so far. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CountIndex } from '../../../src/store/mvcc/count-index.ts';
import { type SeededRandom, testRandom } from '../../support/seeded-random.ts';
import { NaiveTable } from './naive-backend.ts';
import { bytes } from './requests.ts';

const VALUE = new Uint8Array(1);

function keyFrom(random: SeededRandom): Uint8Array {
  // Dense in places, so that buckets grow and empty again.
  return bytes(`${random.pick(['a', 'b', 'c'])}${random.below(random.pick([10, 200, 3000]))}`);
}

test('counts are right at every moment', (t) => {
  const random = testRandom(t);
  for (const bucketKeys of [1, 4, 50]) {
    const table = new NaiveTable();
    for (let i = 0; i < 500; i++) table.put(keyFrom(random), VALUE);
    const index = new CountIndex(table, bucketKeys);
    for (let step = 0; step < 6000; step++) {
      const key = keyFrom(random);
      const kind = random.below(100);
      // By turns more come than go, and more go than come.
      const isGrowing = step % 2000 < 1200;
      if (kind < 80) {
        const isThere = table.get(key) !== undefined;
        if (isGrowing && !isThere) {
          table.put(key, VALUE);
          index.added(key);
        } else if (!isGrowing && isThere) {
          table.remove(key);
          index.removed(key);
        }
      } else if (kind === 80 && !isGrowing) {
        const [start, end] = [
          random.below(9) === 0 ? undefined : key,
          random.below(9) === 0 ? undefined : keyFrom(random),
        ];
        const gone: Uint8Array[] = [];
        table.scan({ start, end }, (each) => gone.push(each) > 0);
        for (const each of gone) table.remove(each);
        index.cleared({ start, end });
      } else if (kind < 85) {
        // At first it knows nothing.
        if (step > 1000) index.slice();
      } else {
        const start = random.below(4) === 0 ? undefined : key;
        const end = random.below(4) === 0 ? undefined : keyFrom(random);
        assert.equal(
          index.count({ start, end }),
          table.count({ ...(start && { start }), ...(end && { end }) }),
          `step ${step}, buckets of ${bucketKeys}`,
        );
      }
    }
    while (index.slice());
    assert.ok(index.isComplete);
    assert.equal(index.count({ start: undefined, end: undefined }), table.entries.length);
  }
});

test('an index that is complete counts a range by looking into two buckets', () => {
  const table = new NaiveTable();
  for (let i = 0; i < 20_000; i++) table.put(bytes(String(i).padStart(5, '0')), VALUE);
  const index = new CountIndex(table);
  while (index.slice());
  let looked = 0;
  const count = table.count.bind(table);
  table.count = (range) => {
    const counted = count(range);
    looked += counted;
    return counted;
  };
  assert.equal(index.count({ start: bytes('00100'), end: bytes('19900') }), 19_800);
  assert.ok(looked < 2048, `${looked} keys counted one by one`);
});

test('keys in rising order make buckets that need no cutting', () => {
  const table = new NaiveTable();
  const index = new CountIndex(table, 4);
  while (index.slice());
  let woken = 0;
  index.onWork = () => {
    woken++;
  };
  const key = (n: number): Uint8Array => bytes(String(n).padStart(4, '0'));
  const add = (n: number): void => {
    table.put(key(n), VALUE);
    index.added(key(n));
  };
  for (let n = 0; n < 400; n += 2) add(n);
  assert.equal(woken, 0);
  // The last ones go, and what comes then is above none that was ever there, and above all that are.
  for (let n = 398; n > 300; n -= 2) {
    table.remove(key(n));
    index.removed(key(n));
  }
  for (let n = 301; n < 420; n += 2) add(n);
  for (const [start, end] of [
    [undefined, undefined],
    [key(3), key(299)],
    [key(298), undefined],
    [key(305), key(307)],
    [undefined, key(411)],
  ] as const) {
    const range = { ...(start && { start }), ...(end && { end }) };
    assert.equal(index.count({ start, end }), table.count(range));
  }
  while (index.slice());
  assert.equal(index.count({ start: undefined, end: undefined }), table.entries.length);
});
