import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LinearizableReads } from '../../src/server/linearizable-reads.ts';

function countFrom(first: bigint): () => bigint {
  let next = first;
  return () => next++;
}

/** Reads that write down what became of them. */
function setUp(): {
  reads: LinearizableReads;
  log: string[];
  add: (name: string, startedMs?: number) => void;
} {
  const reads = new LinearizableReads(countFrom(1n));
  const log: string[] = [];
  const add = (name: string, startedMs = 0): void =>
    reads.add({ startedMs, serve: () => log.push(`${name} served`), fail: () => log.push(`${name} failed`) });
  return { reads, log, add };
}

describe('linearizable reads', () => {
  it('are served when the index confirmed for them is applied, not before', () => {
    const { reads, log, add } = setUp();
    add('a');
    const context = reads.takeContext(0);
    reads.applied(100);
    assert.deepEqual(log, []);
    reads.confirm(context, 7);
    reads.applied(6);
    assert.deepEqual(log, []);
    reads.applied(7);
    assert.deepEqual(log, ['a served']);
  });

  it('are not covered by a question asked before they came', () => {
    const { reads, log, add } = setUp();
    add('a');
    const first = reads.takeContext(0);
    add('b');
    reads.confirm(first, 3);
    reads.applied(3);
    assert.deepEqual(log, ['a served']);
    assert.equal(reads.hasWaiting, true);
  });

  it('are covered by the answer to a later question', () => {
    const { reads, log, add } = setUp();
    add('a');
    reads.takeContext(0);
    add('b');
    reads.confirm(reads.takeContext(1), 3);
    reads.applied(3);
    assert.deepEqual(log, ['a served', 'b served']);
  });

  it('ask again when the answer is lost, and ignore the late one', () => {
    const { reads, log, add } = setUp();
    add('a');
    const lost = reads.takeContext(0);
    reads.askAgain(10);
    assert.equal(reads.hasWaiting, true);
    const again = reads.takeContext(20);
    reads.confirm(lost, 1);
    reads.applied(5);
    assert.deepEqual(log, []);
    reads.confirm(again, 5);
    reads.applied(5);
    assert.deepEqual(log, ['a served']);
  });

  it('fail once overdue, at whatever stage they are', () => {
    const { reads, log, add } = setUp();
    add('asked', 1);
    reads.takeContext(1);
    add('confirmed', 2);
    reads.confirm(reads.takeContext(2), 9);
    add('waiting', 3);
    add('young', 50);
    reads.failStartedBefore(10);
    assert.deepEqual(log.sort(), ['asked failed', 'confirmed failed', 'waiting failed']);
    reads.applied(100);
    assert.equal(log.length, 3);
    assert.equal(reads.hasWaiting, true);
  });
});
