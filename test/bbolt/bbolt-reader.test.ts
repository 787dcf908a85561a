/** The reader against the writer, against files laid out by hand, and against bytes that were changed at random. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BboltDamage } from '../../src/bbolt/bbolt-damage.ts';
import { type BucketReader, openBbolt } from '../../src/bbolt/bbolt-reader.ts';
import { fnv64a } from '../../src/bbolt/fnv64a.ts';
import { bucketAt, inlineBucket, leafPage, metaPage } from '../../src/bbolt/page-format.ts';
import { fc } from '../support/fast-check.ts';
import { testRandom } from '../support/seeded-random.ts';
import { readBbolt } from './read-bbolt.ts';
import { bytesFile } from './support/bytes-file.ts';
import { type Content, numbered, rows, write } from './support/content.ts';

const isFullLength = process.env['QUORATE_FULL'] === '1';
const pageBytes = 4096;

/** Everything in a bucket as text, nested buckets indented. */
async function shown(bucket: BucketReader, indent = ''): Promise<string[]> {
  const lines: string[] = [];
  for await (const entries of bucket.entries()) {
    for (const { key, value, bucket: nested } of entries) {
      const name = `${indent}${Buffer.from(key).toString('hex')}`;
      if (nested === undefined) lines.push(`${name} ${Buffer.from(value).toString('hex')}`);
      else lines.push(`${name} {`, ...(await shown(nested, `${indent}  `)), `${indent}}`);
    }
  }
  return lines;
}

async function read(file: Uint8Array): Promise<string[]> {
  return shown(await openBbolt(bytesFile(file)));
}

function expected(content: Content): string[] {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return [...content]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, rows]) => [
      `${Buffer.from(name, 'latin1').toString('hex')} {`,
      ...rows.map(({ key, value }) => `  ${hex(key)} ${hex(value)}`),
      '}',
    ]);
}

test('what the writer writes the reader reads', async () => {
  const names = fc.stringMatching(/^[a-zA-Z_]{1,12}$/);
  const property = fc.asyncProperty(fc.array(fc.tuple(names, rows), { maxLength: 4 }), async (buckets) => {
    const content = new Map(buckets);
    assert.deepEqual(await read(write(content)), expected(content));
  });
  await fc.assert(property, { numRuns: isFullLength ? 1000 : 60 });
});

test('trees of many levels, pages that go on for many, keys of more than a page', async () => {
  for (const rows of [
    numbered(600, 900, 10),
    numbered(40, 5000, 10),
    numbered(300, 17, 9000),
    numbered(9000, 17, 20),
  ]) {
    const content = new Map([['key', rows]]);
    assert.deepEqual(await read(write(content)), expected(content));
  }
});

test('neighbouring pages are read in one piece, and no more than that', async () => {
  const file = write(new Map([['key', numbered(9000, 17, 100)]]));
  const source = bytesFile(file);
  await shown(await openBbolt(source));
  assert.ok(source.reads.count < file.length / pageBytes / 8, `${source.reads.count} reads`);
  assert.ok(source.reads.bytesMax <= 64 * pageBytes, `${source.reads.bytesMax} bytes at once`);
});

test('a bucket is found by its name, and can be read again', async () => {
  const root = await openBbolt(
    bytesFile(
      write(
        new Map([
          ['a', numbered(3, 4, 1)],
          ['b', numbered(400, 4, 100)],
        ]),
      ),
    ),
  );
  const bucket = await root.bucket(Buffer.from('b'));
  assert.ok(bucket !== undefined);
  const lines = await shown(bucket);
  assert.equal(lines.length, 400);
  assert.deepEqual(await shown(bucket), lines);
  assert.equal(await root.bucket(Buffer.from('c')), undefined);
  assert.equal(await root.bucket(Buffer.from('')), undefined);
});

