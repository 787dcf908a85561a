/** Files that the writer makes, read back by a plain reader that checks all that bbolt's own check does. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BboltBucket, bboltFile } from '../../src/bbolt/bbolt-file.ts';
import { fc } from '../support/fast-check.ts';
import { type BboltRow, readBbolt } from './read-bbolt.ts';
import { bucketOf, type Content, numbered, rows, write } from './support/content.ts';

function check(content: Content): ReturnType<typeof readBbolt> {
  const file = write(content);
  const read = readBbolt(file);
  assert.equal(read.pages * 4096, file.length);
  const plain = (rows: readonly BboltRow[]): string[] =>
    rows.map(({ key, value }) => `${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
  const names = [...content.keys()].sort();
  assert.deepEqual([...read.buckets.keys()], names);
  for (const name of names) assert.deepEqual(plain(read.buckets.get(name)!), plain(content.get(name)!), name);
  return read;
}

const names = fc.stringMatching(/^[a-zA-Z_]{1,12}$/);

test('what is written is read again, whatever the rows', () => {
  const property = fc.property(fc.array(fc.tuple(names, rows), { maxLength: 4 }), (buckets) => {
    check(new Map(buckets));
  });
  fc.assert(property, { numRuns: process.env['QUORATE_FULL'] === '1' ? 1000 : 60 });
});

test('no buckets, empty buckets, buckets that are small enough to lie in the root', () => {
  assert.equal(check(new Map()).pages, 4);
  const small = check(
    new Map([
      ['empty', []],
      ['one', numbered(1, 4, 0)],
    ]),
  );
  assert.equal(small.pages, 4);
});

test('on both sides of every border: inline, a leaf, a branch, two levels of branches', () => {
  for (const valueBytes of [1024 - 16 - 16 - 4, 1024 - 16 - 16 - 4 + 1])
    check(new Map([['b', numbered(1, 4, valueBytes)]]));
  for (const valueBytes of [4096 - 36, 4096 - 35, 8192 - 36, 8192 - 35]) {
    const read = check(new Map([['b', numbered(3, 4, valueBytes)]]));
    assert.equal(read.levels, 2);
  }
  // Rows of a page each, under branches of 123 children at most.
  const levels = [1, 2, 122, 123, 124, 125, 246, 247].map(
    (count) => check(new Map([['key', numbered(count, 17, 3000)]])).levels,
  );
  assert.deepEqual(levels, [1, 2, 2, 2, 3, 3, 3, 3]);
});

test('many levels, from keys of which a branch takes few', () => {
  const read = check(new Map([['b', numbered(600, 900, 10)]]));
  assert.equal(read.levels, 6);
});

test('keys of more than a page, of which a branch still takes two', () => {
  check(new Map([['b', numbered(40, 5000, 10)]]));
});

test('rows that change between the two walks are noticed', () => {
  let walks = 0;
  const changing: BboltBucket = {
    name: 'b',
    scan(start, visit) {
      if (start.length === 0) walks++;
      for (const { key, value } of numbered(walks * 300, 17, 100))
        if (Buffer.compare(key, start) >= 0 && !visit(key, value)) return;
    },
  };
  assert.throws(() => [...bboltFile([changing])], /the rows changed/);
});

test('work comes in slices', () => {
  let visited = 0;
  const all = numbered(5000, 17, 200);
  const bucket: BboltBucket = {
    name: 'key',
    scan(start, visit) {
      bucketOf('key', all).scan(start, (key, value) => {
        visited++;
        return visit(key, value);
      });
    },
  };
  const visits: number[] = [];
  let before = 0;
  for (const _ of bboltFile([bucket])) {
    visits.push(visited - before);
    before = visited;
  }
  assert.ok(Math.max(...visits) <= 500, `${Math.max(...visits)} rows in one slice`);
  assert.equal(visited, 2 * all.length);
});
