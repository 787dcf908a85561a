import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLog } from '../../src/ports/log.ts';
import type { SnapshotMetadata } from '../../src/raft/types.ts';
import { createMemoryDisk } from '../../src/sim/memory-disk.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { dataLayout, lockDataDirectory } from '../../src/wal/data-directory.ts';
import { openNewest } from '../../src/wal/open-newest.ts';
import { listSnapshots, loadSnapshot, purgeSnapshots, saveSnapshot } from '../../src/wal/snapshot-file.ts';
import {
  append,
  brief,
  describeOperation,
  entries,
  entry,
  METADATA,
  randomFrom,
  state,
  walOptions,
} from './wal-fixture.ts';

const LAYOUT = dataLayout('/data');

function metadata(index: number, term = 1): SnapshotMetadata {
  const confState = {
    voters: [METADATA.memberId, 3n],
    learners: [7n],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, confState };
}

async function preparedDisk(fault?: Parameters<typeof createMemoryDisk>[0]['fault']) {
  const lines: string[] = [];
  const disk = createMemoryDisk({
    random: randomFrom(3),
    fault: (o) => {
      lines.push(describeOperation(o));
      return fault?.(o);
    },
  });
  await (await lockDataDirectory(disk, LAYOUT)).release();
  lines.length = 0;
  return { disk, lines };
}

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('a snapshot of any size in chunks of any size is loaded again', async () => {
  const { disk } = await preparedDisk();
  let index = 0;
  for (const size of [0, 1, 100, 512 * 1024 - 1, 512 * 1024, 1_300_000]) {
    const data = randomFrom(size).bytes(size);
    for (const chunkSize of [1_000_000, 70_000, ...(size <= 100 ? [7] : [])]) {
      const saved = await saveSnapshot(disk, LAYOUT.snap, metadata(++index), chunked(data, chunkSize));
      const loaded = await loadSnapshot(disk, `${LAYOUT.snap}/${saved.name}`);
      assert.ok('snapshot' in loaded, 'broken' in loaded ? loaded.broken : '');
      assert.deepEqual(loaded.snapshot.metadata, metadata(index));
      assert.ok(Buffer.from(data).equals(loaded.snapshot.data));
    }
  }
});

test('transcript: written under another name, synced, renamed, and the folder synced', async () => {
  const { disk, lines } = await preparedDisk();
  await saveSnapshot(disk, LAYOUT.snap, metadata(9, 2), [new Uint8Array(600_000)]);
  const name = 'snap/…2-…9.snap';
  assert.deepEqual(lines, [
    `remove ${name}.tmp`,
    `create ${name}.tmp`,
    `write ${name}.tmp 42+524288`,
    `write ${name}.tmp 524330+75712`,
    `write ${name}.tmp 0+42`,
    `sync ${name}.tmp`,
    `close ${name}.tmp`,
    `rename ${name}.tmp -> ${name}`,
    'sync-directory snap',
  ]);
});

test('a failure leaves nothing behind', async () => {
  const { disk } = await preparedDisk((o) => (o.kind === 'sync' ? 'EIO' : undefined));
  await assert.rejects(saveSnapshot(disk, LAYOUT.snap, metadata(9), [new Uint8Array(10)]), { code: 'EIO' });
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
    throw new Error('the tree is gone');
  }
  await assert.rejects(saveSnapshot(disk, LAYOUT.snap, metadata(9), failing()), /the tree is gone/);
  assert.deepEqual(await disk.list(LAYOUT.snap), []);
});

test('every flipped bit of a snapshot file is noticed', async () => {
  const { disk } = await preparedDisk();
  const { name } = await saveSnapshot(disk, LAYOUT.snap, metadata(9), [randomFrom(1).bytes(60)]);
  const whole = disk.files().get(`${LAYOUT.snap}/${name}`)!.slice();
  const path = `${LAYOUT.snap}/x.snap`;
  for (let at = 0; at < whole.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = whole.slice();
      flipped[at] = flipped[at]! ^ (1 << bit);
      disk.put(path, flipped);
      assert.ok('broken' in (await loadSnapshot(disk, path)), `byte ${at}, bit ${bit}`);
    }
  }
  for (let length = 0; length < whole.length; length++) {
    disk.put(path, whole.slice(0, length));
    assert.ok('broken' in (await loadSnapshot(disk, path)), `length ${length}`);
  }
});

