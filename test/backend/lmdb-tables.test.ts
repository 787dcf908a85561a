/** What is LMDB's own: files, sizes, damage, bytes handed out, a full disk. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openLmdbTables } from '../../src/platform/lmdb-tables.ts';
import { DiskError } from '../../src/ports/disk.ts';
import {
  DURABLE_KEY_BYTES_MAX,
  type DurableBatch,
  type DurableEntries,
  type DurableEntry,
  listedEntries,
  type TableReader,
} from '../../src/ports/durable-tables.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { testRandom } from '../support/seeded-random.ts';
import { nextTurn } from './support/turn-clock.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

function batch(table: string, ...entries: readonly (readonly [string, string | undefined])[]): DurableBatch {
  return [
    {
      table,
      entries: listedEntries(
        entries.map(([key, value]) => ({
          key: bytes(key),
          value: value === undefined ? undefined : bytes(value),
        })),
      ),
    },
  ];
}

function entries(count: number, valueFor: (n: number) => Uint8Array | undefined): DurableEntries {
  const all: DurableEntry[] = [];
  for (let n = 0; n < count; n++)
    all.push({ key: bytes(`key-${String(n).padStart(8, '0')}`), value: valueFor(n) });
  return listedEntries(all);
}

function rowsOf(reader: TableReader): [string, string][] {
  const rows: [string, string][] = [];
  reader.scan({}, (key, value) => {
    rows.push([Buffer.from(key).toString(), Buffer.from(value).toString()]);
    return true;
  });
  return rows;
}

const filesIn = (folder: string): string[] => readdirSync(folder).sort();

test('bytes handed out stay as they are', async (t) => {
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  await tables.write(batch('a', ['x', 'first'], ['y', 'other']));
  const held: Uint8Array[] = [tables.table('a').get(bytes('x'))!];
  tables.table('a').scan({}, (key, value) => {
    held.push(key, value);
    return true;
  });
  await tables.write(batch('a', ['x', 'SECOND'], ['y', undefined]));
  for (let i = 0; i < 20_000; i++) tables.table('a').get(bytes('x'));
  assert.deepEqual(
    held.map((each) => Buffer.from(each).toString()),
    ['first', 'x', 'first', 'y', 'other'],
  );
  await tables.close();
});

test('keys above all others, among them and below, in batches of several layers', async (t) => {
  const random = testRandom(t);
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  const expected = new Map<string, string>();
  let highest = 0;
  for (let round = 0; round < 30; round++) {
    const layers: DurableBatch[number][] = [];
    for (let layer = random.below(3); layer >= 0; layer--) {
      const changes = new Map<string, string | undefined>();
      for (let n = random.below(60); n >= 0; n--) {
        const isNew = random.below(3) > 0;
        const number = isNew ? ++highest : random.below(highest + 1);
        // Of several lengths, so that keys are above others that they begin with.
        const key = String(number)
          .padStart(5, '0')
          .slice(0, random.pick([4, 5, 5]));
        changes.set(key, random.below(4) === 0 ? undefined : `${round}.${layer}.${n}`);
      }
      for (const [key, value] of changes) {
        if (value === undefined) expected.delete(key);
        else expected.set(key, value);
      }
      layers.push(...batch('a', ...changes));
    }
    await tables.write(layers);
    assert.deepEqual(
      rowsOf(tables.table('a')),
      [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
      `round ${round}`,
    );
  }
  await tables.close();
});

test('values of every size, and keys up to the longest', async (t) => {
  const folder = temporaryFolder(t);
  const tables = await openLmdbTables({ folder });
  const sizes = [
    0, 1, 2000, 4096, 0x1fff, 0x2000, 0x2001, 0xf_ffff, 0x10_0000, 0xff_ffff, 0x100_0000, 0x100_0001,
    20_000_000,
  ];
  const valueFor = (size: number): Buffer => Buffer.alloc(size, `value of ${size}`);
  const all = sizes.map((size) => ({ key: bytes(`size ${size}`), value: valueFor(size) }));
  const longest = { key: Buffer.alloc(DURABLE_KEY_BYTES_MAX, 'k'), value: bytes('v') };
  await tables.write([{ table: 'a', entries: listedEntries([...all, longest]) }]);
  const check = (reader: TableReader): void => {
    for (const { key, value } of [...all, longest]) assert.ok(Buffer.compare(reader.get(key)!, value) === 0);
    const seen = new Map<string, Uint8Array>();
    for (const reverse of [false, true]) {
      reader.scan({ reverse }, (key, value) => seen.set(Buffer.from(key).toString(), value).size > 0);
      assert.equal(seen.size, all.length + 1);
      for (const { key, value } of [...all, longest])
        assert.ok(Buffer.compare(seen.get(key.toString())!, value) === 0);
      seen.clear();
    }
    assert.equal(reader.count({}), all.length + 1);
  };
  check(tables.table('a'));
  const view = tables.view();
  await tables.write([
    { table: 'a', entries: listedEntries(all.map(({ key }) => ({ key, value: bytes('gone') }))) },
  ]);
  check(view.table('a'));
  view.release();
  await tables.close();
});

test('a scan within a scan, and scans that end early', async (t) => {
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  await tables.write([{ table: 'a', entries: entries(50, (n) => bytes(`v${n}`)) }]);
  const table = tables.table('a');
  let pairs = 0;
  for (let round = 0; round < 3; round++) {
    pairs = 0;
    table.scan({}, (outer) => {
      table.scan({ start: outer }, (inner, value) => {
        assert.deepEqual(table.get(inner), value);
        pairs++;
        return true;
      });
      return true;
    });
    assert.equal(pairs, (50 * 51) / 2);
    table.scan({ reverse: true }, () => false);
    assert.throws(
      () =>
        table.scan({}, () => {
          throw new Error('the visitor fails');
        }),
      /the visitor fails/,
    );
  }
  await tables.close();
});

test('a batch is large, and the event loop runs on', async (t) => {
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await tables.write([{ table: 'a', entries: entries(50_000, (n) => Buffer.alloc(n % 200, n)) }]);
  isDone = true;
  assert.ok(turns >= 20, `${turns} turns`);
  assert.equal(tables.table('a').count({}), 50_000);
  await tables.close();
});

test('of several files the one with the highest number counts; leftovers go, other files stay', async (t) => {
  const folder = temporaryFolder(t);
  const tables = await openLmdbTables({ folder });
  await tables.write(batch('a', ['x', 'old']));
  const kept = await tables.replacement('copy');
  await kept.write(batch('a', ['x', 'new']));
  assert.deepEqual(rowsOf(tables.table('a')), [['x', 'old']]);
  assert.deepEqual(rowsOf(kept.table('a')), [['x', 'new']]);
  const old = readFileSync(join(folder, '0000000000000001.lmdb'));
  kept.adopt();
  assert.deepEqual(rowsOf(tables.table('a')), [['x', 'new']]);
  assert.deepEqual(filesIn(folder), ['0000000000000002.lmdb', '0000000000000002.lmdb-lock']);
  const abandoned = await tables.replacement('empty');
  await abandoned.write(batch('b', ['y', 'z']));
  abandoned.abandon();
  abandoned.abandon();
  await tables.close();

  writeFileSync(join(folder, '0000000000000001.lmdb'), old);
  writeFileSync(join(folder, '0.tmp'), old);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  const again = await openLmdbTables({ folder });
  assert.deepEqual(rowsOf(again.table('a')), [['x', 'new']]);
  assert.deepEqual(again.names(), ['a']);
  assert.deepEqual(filesIn(folder), ['0000000000000002.lmdb', '0000000000000002.lmdb-lock', 'notes.txt']);
  await again.close();
});

test('views outlive the tables they were taken of, and do not see what comes after', async (t) => {
  const folder = temporaryFolder(t);
  const tables = await openLmdbTables({ folder });
  await tables.write(batch('a', ['x', '1']));
  const before = tables.view();
  await tables.write(batch('b', ['y', '2']));
  const after = tables.view();
  const replacement = await tables.replacement('empty');
  await replacement.write(batch('c', ['z', '3']));
  replacement.adopt();
  await tables.write(batch('a', ['x', '4']));
  const last = tables.view();
  await tables.write(batch('a', ['x', '5']));
  assert.deepEqual(before.names(), ['a']);
  assert.deepEqual(rowsOf(before.table('a')), [['x', '1']]);
  assert.deepEqual(rowsOf(before.table('b')), []);
  assert.deepEqual(after.names(), ['a', 'b']);
  assert.deepEqual(rowsOf(after.table('b')), [['y', '2']]);
  assert.deepEqual(last.names(), ['a', 'c']);
  assert.deepEqual(rowsOf(last.table('a')), [['x', '4']]);
  assert.deepEqual(rowsOf(tables.table('a')), [['x', '5']]);
  for (const view of [before, after, last]) {
    view.release();
    view.release();
  }
  await tables.close();
});

test('tables and views that were closed or released are not read any more', async (t) => {
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  await tables.write(batch('a', ['x', '1'], ['y', '2']));
  const released = tables.view();
  const table = released.table('a');
  assert.throws(
    () =>
      table.scan({}, () => {
        released.release();
        return true;
      }),
    /was released/,
  );
  assert.throws(() => table.get(bytes('x')), /was released/);
  assert.throws(() => table.scan({}, () => true), /was released/);
  assert.throws(() => table.count({}), /was released/);
  const held = tables.view();
  const replacement = await tables.replacement('copy');
  replacement.adopt();
  const late = tables.view();
  const unfinished = await tables.replacement('empty');
  await tables.close();
  for (const view of [held, late]) {
    assert.throws(() => view.table('a').get(bytes('x')), /closed/);
    view.release();
  }
  unfinished.abandon();
});

test('sizes: deleted data is free space, a copy is without it', async (t) => {
  const folder = temporaryFolder(t);
  const tables = await openLmdbTables({ folder });
  await tables.write([{ table: 'a', entries: entries(4000, () => Buffer.alloc(1000, 'x')) }]);
  const full = { size: tables.sizeBytes, inUse: tables.sizeInUseBytes };
  assert.ok(full.inUse > 4_000_000 && full.inUse <= full.size);
  await tables.write([{ table: 'a', entries: entries(3900, () => undefined) }]);
  assert.ok(tables.sizeInUseBytes < full.inUse / 10);
  assert.ok(tables.sizeBytes >= full.size);
  const copy = await tables.replacement('copy');
  copy.adopt();
  assert.ok(tables.sizeBytes < full.size / 10);
  assert.ok(tables.sizeInUseBytes > 100_000 && tables.sizeInUseBytes <= tables.sizeBytes);
  assert.equal(tables.table('a').count({}), 100);
  await tables.close();
});

test('a copy whose first commits free many pages at once, while a view holds them', async (t) => {
  const tables = await openLmdbTables({ folder: temporaryFolder(t) });
  for (const fill of ['a', 'b', 'c']) {
    await tables.write([{ table: 'a', entries: entries(6000, () => Buffer.alloc(1000, fill)) }]);
  }
  const copy = await tables.replacement('copy');
  copy.adopt();
  const view = tables.view();
  for (const fill of ['d', 'e', 'f']) {
    await tables.write([{ table: 'a', entries: entries(6000, () => Buffer.alloc(1000, fill)) }]);
  }
  const seen = new Set<number>();
  for (const reader of [view.table('a'), tables.table('a')]) {
    reader.scan({}, (_, value) => seen.add(value[0]!).size > 0);
    assert.equal(reader.count({}), 6000);
  }
  assert.deepEqual([...seen], [...Buffer.from('cf')]);
  view.release();
  await tables.close();
});

async function damaged(t: TestContext, damage: (path: string) => void): Promise<string> {
  const folder = temporaryFolder(t);
  const tables = await openLmdbTables({ folder });
  await tables.write([{ table: 'a', entries: entries(1000, () => Buffer.alloc(1000, 'x')) }]);
  await tables.close();
  damage(join(folder, '0000000000000001.lmdb'));
  try {
    await openLmdbTables({ folder });
  } catch (error) {
    assert.ok(error instanceof DiskError);
    return error.message.replace(folder, '<folder>');
  }
  return assert.fail('the damage was not seen');
}

test('a file that is damaged or none of ours is refused with a sentence', async (t) => {
  assert.equal(
    await damaged(t, (path) =>
      writeFileSync(path, 'some text that is long enough to be read as a page header'),
    ),
    '<folder>/0000000000000001.lmdb is not an LMDB file, or its first page is damaged',
  );
  assert.equal(
    await damaged(t, (path) => writeFileSync(path, 'short')),
    '<folder>/0000000000000001.lmdb is not an LMDB file, or its first page is damaged',
  );
  assert.match(
    await damaged(t, (path) => truncateSync(path, 500_000)),
    /^<folder>\/0000000000000001\.lmdb is damaged: it says that it has \d+ bytes, but has 500000$/,
  );
});

test('a folder that cannot be used is named', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  await assert.rejects(openLmdbTables({ folder: join(folder, 'file') }), (error: unknown) => {
    assert.ok(error instanceof DiskError);
    assert.ok(error.message.includes(join(folder, 'file')));
    return true;
  });
});

test('a full disk fails a batch as a whole, with ENOSPC', {
  skip: needs('root', 'mount', 'umount'),
}, async (t) => {
  const { folder } = smallDisk(t, '2m');
  const tables = await openLmdbTables({ folder });
  let written = 0;
  await assert.rejects(
    async () => {
      for (; ; written++)
        await tables.write([{ table: `t${written}`, entries: entries(300, () => Buffer.alloc(1000)) }]);
    },
    (error: unknown) => {
      assert.ok(error instanceof DiskError);
      assert.equal(error.code, 'ENOSPC');
      assert.ok(error.message.startsWith(folder));
      return true;
    },
  );
  assert.ok(written > 0);
  for (let n = 0; n < written; n++) assert.equal(tables.table(`t${n}`).count({}), 300);
  assert.equal(tables.table(`t${written}`).count({}), 0);
  await tables.close();
  const again = await openLmdbTables({ folder });
  assert.equal(again.table('t0').count({}), 300);
  await again.close();
});

test('a replacement that does not fit gives back what it took', {
  skip: needs('root', 'mount', 'umount'),
}, async (t) => {
  const { folder, freeBlocks } = smallDisk(t, '6m');
  const tables = await openLmdbTables({ folder });
  await tables.write([{ table: 'a', entries: entries(1500, () => Buffer.alloc(1000)) }]);
  const before = freeBlocks();
  const replacement = await tables.replacement('empty');
  await assert.rejects(
    replacement.write([{ table: 'a', entries: entries(6000, () => Buffer.alloc(1000)) }]),
    { code: 'ENOSPC' },
  );
  replacement.abandon();
  // The file is closed a few turns later.
  for (let turns = 0; turns < 10_000 && freeBlocks() !== before; turns++) await nextTurn();
  assert.equal(freeBlocks(), before);
  await tables.write([{ table: 'b', entries: entries(1000, () => Buffer.alloc(1000)) }]);
  const filled = freeBlocks();
  await assert.rejects(tables.replacement('copy'), { code: 'ENOSPC' });
  assert.equal(freeBlocks(), filled);
  assert.equal(tables.table('a').count({}), 1500);
  await tables.close();
});

/** A file system of its own. */
function smallDisk(t: TestContext, size: string): { readonly folder: string; freeBlocks(): number } {
  const mountPoint = join(temporaryFolder(t), 'disk');
  mkdirSync(mountPoint);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mountPoint]);
  t.after(() => execFileSync('umount', ['--lazy', mountPoint]));
  return { folder: join(mountPoint, 'tables'), freeBlocks: () => statfsSync(mountPoint).bavail };
}
