/** When a snapshot is due. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../src/ports/log.ts';
import type { Entry } from '../../src/raft/types.ts';
import { SnapshotKeeper, type SnapshotKeeperParts } from '../../src/server/snapshot-keeper.ts';
import { systemClockForTests as clock } from '../net/clocks.ts';

const MIB = 1024 * 1024;
const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

interface World {
  readonly keeper: SnapshotKeeper;
  /** Indexes of the snapshots that were begun. */
  readonly begun: number[];
}

function world(snapshotCount: number): World {
  const begun: number[] = [];
  const parts = {
    raft: { termAt: () => 1, configuration: confState, compact() {} },
    store: { freeze: () => ({ nextChunk: () => undefined, release() {} }) },
    storage: { saveSnapshot: async () => {} },
    ...{ clock, log: silentLog, snapshotCount, onSaved: undefined, wake() {} },
    settle: async (index: number) => {
      begun.push(index);
    },
    onFailure: (error: Error) => assert.fail(error),
  };
  return { keeper: new SnapshotKeeper(parts as unknown as SnapshotKeeperParts, 0), begun };
}

/** Applies entries of the size given, up to the index. */
function apply({ keeper }: World, from: number, to: number, bytes: number): void {
  const entries: Entry[] = [];
  for (let index = from; index <= to; index++)
    entries.push({ type: 'normal', term: 1, index, data: new Uint8Array(bytes) });
  keeper.count(entries);
  keeper.afterApply(to);
}

test('after so many entries, or so many bytes of them', () => {
  const counted = world(10);
  apply(counted, 1, 10, 100);
  assert.deepEqual(counted.begun, []);
  apply(counted, 11, 11, 100);
  assert.deepEqual(counted.begun, [11]);
  const weighed = world(1000);
  apply(weighed, 1, 64, MIB);
  assert.deepEqual(weighed.begun, []);
  apply(weighed, 65, 65, 1);
  assert.deepEqual(weighed.begun, [65]);
});

test('what a snapshot of the leader has replaced is not counted any more', () => {
  const replaced = world(1000);
  apply(replaced, 1, 60, MIB);
  replaced.keeper.installed({ index: 500, term: 1, confState });
  apply(replaced, 501, 510, MIB);
  assert.deepEqual(replaced.begun, []);
  apply(replaced, 511, 565, MIB);
  assert.deepEqual(replaced.begun, [565]);
});
