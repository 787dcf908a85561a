/** The TTL heap against a sorted list, over random additions and removals. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { DirNode, FileNode } from '../../../src/store/v2/tree-node.ts';
import { type TtlEntry, TtlHeap } from '../../../src/store/v2/ttl-heap.ts';
import { fc } from '../../support/fast-check.ts';

const root = new DirNode('/', 0, 0, 0);

function ordered(entries: readonly TtlEntry[]): TtlEntry[] {
  return [...entries].sort((a, b) => {
    if (a.expireTimeNs !== b.expireTimeNs) return a.expireTimeNs < b.expireTimeNs ? -1 : 1;
    return a.name < b.name ? -1 : 1;
  });
}

test('the top is always the next to expire, ties by path', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.bigInt({ min: 0n, max: 30n }) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ removeBelow: fc.bigInt({ min: 0n, max: 5n }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const heap = new TtlHeap();
      let held: TtlEntry[] = [];
      steps.forEach((taken, at) => {
        if ('add' in taken) {
          const file = new FileNode('', at, at, at);
          held.push(heap.add(file, root, `k${(at * 7) % 50}-${at}`, taken.add));
        } else if ('remove' in taken) {
          const [entry] = held.splice(taken.remove % Math.max(1, held.length), 1);
          if (entry !== undefined) {
            heap.remove(entry);
            heap.remove(entry);
          }
        } else {
          heap.removeWhere((entry) => entry.expireTimeNs < taken.removeBelow);
          held = held.filter((entry) => entry.expireTimeNs >= taken.removeBelow);
        }
        assert.equal(heap.size, held.length);
        assert.equal(heap.top(), ordered(held)[0]);
      });
      for (const entry of ordered(held)) {
        assert.equal(heap.top(), entry);
        heap.remove(entry);
      }
      assert.equal(heap.top(), undefined);
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});
