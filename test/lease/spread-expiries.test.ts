import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadExpiries } from '../../src/lease/spread-expiries.ts';
import { fc } from '../support/fast-check.ts';

function spread(expiriesMs: readonly number[]): Float64Array {
  const sorted = Float64Array.from(expiriesMs).sort();
  spreadExpiries(sorted);
  return sorted;
}

test('fewer leases than are revoked in a second stay as they are', () => {
  assert.deepEqual(spread(Array(999).fill(60_000)), new Float64Array(999).fill(60_000));
});

test('a pile runs out at 750 a second', () => {
  const expiries = spread(Array(3000).fill(60_000));
  for (let n = 1; n <= 3000; n += 1) {
    const expected = n <= 750 ? 60_000 : 60_000 + (n * 1000) / 750;
    assert(Math.abs(expiries[n - 1]! - expected) < 1e-6);
  }
});

test('leases that lie apart stay as they are', () => {
  const apart = Array.from({ length: 2000 }, (_, n) => n * 100);
  assert.deepEqual(spread(apart), Float64Array.from(apart));
});

test('none earlier, the order kept, no crowd in any second', () => {
  const piles = fc.array(
    fc.record({ second: fc.integer({ min: 1, max: 30 }), count: fc.integer({ min: 0, max: 2500 }) }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(piles, (all) => {
      const wanted = all.flatMap(({ second, count }) => Array<number>(count).fill(second * 1000));
      const before = Float64Array.from(wanted).sort();
      const after = spread(wanted);
      let from = 0;
      for (let i = 0; i < after.length; i += 1) {
        assert(after[i]! >= before[i]!);
        assert(i === 0 || after[i]! >= after[i - 1]!);
        while (after[i]! - after[from]! >= 1000) from += 1;
        if (wanted.length >= 1000) assert(i - from < 1502);
      }
    }),
    { numRuns: 200 },
  );
});