/** Pages after the two metas and a free one, each made for the number that it has. */
function fileOf(pages: readonly ((number: number) => Uint8Array)[], root: number): Buffer {
  const made = pages.map((page, at) => page(3 + at));
  const meta = { root, freelist: 2, pages: 3 + pages.length };
  const metas = [metaPage(0, { ...meta, transaction: 7 }), metaPage(1, { ...meta, transaction: 6 })];
  return Buffer.concat([...metas, new Uint8Array(pageBytes), ...made]);
}

function leaf(rows: Readonly<Record<string, Uint8Array>>, flags: 0 | 1) {
  const keys = Object.keys(rows).map((each) => Buffer.from(each));
  return (number: number): Uint8Array =>
    leafPage(number, { keys, values: Object.values(rows), flags }, pageBytes);
}

test('buckets within buckets, in pages of their own and within their parents', async () => {
  const small = { keys: [Buffer.from('x')], values: [Buffer.from('1')], flags: 0 as const };
  const inline = inlineBucket(small, 16 + 16 + 2);
  const file = fileOf(
    [
      leaf({ outer: bucketAt(4) }, 1),
      leaf({ deep: bucketAt(5), small: inline }, 1),
      leaf({ y: Buffer.from('2') }, 0),
    ],
    3,
  );
  const hex = (text: string): string => Buffer.from(text).toString('hex');
  assert.deepEqual(await read(file), [
    `${hex('outer')} {`,
    `  ${hex('deep')} {`,
    `    ${hex('y')} ${hex('2')}`,
    '  }',
    `  ${hex('small')} {`,
    `    ${hex('x')} ${hex('1')}`,
    '  }',
    '}',
  ]);
});

test('the later of the two metas counts, and either alone if the other is broken', async () => {
  const older = new Map([['old', numbered(1, 4, 2000)]]);
  const file = fileOf(
    [leaf({ old: bucketAt(5) }, 1), leaf({ new: bucketAt(5) }, 1), leaf({ k: Buffer.from('v') }, 0)],
    4,
  );
  assert.equal(older.size, 1);
  const second = metaPage(1, { root: 3, freelist: 2, pages: 6, transaction: 8 });
  file.set(second, pageBytes);
  const names = async (bytes: Uint8Array): Promise<string> =>
    Buffer.from((await read(bytes))[0]!.split(' ')[0]!, 'hex').toString();
  assert.equal(await names(file), 'old');
  const broken = (page: number): Buffer => {
    const copy = Buffer.from(file);
    copy[page * pageBytes + 40]! ^= 1;
    return copy;
  };
  assert.equal(await names(broken(1)), 'new');
  assert.equal(await names(broken(0)), 'old');
  const both = broken(0);
  both[pageBytes + 40]! ^= 1;
  await assert.rejects(read(both), /neither of its meta pages is whole/);
  await assert.rejects(read(new Uint8Array(0)), BboltDamage);
  await assert.rejects(read(Buffer.from('what is this?')), BboltDamage);
});

test('pages of another size', async () => {
  const small = leaf(
    { b: inlineBucket({ keys: [Buffer.from('k')], values: [Buffer.from('v')], flags: 0 }, 34) },
    1,
  )(2);
  for (const size of [1024, 16_384, 65_536]) {
    const file = Buffer.alloc(3 * size);
    for (const number of [0, 1]) {
      const meta = metaPage(number, { root: 2, freelist: 9, pages: 3, transaction: 4 });
      const view = new DataView(meta.buffer);
      view.setUint32(24, size, true);
      view.setBigUint64(72, fnv64a(meta.subarray(16, 72)), true);
      file.set(meta.subarray(0, 80), number * size);
    }
    file.set(small.subarray(0, 1024), 2 * size);
    assert.equal((await read(file)).length, 3);
    // Without the first meta the size of a page has to be found out.
    file.fill(0, 0, 80);
    assert.equal((await read(file)).length, 3);
  }
});

