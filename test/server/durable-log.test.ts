import assert from 'node:assert/strict';
import { it } from 'node:test';
import { silentLog } from '../../src/ports/log.ts';
import type { Entry } from '../../src/raft/types.ts';
import { DurableLog } from '../../src/server/durable-log.ts';
import type { LogBatch } from '../../src/server/log-storage.ts';
import { createMemoryDisk } from '../../src/sim/memory-disk.ts';
import { createSeededRandom } from '../../src/sim/seeded-random.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { dataLayout, lockDataDirectory } from '../../src/wal/data-directory.ts';
import { openNewest } from '../../src/wal/open-newest.ts';

const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function batch(from: number, to: number, snapshotIndex?: number, term = 1): LogBatch {
  const entries = Array.from(
    { length: to - from + 1 },
    (_, i): Entry => ({ index: from + i, term, type: 'normal', data: new Uint8Array(8) }),
  );
  return {
    entries,
    hardState: { term, vote: 0n, commit: Math.max(to, snapshotIndex ?? 0) },
    snapshot:
      snapshotIndex === undefined
        ? undefined
        : { metadata: { index: snapshotIndex, term: 1, confState }, data: new Uint8Array(8) },
    mustSync: true,
  };
}

for (const failing of [false, true]) {
  it(`entries behind a snapshot ${failing ? 'that could not be saved are not written' : 'are written after it'}`, async () => {
    let full = false;
    const disk = createMemoryDisk({
      random: createSeededRandom(1),
      fault: ({ kind, path }) =>
        full && kind === 'rename' && path.includes('/snap/') ? 'ENOSPC' : undefined,
    });
    const layout = dataLayout('/data');
    await disk.makeDirectory('/data');
    await lockDataDirectory(disk, layout);
    const wal = await createWal(disk, layout.wal, { memberId: 1n, clusterId: 2n }, { log: silentLog });
    const retention = { maxWals: 5, maxSnapshots: 5 };
    const newest = { term: 0, index: 0 };
    const log = new DurableLog({ disk, layout, wal, log: silentLog, retention, newest });
    const outcomes: string[] = [];
    const save = (name: string, what: LogBatch): void =>
      log.save(what, (error) => outcomes.push(`${name} ${error === undefined ? 'ok' : 'failed'}`));
    save('first', batch(1, 5));
    full = failing;
    save('snapshot', batch(1, 0, 50));
    save('behind', batch(51, 55));
    await log.close();
    const second = failing ? 'failed' : 'ok';
    assert.deepEqual(outcomes, ['first ok', `snapshot ${second}`, `behind ${second}`]);
    disk.kill();
    const opened = await openNewest(disk, layout, { log: silentLog });
    assert.equal(opened.entries.at(-1)?.index, failing ? 5 : 55);
    assert.equal(opened.hardState.commit, failing ? 5 : 55);
    assert.equal(opened.snapshot?.metadata.index, failing ? undefined : 50);
  });
}

// Found by a random cluster (seed 5020).
it('entries that were overwritten from below a snapshot on do not come back with it', async () => {
  const disk = createMemoryDisk({ random: createSeededRandom(1) });
  const layout = dataLayout('/data');
  await disk.makeDirectory('/data');
  await lockDataDirectory(disk, layout);
  const wal = await createWal(disk, layout.wal, { memberId: 1n, clusterId: 2n }, { log: silentLog });
  const retention = { maxWals: 5, maxSnapshots: 5 };
  const newest = { term: 0, index: 0 };
  const log = new DurableLog({ disk, layout, wal, log: silentLog, retention, newest });
  const ignore = (): void => {};
  log.save({ ...batch(1, 10), hardState: { term: 1, vote: 0n, commit: 4 } }, ignore);
  log.save(batch(5, 8, undefined, 2), ignore);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(8);
  }
  await log.saveSnapshot({ index: 8, term: 2, confState }, chunks());
  await log.close();
  const opened = await openNewest(disk, layout, { log: silentLog });
  assert.equal(opened.snapshot?.metadata.index, 8);
  assert.deepEqual(opened.entries, []);
});
