/** What the memory disk loses when its power goes, and what it never loses. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { createMemoryDisk } from '../../src/sim/memory-disk.ts';
import { randomFrom } from '../wal/wal-fixture.ts';

function diskFrom(seed: number) {
  const disk = createMemoryDisk({ random: randomFrom(seed) });
  disk.put('/d/x', new Uint8Array(0));
  return disk;
}

async function outcomes(
  work: (disk: ReturnType<typeof diskFrom>) => Promise<void>,
  describe: (files: Map<string, Uint8Array>) => string,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = diskFrom(seed);
    await work(disk);
    disk.crash();
    seen.add(describe(disk.files()));
  }
  return seen;
}

/** One letter a sector of /d/x: a, b, or - for zeros. */
function sectors(files: Map<string, Uint8Array>): string {
  const bytes = files.get('/d/x') ?? new Uint8Array(0);
  let text = '';
  for (let at = 0; at < bytes.length; at += 512) {
    text += bytes[at] === 0 ? '-' : String.fromCharCode(bytes[at]!);
  }
  return text;
}

const filled = (letter: string, count: number): Uint8Array =>
  new Uint8Array(512 * count).fill(letter.charCodeAt(0));

test('synced bytes survive; unsynced ones survive, vanish or are torn by sectors', async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.open('/d/x');
    await file.write(filled('a', 3), 0);
    await file.sync();
    await file.write(filled('b', 2), 512);
  }, sectors);
  assert.deepEqual([...seen].sort(), ['aaa', 'aab', 'aba', 'abb']);
});

test('a durable write survives, what was written elsewhere need not', async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.open('/d/x');
    await file.write(filled('a', 2), 0);
    await file.writeDurably(filled('b', 1), 512);
  }, sectors);
  assert.deepEqual([...seen].sort(), ['-b', 'ab']);
});

test('a durable write is not undone by an older unsynced one', async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.open('/d/x');
    await file.write(filled('a', 3), 0);
    await file.writeDurably(filled('b', 3), 0);
    await file.truncate(512);
  }, sectors);
  assert.deepEqual([...seen].sort(), ['b', 'bbb']);
});

test('what is durable stays so, whatever comes behind the sync and behind a crash', async () => {
  const cut = await outcomes(async (disk) => {
    const file = await disk.open('/d/x');
    await file.write(filled('a', 3), 0);
    await file.sync();
    await file.truncate(512);
  }, sectors);
  assert.deepEqual([...cut].sort(), ['a', 'aaa']);
  const written = await outcomes(async (disk) => {
    const file = await disk.open('/d/x');
    await file.write(filled('a', 3), 0);
    await file.sync();
    disk.crash();
    disk.damage('/d/x', filled('c', 1), 0);
    await (await disk.open('/d/x')).write(filled('b', 1), 512);
  }, sectors);
  assert.deepEqual([...written].sort(), ['caa', 'cba']);
});

test('names survive in order once their folder is synced, else a beginning of the changes', async () => {
  const seen = await outcomes(
    async (disk) => {
      const file = await disk.create('/d/1.tmp');
      await file.writeDurably(filled('a', 1), 0);
      await disk.rename('/d/1.tmp', '/d/1');
      await disk.remove('/d/x');
    },
    (files) => [...files.keys()].sort().join(' '),
  );
  assert.deepEqual([...seen].sort(), ['/d/1', '/d/1 /d/x', '/d/1.tmp /d/x', '/d/x']);
  const synced = await outcomes(
    async (disk) => {
      await disk.create('/d/1.tmp');
      await disk.rename('/d/1.tmp', '/d/1');
      await disk.syncDirectory('/d');
    },
    (files) => [...files.keys()].sort().join(' '),
  );
  assert.deepEqual([...synced], ['/d/1 /d/x']);
});

test('calls in flight at the crash never complete, and old handles are dead', async () => {
  const waiting: (() => void)[] = [];
  const disk = createMemoryDisk({
    random: randomFrom(1),
    schedule: (_, complete) => waiting.push(complete),
  });
  disk.put('/d/x', new Uint8Array(0));
  const opening = disk.open('/d/x');
  waiting.shift()!();
  const file = await opening;
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  file.writeDurably(filled('a', 1), 0).then(note, note);
  disk.crash();
  waiting.shift()!();
  file.sync().then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(settled, false);
  assert.equal(waiting.length, 0);
});

test('the same seed loses the same', async () => {
  const run = async (): Promise<string> => {
    const disk = diskFrom(77);
    const file = await disk.open('/d/x');
    for (let i = 0; i < 20; i++) await file.write(filled('b', 3), i * 700);
    disk.crash();
    return Buffer.from(disk.files().get('/d/x')!).toString('hex');
  };
  assert.equal(await run(), await run());
});