async function logWithSnapshots() {
  const { disk } = await preparedDisk();
  const wal = await createWal(disk, LAYOUT.wal, METADATA, walOptions());
  for (const index of [10, 20, 30]) {
    await append(wal, { entries: entries(index - 9, index), hardState: state(1, index) });
    await saveSnapshot(disk, LAYOUT.snap, metadata(index), [entry(index).data]);
    await append(wal, { snapshotMark: { index, term: 1 } });
  }
  await append(wal, { entries: [entry(31)] });
  // Saved, but a crash came before the log was told.
  await saveSnapshot(disk, LAYOUT.snap, metadata(31), [entry(31).data]);
  await wal.close();
  return disk;
}

test('a restart begins at the newest whole snapshot that the log knows', async () => {
  const disk = await logWithSnapshots();
  const warnings: string[] = [];
  const options = walOptions({ log: { ...silentLog, warn: (message) => warnings.push(message) } });
  const first = await openNewest(disk, LAYOUT, options);
  assert.equal(first.snapshot?.metadata.index, 30);
  assert.deepEqual(first.snapshot?.data.slice(), entry(30).data);
  assert.equal(brief(first.entries), '31/1');
  assert.deepEqual(warnings, ['passed over a snapshot that the log does not know']);
  await first.wal.close();

  const newest = `${LAYOUT.snap}/0000000000000001-000000000000001e.snap`;
  const broken = disk.files().get(newest)!.slice();
  broken[20] = broken[20]! ^ 1;
  disk.put(newest, broken);
  const second = await openNewest(disk, LAYOUT, options);
  assert.equal(second.snapshot?.metadata.index, 20);
  assert.equal(second.entries.length, 11);
  assert.equal(await disk.exists(newest), false);
  assert.equal(await disk.exists(`${newest}.broken`), true);
});

test('a restart without a snapshot reads the log from its beginning', async () => {
  const { disk } = await preparedDisk();
  const wal = await createWal(disk, LAYOUT.wal, METADATA, walOptions());
  await append(wal, { entries: entries(1, 4), hardState: state(1, 2) });
  await wal.close();
  disk.put(`${LAYOUT.snap}/0000000000000001-000000000000001e.snap.tmp`, new Uint8Array(3));
  const opened = await openNewest(disk, LAYOUT, walOptions());
  assert.equal(opened.snapshot, undefined);
  assert.equal(opened.entries.length, 4);
  assert.deepEqual(await disk.list(LAYOUT.snap), []);
});

test('the newest snapshots are kept, and the one in use always', async () => {
  const disk = await logWithSnapshots();
  const indexes = async (): Promise<number[]> => (await listSnapshots(disk, LAYOUT.snap)).map((s) => s.index);
  const purge = (max: number, index: number): Promise<string[]> =>
    purgeSnapshots(disk, LAYOUT.snap, max, { term: 1, index }, silentLog);
  assert.deepEqual(await purge(0, 30), []);
  assert.deepEqual(await purge(3, 30), ['0000000000000001-000000000000000a.snap']);
  assert.deepEqual(await indexes(), [31, 30, 20]);
  await purge(1, 30);
  assert.deepEqual(await indexes(), [31, 30]);
});

test('a data directory belongs to one process', async () => {
  const { disk } = await preparedDisk();
  const lock = await lockDataDirectory(disk, LAYOUT);
  await assert.rejects(lockDataDirectory(disk, LAYOUT), {
    code: 'data-locked',
    message:
      'another process is using the data directory /data (it holds the lock of /data/member/lock): stop that server first, or give this one another data directory.',
  });
  await lock.release();
  await (await lockDataDirectory(disk, LAYOUT)).release();
});