test('damage is named', async () => {
  const whole = fileOf(
    [leaf({ a: bucketAt(4) }, 1), leaf({ k: Buffer.from('v'), l: Buffer.from('w') }, 0)],
    3,
  );
  assert.equal((await read(whole)).length, 4);
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(whole);
    copy[at] = value;
    return copy;
  };
  const leafAt = 4 * pageBytes;
  for (const [file, reason] of [
    [whole.subarray(0, 4 * pageBytes), /should have 20480 bytes/],
    [changed(leafAt, 9), /page 4 says that it is page 9/],
    [changed(leafAt + 8, 16), /page 4 is of kind 16/],
    [changed(leafAt + 8, 1), /page \d+/],
    [changed(leafAt + 11, 0xff), /no room for its/],
    [changed(leafAt + 12, 1), /goes on for 1 pages/],
    [changed(leafAt + 16, 3), /row 0 of page 4 is of kind 3/],
    [changed(leafAt + 21, 0xff), /row 0 of page 4 does not lie within it/],
    [changed(leafAt + 20, 1), /row 0 of page 4 does not lie within it/],
    [changed(leafAt + 24, 0), /row 0 of page 4 does not lie within it/],
    [changed(leafAt + 48, 0x7a), /not in order/],
    [changed(3 * pageBytes + 33, 77), /no page 77/],
  ] as const)
    await assert.rejects(
      read(file),
      (error: Error) => error instanceof BboltDamage && reason.test(error.message),
      String(reason),
    );
});

test('pages that are their own children, or shared', async () => {
  const branch = (children: readonly number[]) => (number: number) => {
    const page = Buffer.alloc(pageBytes);
    page.writeBigUInt64LE(BigInt(number), 0);
    page.writeUInt16LE(1, 8);
    page.writeUInt16LE(children.length, 10);
    for (const [i, child] of children.entries()) page.writeBigUInt64LE(BigInt(child), 16 + 16 * i + 8);
    return page;
  };
  const row = leaf({ k: Buffer.from('v') }, 0);
  for (const pages of [
    [branch([3])],
    [branch([4]), branch([3])],
    [branch([4, 4]), row],
    [leaf({ a: bucketAt(4) }, 1), branch([5, 6]), branch([7]), branch([7]), row],
  ])
    await assert.rejects(read(fileOf(pages, 3)), /in a tree twice/);
  // A bucket that holds itself is endless, but not for the reader.
  await assert.rejects(read(fileOf([leaf({ a: bucketAt(3) }, 1)], 3)), /64 deep|65 deep/);
});

test('bytes changed at random give other rows or a named damage, in bounded time', async (t: TestContext) => {
  const random = testRandom(t);
  const file = write(
    new Map([
      ['alarm', []],
      ['key', numbered(700, 17, 60)],
      ['lease', numbered(5, 8, 12)],
      ['long', numbered(3, 17, 9000)],
    ]),
  );
  assert.equal(readBbolt(file).buckets.size, 4);
  const reasons = new Map<string, number>();
  for (let round = 0; round < (isFullLength ? 20_000 : 1_000); round++) {
    const copy = Buffer.from(file);
    for (let change = 0; change <= random.below(4); change++) {
      const page = random.below(copy.length / pageBytes);
      // Mostly where the headers and elements are.
      const at = page * pageBytes + random.below(random.below(3) === 0 ? pageBytes : 96);
      copy[at] = random.below(2) === 0 ? random.below(256) : copy[at]! ^ (1 << random.below(8));
    }
    const cut = random.below(10) === 0 ? copy.subarray(0, random.below(copy.length)) : copy;
    try {
      await read(cut);
    } catch (error) {
      assert.ok(error instanceof BboltDamage, (error as Error).stack);
      const reason = error.message.replace(/\d+/g, 'n');
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  assert.ok(reasons.size >= 8, [...reasons.keys()].join('; '));
});

test('a file that cannot be read is no damage', async () => {
  const failing = { size: async () => 1e6, read: () => Promise.reject(new Error('EIO')) };
  await assert.rejects(openBbolt(failing), /^Error: EIO$/);
});
