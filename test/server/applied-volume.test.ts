/** How much of the log is kept in memory, by bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../../src/raft/types.ts';
import { AppliedVolume } from '../../src/server/applied-volume.ts';

const MIB = 1024 * 1024;

function entries(from: number, count: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    type: 'normal',
    term: 1,
    index: from + i,
    data: new Uint8Array(bytes),
  }));
}

test('what lies above the index is no more than asked for, and not much less', () => {
  const volume = new AppliedVolume();
  let next = 1;
  const sizes = new Map<number, number>();
  for (const bytes of [100, 30_000, 3 * MIB, 0, 700_000, 100, 200_000]) {
    const added = entries(next, 50, bytes);
    for (const { index } of added) sizes.set(index, bytes);
    next += added.length;
    volume.add(added.slice(0, 20));
    volume.add(added.slice(20));
  }
  let above = 0;
  for (const bytes of sizes.values()) above += bytes;
  assert.equal(volume.bytes, above);
  assert.equal(volume.indexBefore(1000 * MIB), 0, 'all fits');
  for (const bytes of [150 * MIB, 32 * MIB, 10 * MIB, 2 * MIB]) {
    const index = volume.indexBefore(bytes);
    let held = 0;
    for (const [at, size] of sizes) if (at > index) held += size;
    assert.ok(held <= bytes, `${held} of ${bytes} above ${index}`);
    assert.ok(held >= bytes - 4 * MIB - 1, `${held} of ${bytes} above ${index}`);
  }
});
