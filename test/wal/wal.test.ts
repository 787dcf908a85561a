import assert from 'node:assert/strict';
import test from 'node:test';
import type { DiskError } from '../../src/ports/disk.ts';
import { createMemoryDisk, type DiskOperation } from '../../src/sim/memory-disk.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { openWal } from '../../src/wal/open-wal.ts';
import type { Wal } from '../../src/wal/wal.ts';
import {
  append,
  brief,
  describeOperation,
  entries,
  entry,
  FOLDER,
  METADATA,
  randomFrom,
  state,
  walOptions,
} from './wal-fixture.ts';

const BEGINNING = { index: 0, term: 0 };

function tracedDisk(options: { fault?: (operation: DiskOperation) => string | undefined } = {}) {
  const lines: string[] = [];
  const disk = createMemoryDisk({
    random: randomFrom(1),
    fault: (operation) => {
      lines.push(describeOperation(operation));
      return options.fault?.(operation);
    },
  });
  disk.put('/data/member/here', new Uint8Array(0));
  return { disk, lines, take: () => lines.splice(0) };
}

/** Lets everything that is on its way in microtasks finish. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what is appended is read again', async () => {
  const { disk } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  await append(wal, { entries: entries(1, 3), hardState: state(1, 0) });
  await append(wal, { entries: [entry(4, 2, 0), { ...entry(5, 2), type: 'conf-change' }] });
  await append(wal, { hardState: state(2, 5) }, false);
  await wal.close();
  const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
  assert.deepEqual(opened.metadata, METADATA);
  assert.deepEqual(opened.hardState, state(2, 5));
  assert.deepEqual(
    opened.entries.map((e) => ({ ...e, data: e.data.slice() })),
    [...entries(1, 3), entry(4, 2, 0), { ...entry(5, 2), type: 'conf-change' }],
  );
  await append(opened.wal, { entries: [entry(6, 2)] });
  await opened.wal.close();
  assert.equal(
    brief((await openWal(disk, FOLDER, BEGINNING, walOptions())).entries),
    '1/1 2/1 3/1 4/2 5/2 6/2',
  );
});

test('a new log has no entries and an empty hard state', async () => {
  const { disk } = tracedDisk();
  await (await createWal(disk, FOLDER, METADATA, walOptions())).close();
  const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
  assert.deepEqual(opened.hardState, { term: 0, vote: 0n, commit: 0 });
  assert.deepEqual(opened.entries, []);
});

test('a log is not created over another', async () => {
  const { disk } = tracedDisk();
  await (await createWal(disk, FOLDER, METADATA, walOptions())).close();
  await assert.rejects(createWal(disk, FOLDER, METADATA, walOptions()), { code: 'wal-exists' });
});

test('a later entry replaces an earlier one of its index and all behind it', async () => {
  const { disk } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  await append(wal, { entries: entries(1, 5, 1) });
  await append(wal, { entries: entries(3, 4, 2) });
  await wal.close();
  assert.equal(brief((await openWal(disk, FOLDER, BEGINNING, walOptions())).entries), '1/1 2/1 3/2 4/2');
});

test('transcript: creation, one durable write an append, a clean close', async () => {
  const { disk, take } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  assert.deepEqual(take(), [
    'exists wal',
    'remove wal.tmp',
    'make-directory wal.tmp',
    'create wal.tmp/…-….wal',
    'write-durably wal.tmp/…-….wal 0+80',
    'close wal.tmp/…-….wal',
    'sync-directory wal.tmp',
    'remove wal',
    'rename wal.tmp -> wal',
    'sync-directory /data/member',
    'lock wal/…-….wal',
    'open wal/…-….wal',
  ]);
  await append(wal, { entries: [entry(1)], hardState: state(1, 0) });
  await append(wal, { entries: [entry(2)] });
  assert.deepEqual(take(), ['write-durably wal/…-….wal 80+96', 'write-durably wal/…-….wal 176+64']);
  await wal.close();
  assert.deepEqual(take(), ['exists wal/0.tmp', 'exists wal/1.tmp', 'close wal/…-….wal']);
});

test('transcript: batches that need no sync go out with the next write, or at a flush, and are covered by the next sync', async () => {
  const { disk, take } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  await append(wal, { entries: [entry(1)], hardState: state(1, 0) });
  take();
  await append(wal, { hardState: state(1, 1) }, false);
  assert.deepEqual(take(), []);
  wal.flush();
  wal.flush();
  await settled();
  assert.deepEqual(take(), ['write wal/…-….wal 176+48']);
  // The durable write begins where the flushed one did: it covers those bytes too.
  await append(wal, { entries: [entry(2)] });
  assert.deepEqual(take(), ['write-durably wal/…-….wal 176+96']);
  disk.kill();
  assert.equal((await openWal(disk, FOLDER, BEGINNING, walOptions())).hardState.commit, 1);
});

test('a flushed batch survives the end of the process, an unflushed one does not', async () => {
  for (const [flush, commit] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const { disk } = tracedDisk();
    const wal = await createWal(disk, FOLDER, METADATA, walOptions());
    await append(wal, { entries: [entry(1)], hardState: state(1, 0) });
    await append(wal, { hardState: state(1, 1) }, false);
    if (flush) wal.flush();
    await settled();
    disk.kill();
    assert.equal((await openWal(disk, FOLDER, BEGINNING, walOptions())).hardState.commit, commit);
  }
});

test('group commit: what arrives during a write goes out in one, and is reported in order', async () => {
  const { disk, take } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  take();
  const order: string[] = [];
  const note = (name: string) => (error: DiskError | undefined) => order.push(error ? 'failed' : name);
  wal.append({ entries: [entry(1)] }, true, note('a'));
  wal.append({ entries: [entry(2)] }, true, note('b'));
  wal.append({ entries: [], hardState: state(1, 1) }, false, note('c'));
  wal.append({ entries: [entry(3)] }, true, note('d'));
  assert.deepEqual(order, [], 'never called from within');
  await settled();
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
  assert.deepEqual(take(), ['write-durably wal/…-….wal 80+64', 'write-durably wal/…-….wal 144+144']);
});

test('appends made while others are reported go out together', async () => {
  const { disk, take } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  take();
  let index = 2;
  for (let i = 0; i < 3; i++) {
    wal.append({ entries: i === 0 ? entries(1, 2) : [] }, true, () => {
      wal.append({ entries: [entry(++index)] }, true, () => {});
    });
  }
  await settled();
  // The first callback's append does not start a write of its own before the other callbacks ran.
  assert.equal(take().length, 3);
  await wal.close();
  assert.equal((await openWal(disk, FOLDER, BEGINNING, walOptions())).entries.length, 5);
});

test('transcript: the next segment is prepared half way, and changed to with the first write after the limit', async () => {
  const { disk, take } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions({ segmentBytes: 1000 }));
  await append(wal, { entries: entries(1, 9), hardState: state(3, 0) });
  await settled();
  take();
  await append(wal, { entries: [entry(10)] });
  await settled();
  assert.deepEqual(take(), ['write-durably wal/…-….wal 560+64']);
  await append(wal, { entries: entries(11, 18) });
  await settled();
  take();
  await append(wal, { entries: [entry(19)] });
  await settled();
  assert.deepEqual(take(), [
    'write-durably wal/1.tmp 0+136',
    'rename wal/1.tmp -> wal/…1-…13.wal',
    'sync-directory wal',
    'truncate wal/…-….wal 1024',
    'sync wal/…-….wal',
    'close wal/…-….wal',
  ]);
  await wal.close();
  const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
  assert.equal(opened.entries.length, 19);
  assert.equal(opened.hardState.term, 3);
});

test('a segment that cannot be prepared lets the present one grow', async () => {
  const { disk } = tracedDisk({
    fault: (o) => (o.kind === 'create' && o.path.endsWith('1.tmp') ? 'ENOSPC' : undefined),
  });
  const wal = await createWal(disk, FOLDER, METADATA, walOptions({ segmentBytes: 500 }));
  for (let index = 1; index <= 30; index++) await append(wal, { entries: [entry(index)] });
  await settled();
  assert.equal(wal.segments.length, 1);
  await wal.close();
  assert.equal((await openWal(disk, FOLDER, BEGINNING, walOptions())).entries.length, 30);
});

test('zeros run ahead of the end and never over a record', async () => {
  const { disk, take } = tracedDisk();
  const options = walOptions({ segmentBytes: 3_000_000, zeroAheadBytes: 1_000_000 });
  const wal = await createWal(disk, FOLDER, METADATA, options);
  await settled();
  const size = (): number => disk.files().get(`${FOLDER}/0000000000000000-0000000000000000.wal`)!.length;
  assert.equal(size(), 512 * 1024 + 80);
  take();
  const pending: Promise<void>[] = [];
  let index = 0;
  for (let i = 0; i < 40; i++) {
    pending.push(append(wal, { entries: entries(index + 1, index + 8, 1, 9000) }));
    index += 8;
    if (i % 5 === 0) await settled();
  }
  await Promise.all(pending);
  await settled();
  const lines = take();
  assert.ok(
    lines.some((line) => line.startsWith('write wal/')),
    'zeros were written',
  );
  assert.ok(size() <= 3_000_000 + 100_000);
  await wal.close();
  assert.equal((await openWal(disk, FOLDER, BEGINNING, options)).entries.length, 320);
});

test('no space for the zeros ahead is no failure; any other error there is', async () => {
  for (const [code, fails] of [
    ['ENOSPC', false],
    ['EIO', true],
  ] as const) {
    const { disk } = tracedDisk({ fault: (o) => (o.kind === 'write' ? code : undefined) });
    const failures: string[] = [];
    const wal = await createWal(
      disk,
      FOLDER,
      METADATA,
      walOptions({ zeroAheadBytes: 1_000_000, onFailure: (error) => failures.push(error.code) }),
    );
    await settled();
    const appended = append(wal, { entries: [entry(1)] });
    if (fails) await assert.rejects(appended, { code: 'EIO' });
    else await appended;
    assert.deepEqual(failures, fails ? ['EIO'] : []);
  }
});

test('after a failed write nothing is acknowledged any more, and the failure is reported once', async () => {
  for (const code of ['ENOSPC', 'EIO']) {
    let broken = false;
    const { disk, take } = tracedDisk({
      fault: (o) => (broken && o.kind === 'write-durably' ? code : undefined),
    });
    const failures: string[] = [];
    const wal: Wal = await createWal(
      disk,
      FOLDER,
      METADATA,
      walOptions({ onFailure: (error) => failures.push(error.code) }),
    );
    await append(wal, { entries: [entry(1)], hardState: state(1, 0) });
    broken = true;
    const first = append(wal, { entries: [entry(2)] });
    const second = append(wal, { entries: [entry(3)] });
    await assert.rejects(first, { code });
    await assert.rejects(second, { code });
    broken = false;
    take();
    await assert.rejects(append(wal, { entries: [entry(4)] }), { code });
    await assert.rejects(append(wal, { hardState: state(1, 1) }, false), { code });
    assert.deepEqual(take(), [], 'nothing is written again');
    assert.deepEqual(failures, [code]);
    assert.equal(wal.failure?.code, code);
    await assert.rejects(wal.close(), { code });
    disk.crash();
    const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
    assert.equal(opened.entries[0]?.index, 1, 'what was acknowledged is there');
  }
});

test('a full disk loses nothing acknowledged', async () => {
  const disk = createMemoryDisk({ random: randomFrom(5), capacityBytes: 20_000 });
  disk.put('/data/member/here', new Uint8Array(0));
  const wal = await createWal(disk, FOLDER, METADATA, walOptions({ segmentBytes: 4000 }));
  let acknowledged = 0;
  for (let index = 1; index < 1000; index++) {
    try {
      await append(wal, { entries: [entry(index)] });
      acknowledged = index;
    } catch (error) {
      assert.equal((error as DiskError).code, 'ENOSPC');
      break;
    }
  }
  assert.ok(acknowledged > 100 && acknowledged < 999);
  disk.crash();
  const roomy = createMemoryDisk({ random: randomFrom(6) });
  for (const [path, bytes] of disk.files()) roomy.put(path, bytes);
  const opened = await openWal(roomy, FOLDER, BEGINNING, walOptions());
  assert.ok(opened.entries.length >= acknowledged);
});

test('reading starts at a snapshot and needs its mark', async () => {
  const { disk } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  await append(wal, { entries: entries(1, 9), hardState: state(1, 6) });
  await append(wal, { snapshotMark: { index: 5, term: 1 } });
  await append(wal, { snapshotMark: { index: 8, term: 1 } });
  await wal.close();
  assert.equal(
    brief((await openWal(disk, FOLDER, { index: 5, term: 1 }, walOptions())).entries),
    '6/1 7/1 8/1 9/1',
  );
  disk.kill();
  const missing = { code: 'snapshot-mark-missing', folder: FOLDER };
  await assert.rejects(openWal(disk, FOLDER, { index: 4, term: 1 }, walOptions()), { ...missing, index: 4 });
  // Marked, but not known to be committed.
  await assert.rejects(openWal(disk, FOLDER, { index: 8, term: 1 }, walOptions()), { ...missing, index: 8 });
  await assert.rejects(openWal(disk, FOLDER, { index: 5, term: 2 }, walOptions()), { code: 'wal-damaged' });
});

test('a snapshot from the leader voids a log that does not contain its last entry', async () => {
  const { disk } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions());
  await append(wal, { entries: entries(1, 12, 1), hardState: state(1, 3) });
  await append(wal, { snapshotMark: { index: 10, term: 4 }, hardState: state(4, 10) });
  await append(wal, { entries: [entry(11, 4)] });
  await wal.close();
  assert.equal(brief((await openWal(disk, FOLDER, { index: 10, term: 4 }, walOptions())).entries), '11/4');
});

test('segments are purged from the oldest, never one that a restart needs', async () => {
  const { disk } = tracedDisk();
  const options = walOptions({ segmentBytes: 500 });
  const wal = await createWal(disk, FOLDER, METADATA, options);
  for (let index = 1; index <= 80; index++) {
    await append(wal, { entries: [entry(index)], hardState: state(1, index) });
    await settled();
  }
  const before = wal.segments.length;
  assert.ok(before > 10);
  assert.deepEqual(await wal.purge(3), [], 'nothing is released yet');
  await append(wal, { snapshotMark: { index: 40, term: 1 } });
  wal.releaseBefore(40);
  assert.deepEqual(await wal.purge(0), [], '0 is no limit');
  const removed = await wal.purge(3);
  assert.ok(removed.length > 3);
  assert.ok(wal.segments[0]!.firstIndex <= 40 && wal.segments[1]!.firstIndex > 40);
  await append(wal, { snapshotMark: { index: 80, term: 1 } });
  wal.releaseBefore(80);
  await wal.purge(3);
  assert.equal(wal.segments.length, 3);
  await wal.close();
  const opened = await openWal(disk, FOLDER, { index: 80, term: 1 }, options);
  assert.equal(opened.hardState.commit, 80);
  assert.equal(opened.wal.segments.length, 3);
});

test('a second process on the same log is refused', async () => {
  const { disk } = tracedDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions({ segmentBytes: 500 }));
  await assert.rejects(openWal(disk, FOLDER, BEGINNING, walOptions()), {
    code: 'data-locked',
    message: /another process is using the data directory .* stop that server first/,
  });
  for (let index = 1; index <= 20; index++) {
    await append(wal, { entries: [entry(index)] });
    await settled();
  }
  assert.ok(wal.segments.length > 1);
  await assert.rejects(openWal(disk, FOLDER, BEGINNING, walOptions()), { code: 'data-locked' });
  await wal.close();
  await (await openWal(disk, FOLDER, BEGINNING, walOptions())).wal.close();
});
