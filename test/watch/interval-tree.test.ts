import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IntervalTree } from '../../src/watch/interval-tree.ts';
import { fc } from '../support/fast-check.ts';

const text = fc.constantFrom('', 'a', 'aa', 'ab', 'b', 'ba', 'c', 'd', '\u00ff');
const interval = fc.record({ start: text, end: fc.option(text, { nil: undefined }), isAdded: fc.boolean() });

test('finds exactly the intervals that hold a key', () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 150, size: 'max' }), (steps) => {
      const tree = new IntervalTree<string>();
      const naive = new Map<string, { readonly start: string; readonly end: string | undefined }>();
      for (const { start, end, isAdded } of steps) {
        const name = `${start}-${end ?? '...'}`;
        assert.equal(tree.get(start, end), naive.has(name) ? name : undefined);
        if (naive.has(name)) {
          if (isAdded) continue;
          tree.remove(start, end);
          naive.delete(name);
        } else if (isAdded) {
          tree.add(start, end, name);
          naive.set(name, { start, end });
        }
        assert.equal(tree.size, naive.size);
      }
      for (const key of ['', 'a', 'aa', 'aaa', 'ab', 'b', 'bz', 'c', 'd', 'e', '\u00ff', '\u00ff\u00ff']) {
        const found: string[] = [];
        tree.stab(key, (name) => found.push(name));
        const expected = [...naive]
          .filter(([, { start, end }]) => start <= key && (end === undefined || key < end))
          .map(([name]) => name);
        assert.deepEqual(found.toSorted(), expected.toSorted());
      }
    }),
    { numRuns: 400 },
  );
});

test('is no list when intervals come sorted', () => {
  const tree = new IntervalTree<number>();
  const name = (n: number): string => String(n).padStart(6, '0');
  // A degenerate tree of this size would overflow the stack.
  for (let n = 0; n < 100_000; n += 1) tree.add(name(n), name(n + 2), n);
  const found: number[] = [];
  tree.stab(name(50_000), (n) => found.push(n));
  assert.deepEqual(found, [49_999, 50_000]);
  for (let n = 0; n < 100_000; n += 1) tree.remove(name(n), name(n + 2));
  assert.equal(tree.size, 0);
});

test('refuses to remove what is not there', () => {
  assert.throws(() => new IntervalTree<number>().remove('a', 'b'), /not in the tree/);
});
