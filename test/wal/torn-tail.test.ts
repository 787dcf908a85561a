import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RecordEncoder } from '../../src/wal/record-encoder.ts';
import { judgeTail, SECTOR_BYTES } from '../../src/wal/torn-tail.ts';

const CRC = 0x1234;
const LENGTH_BYTES = 8;

/** A write of which the length of its first record is zero, and all else is there. */
function withoutLength(): Uint8Array {
  const encoder = new RecordEncoder(CRC);
  encoder.crcRecord();
  encoder.entry({ index: 5, term: 2, type: 'normal', data: new Uint8Array(100).fill(7) });
  const rest = new Uint8Array(2 * SECTOR_BYTES);
  rest.set(encoder.take());
  rest.fill(0, 0, LENGTH_BYTES);
  return rest;
}

// Found by a random cluster (seed 97): power was lost in a write whose first 8 bytes were the last of a sector.
it('a length that filled the end of a lost sector was torn off', () => {
  assert.equal(judgeTail('zero-length', withoutLength(), SECTOR_BYTES - LENGTH_BYTES, CRC), undefined);
});

it('a length that is gone while the rest of its sector is there is damage', () => {
  assert.equal(
    judgeTail('zero-length', withoutLength(), SECTOR_BYTES - 2 * LENGTH_BYTES, CRC),
    'the length of a record is wrong',
  );
});
