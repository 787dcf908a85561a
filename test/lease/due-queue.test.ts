import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueEntry, DueQueue } from '../../src/lease/due-queue.ts';
import { fc } from '../support/fast-check.ts';

/** Often the same, often in the same second, and sometimes far away. */
const timeMs = fc.oneof(
  fc.integer({ min: 0, max: 10 }),
  fc.integer({ min: 0, max: 10 }).map((n) => n * 600),
);

const step = fc.record({
  which: fc.integer({ min: 0, max: 19 }),
  dueMs: fc.option(fc.oneof(timeMs, fc.constant(1e12)), { nil: undefined }),
  lookMs: fc.oneof(timeMs, fc.constant(-1), fc.constant(1e9)),
});

test('the queue hands out what a sorted list would, whatever was moved and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), fc.boolean(), (steps, isFilled) => {
      const queue = new DueQueue<number>();
      const entries = Array.from(
        { length: 20 },
        (_, order) => new DueEntry(order, order, (order >> 1) * 300),
      );
      const inQueue = new Set(isFilled ? entries : []);
      if (isFilled) queue.fill(entries);
      const sorted = () => [...inQueue].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
      for (const { which, dueMs, lookMs } of steps) {
        const entry = entries[which]!;
        if (dueMs === undefined) {
          queue.remove(entry);
          inQueue.delete(entry);
        } else {
          queue.set(entry, dueMs);
          inQueue.add(entry);
        }
        const [next] = sorted();
        assert.equal(queue.due(lookMs), next !== undefined && next.dueMs <= lookMs ? next : undefined);
      }
      for (const entry of sorted()) {
        assert.equal(queue.due(entry.dueMs - 1), undefined);
        assert.equal(queue.due(entry.dueMs), entry);
        queue.remove(entry);
      }
      assert.equal(queue.due(1e13), undefined);
    }),
    { numRuns: 500 },
  );
});
