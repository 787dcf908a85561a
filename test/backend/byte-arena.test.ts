/** Bytes in an arena stay where their address says, at the edges of chunks, too. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArena, offsetOf } from '../../src/backend/byte-arena.ts';

test('no bytes behind a chunk that is full to the last byte', () => {
  const arena = new ByteArena();
  const addresses: number[] = [];
  // Two to the power of twelve is the first chunk, to that of sixteen any other.
  for (let filled = 0; filled < 0x1000 + 3 * 0x1_0000; filled += 1024) {
    addresses.push(arena.add(new Uint8Array(1024).fill(filled >> 10)));
    const empty = arena.add(new Uint8Array(0));
    assert.equal(arena.view(empty, 0).length, 0);
    assert.ok(offsetOf(empty) <= arena.chunkOf(empty).length);
  }
  for (const [i, address] of addresses.entries()) {
    assert.deepEqual(arena.view(address, 1024), new Uint8Array(1024).fill(i));
  }
});
