/**
 * The log on a disk that loses power: a run of random appends, cut short after every single disk operation in turn. Whatever
 * was reported durable is there after the restart, nothing is invented, and the log goes on from there.
 */

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Entry, HardState } from '../../src/raft/types.ts';
import { createMemoryDisk, type MemoryDisk } from '../../src/sim/memory-disk.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { type OpenedWal, openWal } from '../../src/wal/open-wal.ts';
import { walExists } from '../../src/wal/read-log.ts';
import type { WalBatch } from '../../src/wal/wal.ts';
import { printedSeed } from '../support/seeded-random.ts';
import { entry, FOLDER, METADATA, randomFrom, walOptions } from './wal-fixture.ts';

const BEGINNING = { index: 0, term: 0 };

interface Planned {
  readonly batch: WalBatch;
  readonly mustSync: boolean;
  /** Appended at once with the one before, or when everything before is reported. */
  readonly waits: boolean;
  readonly flushes: boolean;
}

/** Random appends as a follower makes them: entries, conflicts that replace uncommitted ones, terms and commits that grow. */
function plan(seed: number, count: number): Planned[] {
  const random = randomFrom(seed);
  const below = (bound: number): number => Math.floor(random.next() * bound);
  const planned: Planned[] = [];
  let term = 1;
  let commit = 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const entries: Entry[] = [];
    let first = last + 1;
    if (below(5) === 0) {
      term++;
      first = commit + 1 + below(last - commit + 1);
    }
    const length = below(4);
    for (let index = first; index < first + length; index++) {
      entries.push(entry(index, term, below(8) === 0 ? 600 + below(3000) : below(40)));
    }
    if (length > 0) last = first + length - 1;
    if (below(2) === 0) commit = Math.max(commit, Math.min(last, commit + below(6)));
    const hardState: HardState | undefined =
      below(3) > 0 || length === 0 ? { term, vote: 5n, commit } : undefined;
    const mustSync = length > 0 || below(3) > 0;
    planned.push({
      batch: { entries, hardState },
      mustSync,
      waits: below(3) > 0,
      flushes: below(4) === 0,
    });
  }
  return planned;
}

/** What the log must hold after the first `count` batches. */
function expectedAfter(planned: readonly Planned[], count: number): { log: string[]; state: string } {
  const log: string[] = [];
  let state = '0 0 0';
  for (const { batch } of planned.slice(0, count)) {
    for (const e of batch.entries) {
      log.length = e.index - 1;
      log.push(content(e));
    }
    const h = batch.hardState;
    if (h !== undefined) state = `${h.term} ${h.vote} ${h.commit}`;
  }
  return { log, state };
}

function content(e: Entry): string {
  return `${e.index} ${e.term} ${Buffer.from(e.data).toString('hex')}`;
}

/** Runs the plan until its end or until the disk dies; returns how many batches were made and reported. */
async function run(
  disk: MemoryDisk,
  planned: readonly Planned[],
  dead: Promise<void>,
): Promise<{ started: number; reported: number; synced: number }> {
  const counts = { started: 0, reported: 0, synced: 0 };
  const work = async (): Promise<void> => {
    const options = walOptions({ segmentBytes: 6000, zeroAheadBytes: 3000 });
    const wal = await createWal(disk, FOLDER, METADATA, options);
    for (const step of planned) {
      const place = ++counts.started;
      const done = new Promise<void>((resolve, reject) =>
        wal.append(step.batch, step.mustSync, (error) => {
          if (error !== undefined) return reject(error);
          assert.equal(place, counts.reported + 1, 'reported in order');
          counts.reported = place;
          if (step.mustSync) counts.synced = place;
          resolve();
        }),
      );
      if (step.waits) await done;
      if (step.flushes) wal.flush();
    }
    await wal.close();
  };
  await Promise.race([work(), dead]);
  return counts;
}

