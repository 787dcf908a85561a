/** Buckets for the writer: rows of any kind, and the file it makes of them. */

import assert from 'node:assert/strict';
import { type BboltBucket, bboltFile, CHUNK_BYTES } from '../../../src/bbolt/bbolt-file.ts';
import { fc } from '../../support/fast-check.ts';
import type { BboltRow } from '../read-bbolt.ts';

/** By name. */
export type Content = ReadonlyMap<string, readonly BboltRow[]>;

export function bucketOf(name: string, rows: readonly BboltRow[]): BboltBucket {
  return {
    name,
    scan(start, visit) {
      for (const { key, value } of rows) if (Buffer.compare(key, start) >= 0 && !visit(key, value)) return;
    },
  };
}

/** The file; every chunk says rightly what is still to come. */
export function write(content: Content): Buffer {
  const chunks = [];
  for (const chunk of bboltFile([...content].map(([name, rows]) => bucketOf(name, rows))))
    if (chunk !== undefined) chunks.push(chunk);
  const file = Buffer.concat(chunks.map(({ bytes }) => bytes));
  let behind = file.length;
  for (const { bytes, remainingBytes } of chunks) {
    behind -= bytes.length;
    assert.equal(remainingBytes, behind);
    assert.ok(bytes.length <= CHUNK_BYTES);
  }
  assert.equal(file.length % 4096, 0);
  return file;
}

/** So many rows with ascending keys of equal length. */
export function numbered(count: number, keyBytes: number, valueBytes: number): BboltRow[] {
  return Array.from({ length: count }, (_, i) => {
    const key = new Uint8Array(keyBytes);
    new DataView(key.buffer).setUint32(keyBytes - 4, i);
    return { key, value: new Uint8Array(valueBytes).fill(i) };
  });
}

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

/** Mostly small rows, some that fill a page, some of several pages. */
const value = fc.oneof(
  { weight: 20, arbitrary: bytes(0, 40) },
  { weight: 4, arbitrary: bytes(0, 1200) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 3900, max: 13_000 }).map((length) => new Uint8Array(length).fill(length)),
  },
);
const key = fc.oneof({ weight: 10, arbitrary: bytes(1, 20) }, { weight: 1, arbitrary: bytes(1, 3000) });
/** Of any bytes, in order. */
export const rows = fc
  .uniqueArray(fc.record({ key, value }), {
    selector: (row) => Buffer.from(row.key).toString('hex'),
    maxLength: 200,
    size: 'max',
  })
  .map((list) => list.sort((a, b) => Buffer.compare(a.key, b.key)));
