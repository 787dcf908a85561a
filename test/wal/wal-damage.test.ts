/** A log that is not as it was written: what a crash explains is cut off, everything else stops the member. */

import assert from 'node:assert/strict';
import test from 'node:test';
import type { LogFields } from '../../src/ports/log.ts';
import { silentLog } from '../../src/ports/log.ts';
import { createMemoryDisk } from '../../src/sim/memory-disk.ts';
import { createWal } from '../../src/wal/create-wal.ts';
import { openWal } from '../../src/wal/open-wal.ts';
import { RecordEncoder } from '../../src/wal/record-encoder.ts';
import type { WalDamagedError } from '../../src/wal/wal-errors.ts';
import {
  append,
  brief,
  entries,
  entry,
  FOLDER,
  METADATA,
  randomFrom,
  state,
  walOptions,
} from './wal-fixture.ts';

const BEGINNING = { index: 0, term: 0 };
const FIRST = `${FOLDER}/0000000000000000-0000000000000000.wal`;

function emptyDisk() {
  const disk = createMemoryDisk({ random: randomFrom(1) });
  disk.put('/data/member/here', new Uint8Array(0));
  return disk;
}

/** A log of some writes, several records in each; `cuts` are the offsets at which its writes begin. */
async function someLog(segmentBytes = 1_000_000) {
  const disk = emptyDisk();
  const wal = await createWal(disk, FOLDER, METADATA, walOptions({ segmentBytes }));
  const cuts: number[] = [];
  const size = (): number => disk.files().get(FIRST)!.length;
  const write = async (batch: Parameters<typeof append>[1]): Promise<void> => {
    cuts.push(size());
    await append(wal, batch);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await write({ entries: entries(1, 3), hardState: state(1, 0) });
  await write({ entries: [{ ...entry(4), type: 'conf-change' }, entry(5, 1, 0)], hardState: state(1, 3) });
  await write({ snapshotMark: { index: 3, term: 1 } });
  await write({ entries: [entry(5, 2), entry(6, 2, 1500)], hardState: state(2, 4) });
  await write({ entries: entries(7, 9, 2), hardState: state(2, 6) });
  await wal.close();
  return { files: disk.files(), cuts, size: size() };
}

function diskWith(files: ReadonlyMap<string, Uint8Array>, change: ReadonlyMap<string, Uint8Array>) {
  const disk = emptyDisk();
  for (const [path, bytes] of files) disk.put(path, change.get(path) ?? bytes);
  return disk;
}

async function contentOf(files: ReadonlyMap<string, Uint8Array>, changed: Uint8Array, path = FIRST) {
  const disk = diskWith(files, new Map([[path, changed]]));
  const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
  return { disk, opened, text: brief(opened.entries) };
}

test('a file that ends anywhere in the last record: cut off, with a copy and a line in the log', async () => {
  const { files } = await someLog();
  const whole = files.get(FIRST)!;
  const lastRecord = whole.length - 32; // a frame with the hard state
  for (let end = lastRecord + 1; end < whole.length; end++) {
    const torn = whole.slice(0, end);
    const disk = diskWith(files, new Map([[FIRST, torn]]));
    const lines: (LogFields | undefined)[] = [];
    const log = { ...silentLog, warn: (_: string, fields?: LogFields) => lines.push(fields) };
    const opened = await openWal(disk, FOLDER, BEGINNING, walOptions({ log }));
    assert.equal(opened.entries.at(-1)?.index, 9);
    assert.deepEqual(opened.hardState, state(2, 4));
    assert.deepEqual(lines, [{ file: FIRST, offset: lastRecord, copy: `${FIRST}.broken` }]);
    assert.deepEqual(disk.files().get(`${FIRST}.broken`), torn);
    await append(opened.wal, { entries: [entry(10, 3)] });
    await opened.wal.close();
    assert.equal((await openWal(disk, FOLDER, BEGINNING, walOptions())).entries.length, 10);
  }
});

test('a file that ends anywhere in the last write keeps what comes before', async () => {
  const { files, cuts } = await someLog();
  const whole = files.get(FIRST)!;
  const before = '1/1 2/1 3/1 4/1 5/2 6/2';
  for (let end = cuts.at(-1)!; end < whole.length; end++) {
    const { text } = await contentOf(files, whole.slice(0, end));
    assert.ok(text.startsWith(before), `${end}: ${text}`);
  }
});

test('sectors of the last write that never reached the disk: torn', async () => {
  const { files } = await someLog();
  const disk = diskWith(files, new Map());
  const opened = await openWal(disk, FOLDER, BEGINNING, walOptions());
  const start = disk.files().get(FIRST)!.length;
  await append(opened.wal, { entries: entries(10, 13, 2, 700), hardState: state(2, 9) });
  await opened.wal.close();
  const whole = disk.files().get(FIRST)!;
  const firstSector = Math.ceil(start / 512);
  const sectors = Math.ceil(whole.length / 512) - firstSector;
  assert.ok(sectors >= 5);
  for (let lost = 1; lost < 2 ** sectors; lost++) {
    const torn = whole.slice();
    for (let i = 0; i < sectors; i++) {
      if ((lost >> i) & 1) torn.fill(0, (firstSector + i) * 512, (firstSector + i + 1) * 512);
    }
    const { text } = await contentOf(files, torn);
    assert.ok(text.startsWith('1/1 2/1 3/1 4/1 5/2 6/2 7/2 8/2 9/2'), `${lost.toString(2)}: ${text}`);
  }
});

test('a lost sector in an earlier write is damage: a later write follows', async () => {
  const { files, cuts } = await someLog();
  const whole = files.get(FIRST)!.slice();
  // Entry 6 spans several sectors.
  const sector = Math.ceil((cuts[3]! + 100) / 512) * 512;
  assert.ok(sector + 512 < cuts[4]!);
  whole.fill(0, sector, sector + 512);
  await assert.rejects(contentOf(files, whole), (error: WalDamagedError) => {
    assert.equal(error.code, 'wal-damaged');
    assert.equal(error.file, FIRST);
    assert.ok(error.offset >= cuts[3]! && error.offset < cuts[4]!);
    assert.equal(
      error.reason,
      `the checksum of a record does not match, and a later write follows at byte ${cuts[4]}`,
    );
    assert.match(error.message, /Restore the data directory from a backup, or remove this member/);
    return true;
  });
});

test('a sector lost where a record begins in an earlier write is damage too', async () => {
  const { files, cuts } = await someLog();
  const whole = files.get(FIRST)!.slice();
  whole.fill(0, cuts[1]!, cuts[2]!);
  await assert.rejects(contentOf(files, whole), { code: 'wal-damaged', offset: cuts[1] });
});

test('every flipped bit of a log stops it or changes nothing', async () => {
  const { files, cuts } = await someLog();
  const whole = files.get(FIRST)!;
  const reference = (await contentOf(files, whole)).opened;
  const detail = JSON.stringify([reference.entries, state(2, 6).commit]);
  const harmless: string[] = [];
  for (let at = 0; at < whole.length; at++) {
    // Inside of the long entry a few bytes stand for all.
    if (at > cuts[3]! + 150 && at < cuts[4]! - 100 && at % 97 !== 0) continue;
    for (let bit = 0; bit < 8; bit++) {
      const flipped = whole.slice();
      flipped[at] = flipped[at]! ^ (1 << bit);
      try {
        const { opened } = await contentOf(files, flipped);
        assert.equal(
          JSON.stringify([opened.entries, opened.hardState.commit]),
          detail,
          `byte ${at}, bit ${bit}: silently another log`,
        );
        harmless.push(`${at}.${bit}`);
      } catch (error) {
        assert.equal((error as WalDamagedError).code, 'wal-damaged', `byte ${at}, bit ${bit}: ${error}`);
      }
    }
  }
  assert.deepEqual(harmless, []);
});

test('a flipped bit in a segment that is not the last', async () => {
  const { files } = await someLog(600);
  assert.ok([...files.keys()].filter((path) => path.endsWith('.wal')).length >= 2);
  const whole = files.get(FIRST)!;
  for (let at = 0; at < whole.length; at++) {
    const flipped = whole.slice();
    flipped[at] = flipped[at]! ^ 0x10;
    await assert.rejects(contentOf(files, flipped), { code: 'wal-damaged', file: FIRST });
  }
  // Cut short: the next segment's head does not continue the checksum, or the record is incomplete.
  for (const cut of [8, 40, 100]) {
    await assert.rejects(contentOf(files, whole.slice(0, whole.length - cut)), { code: 'wal-damaged' });
  }
});

test('a missing segment', async () => {
  const disk = emptyDisk();
  const options = walOptions({ segmentBytes: 300 });
  const wal = await createWal(disk, FOLDER, METADATA, options);
  for (let index = 1; index <= 20; index++) {
    await append(wal, { entries: [entry(index)] });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await wal.close();
  const names = (await disk.list(FOLDER)).filter((name) => name.endsWith('.wal'));
  assert.ok(names.length > 3);
  await disk.remove(`${FOLDER}/${names[1]}`);
  await assert.rejects(openWal(disk, FOLDER, BEGINNING, options), {
    code: 'wal-damaged',
    file: `${FOLDER}/${names[2]}`,
    reason: 'the segment before it, number 1, is missing',
  });
  await disk.remove(`${FOLDER}/${names[0]}`);
  await assert.rejects(openWal(disk, FOLDER, BEGINNING, options), {
    code: 'snapshot-mark-missing',
    message: /the log begins at index/,
  });
});

/** A segment made by hand. */
function segmentOf(write: (encoder: RecordEncoder) => void, metadata = METADATA): Map<string, Uint8Array> {
  const encoder = new RecordEncoder(0);
  encoder.crcRecord();
  encoder.metadata(metadata);
  encoder.snapshotMark(BEGINNING);
  write(encoder);
  return new Map([[FIRST, encoder.take()]]);
}

test('records that contradict each other', async () => {
  const cases: [string, (encoder: RecordEncoder) => void, string][] = [
    [
      'a gap',
      (e) => {
        e.entry(entry(1));
        e.entry(entry(3));
      },
      'entry 3 follows where entry 2 is missing',
    ],
    [
      'another member',
      (e) => e.metadata({ ...METADATA, memberId: 1n }),
      'the metadata names another member or cluster than before',
    ],
    [
      'a term that goes back',
      (e) => {
        e.entry(entry(1));
        e.state(state(3, 1));
        e.state(state(2, 1));
      },
      'the term goes back from 3 to 2',
    ],
    [
      'a commit index that goes back',
      (e) => {
        e.entry(entry(1));
        e.state(state(3, 1));
        e.state(state(3, 0));
      },
      'the commit index goes back from 1 to 0',
    ],
    [
      'more committed than there is',
      (e) => {
        e.entry(entry(1));
        e.state(state(3, 2));
      },
      'the log ends at entry 1, but entries up to 2 are committed',
    ],
  ];
  for (const [name, write, reason] of cases) {
    const disk = diskWith(segmentOf(write), new Map());
    await assert.rejects(
      openWal(disk, FOLDER, BEGINNING, walOptions()),
      { code: 'wal-damaged', reason, file: FIRST },
      name,
    );
  }
});

test('an empty segment file', async () => {
  const { files } = await someLog();
  await assert.rejects(contentOf(files, new Uint8Array(0)), { reason: 'the segment has no head' });
  await assert.rejects(contentOf(files, new Uint8Array(4096)), { reason: 'the segment has no head' });
});

test('a disk that cannot be read is no damage', async () => {
  const { files } = await someLog();
  const disk = createMemoryDisk({
    random: randomFrom(1),
    fault: (o) => (o.kind === 'read' ? 'EIO' : undefined),
  });
  for (const [path, bytes] of files) disk.put(path, bytes);
  await assert.rejects(openWal(disk, FOLDER, BEGINNING, walOptions()), { name: 'DiskError', code: 'EIO' });
});
