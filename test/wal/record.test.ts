import assert from 'node:assert/strict';
import test from 'node:test';
import type { Entry } from '../../src/raft/types.ts';
import { decodeLength, decodeRecord, emptyRecord, FRAME_BYTES, isZero } from '../../src/wal/record.ts';
import { RecordEncoder } from '../../src/wal/record-encoder.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { encodeEntry, encodeHardState } from '../../src/wire/raftpb.ts';
import { fc } from '../support/fast-check.ts';

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  index: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  term: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  type: fc.constantFrom('normal', 'conf-change', 'conf-change-v2'),
  data: fc.uint8Array({ maxLength: 300 }),
});

test('an entry becomes a padded frame around exactly the bytes of raftpb.Entry', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { minLength: 1, maxLength: 20 }), fc.nat(0xffffffff), (list, seed) => {
      const encoder = new RecordEncoder(seed);
      for (const entry of list) encoder.entry(entry);
      const bytes = encoder.take();
      const record = emptyRecord();
      let at = 0;
      let crc = seed;
      for (const entry of list) {
        const length = decodeLength(bytes, at)!;
        assert.equal((length.size + length.padding) % 8, 0);
        const end = at + FRAME_BYTES + length.size;
        assert.equal(decodeRecord(bytes, at + FRAME_BYTES, end, record), end);
        const data = bytes.subarray(record.dataStart, record.dataEnd);
        assert.deepEqual(data, encodeEntry(entry));
        crc = crc32c(crc, data);
        assert.equal(record.crc, crc);
        assert.ok(isZero(bytes, end, end + length.padding));
        at = end + length.padding;
      }
      assert.equal(at, bytes.length);
      assert.equal(encoder.crc, crc);
    }),
  );
});

test('a record as etcd 3.4 writes it, byte for byte', () => {
  const encoder = new RecordEncoder(0);
  encoder.crcRecord();
  encoder.metadata({ memberId: 1n, clusterId: 0x8000000000000000n });
  const hex = Buffer.from(encoder.take()).toString('hex');
  assert.equal(
    hex,
    // length 4, 4 bytes of padding: type 4, crc 0
    '0400000000000084' +
      '0804100000000000' +
      // type 1, its crc, 13 bytes: member 1, cluster 2^63
      `${'17000000000000810801'}10${varint(crc32c(0, METADATA_BYTES))}1a0d${Buffer.from(METADATA_BYTES).toString('hex')}00`,
  );
});

const METADATA_BYTES = Uint8Array.from([8, 1, 16, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]);

function varint(value: number): string {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]).toString('hex');
}

test('the hard state is raftpb.HardState', () => {
  const encoder = new RecordEncoder(0);
  const state = { term: 7, vote: 0x1a661f2b9997ba39n, commit: 12345678 };
  encoder.state(state);
  const bytes = encoder.take();
  const record = emptyRecord();
  decodeRecord(bytes, FRAME_BYTES, bytes.length, record);
  assert.deepEqual(bytes.slice(record.dataStart, record.dataEnd), encodeHardState(state));
});

test('an entry that no reader would accept is refused before it is written', () => {
  const encoder = new RecordEncoder(0);
  const data = new Uint8Array(10 * 1024 * 1024);
  assert.throws(() => encoder.entry({ index: 1, term: 1, type: 'normal', data }), RangeError);
  assert.equal(encoder.length, 0);
});

test('a buffer taken is not written again while another is filled, and comes back after recycling', () => {
  const encoder = new RecordEncoder(0);
  encoder.crcRecord();
  const first = encoder.take();
  const copy = first.slice();
  encoder.state({ term: 1, vote: 1n, commit: 1 });
  assert.deepEqual(first, copy);
  encoder.recycle(first);
  encoder.take();
  encoder.crcRecord();
  assert.equal(encoder.take().buffer, first.buffer);
});