function dyingDisk(seed: number, operations: number, how: 'crash' | 'kill') {
  let left = operations;
  let die: () => void = () => {};
  const dead = new Promise<void>((resolve) => {
    die = resolve;
  });
  const disk: MemoryDisk = createMemoryDisk({
    random: randomFrom(seed + operations),
    fault: () => {
      if (left-- === 0) {
        disk[how]();
        die();
      }
      return undefined;
    },
  });
  disk.put('/data/member/here', new Uint8Array(0));
  /** True if the run ended first; the disk lives on in any case. */
  const survived = (): boolean => {
    const early = left >= 0;
    left = -1;
    return early;
  };
  return { disk, dead, survived };
}

/** The state of a batch prefix that the reopened log equals, between `least` and `most`. */
function check(opened: OpenedWal, planned: readonly Planned[], least: number, most: number): number {
  const log = opened.entries.map(content);
  const { term, vote, commit } = opened.hardState;
  const state = `${term} ${vote} ${commit}`;
  for (let count = most; count >= least; count--) {
    const expected = expectedAfter(planned, count);
    if (expected.state === state && expected.log.join() === log.join()) return count;
  }
  // A torn write may hold a part of what was not reported: batches one by one, and entries of a batch without the rest.
  const sound = expectedAfter(planned, least).log;
  const any = new Set(planned.slice(0, most).flatMap(({ batch }) => batch.entries.map(content)));
  for (const line of log) assert.ok(any.has(line), `invented: ${line.slice(0, 40)}`);
  const kept = sound.filter((line, i) => log[i] === line).length;
  const replaced = planned
    .slice(least, most)
    .some(({ batch }) => batch.entries.some((e) => e.index <= sound.length));
  assert.ok(kept === sound.length || replaced, `lost: ${kept} of ${sound.length} acknowledged entries`);
  return least;
}

for (const how of ['crash', 'kill'] as const) {
  test(`${how} after every disk operation: nothing reported is lost, nothing is invented`, async (t) => {
    const seed = printedSeed(t);
    const planned = plan(seed, 100);
    let operations = 0;
    for (let finished = false; !finished; operations++) {
      const { disk, dead, survived } = dyingDisk(seed, operations, how);
      const { started, synced } = await run(disk, planned, dead);
      finished = survived();
      if (finished) disk.crash();
      if (!(await walExists(disk, FOLDER))) {
        assert.equal(started, 0, 'the log is gone after an append');
        continue;
      }
      const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
      check(opened, planned, synced, started);
      if (operations % 2 === 0) {
        // What a restart has seen is durable, even if the process before had not synced it.
        disk.crash();
        const seen = opened.entries.map(content);
        const again = await openWal(disk, FOLDER, BEGINNING, walOptions());
        assert.deepEqual(again.entries.map(content), seen);
        assert.deepEqual(again.hardState, opened.hardState);
        continue;
      }
      // Life goes on, and what is there now stays.
      const last = opened.entries.at(-1)?.index ?? 0;
      const term = opened.hardState.term + 1;
      await new Promise<void>((resolve) =>
        opened.wal.append({ entries: [entry(last + 1, term)] }, true, () => resolve()),
      );
      disk.crash();
      const again = await openWal(disk, FOLDER, BEGINNING, walOptions());
      assert.deepEqual(again.entries.map(content), [
        ...opened.entries.map(content),
        content(entry(last + 1, term)),
      ]);
    }
    t.diagnostic(`${operations} operations`);
    assert.ok(operations > 100, `only ${operations} moments tried`);
  });
}

test('random plans, each with power lost at a random moment', async (t) => {
  const seed = printedSeed(t);
  const random = randomFrom(seed);
  const runs = Number(process.env['QUORATE_RUNS'] ?? 300);
  for (let i = 0; i < runs; i++) {
    const own = seed + i;
    const planned = plan(own, 40);
    const { disk, dead, survived } = dyingDisk(own, 12 + Math.floor(random.next() * 150), 'crash');
    const { started, synced } = await run(disk, planned, dead);
    survived();
    disk.crash();
    if (!(await walExists(disk, FOLDER))) {
      assert.equal(started, 0);
      continue;
    }
    check(await openWal(disk, FOLDER, BEGINNING, walOptions()), planned, synced, started);
  }
});
