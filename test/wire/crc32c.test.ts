import assert from 'node:assert/strict';
import test from 'node:test';
import { crc32c, crc32cCombine } from '../../src/wire/crc32c.ts';
import { fc } from '../support/fast-check.ts';

test('known values of CRC-32C (RFC 3720, B.4)', () => {
  assert.equal(crc32c(0, new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(crc32c(0, new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(0, new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(
    crc32c(
      0,
      Uint8Array.from({ length: 32 }, (_, i) => i),
    ),
    0x46dd794e,
  );
});

test('going on over pieces equals the whole, and two halves combine', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, at) => {
      const cut = Math.min(at, bytes.length);
      const whole = crc32c(0, bytes);
      assert.equal(crc32c(crc32c(0, bytes, 0, cut), bytes, cut), whole);
      const second = crc32c(0, bytes, cut);
      assert.equal(crc32cCombine(crc32c(0, bytes, 0, cut), second, bytes.length - cut), whole);
    }),
  );
});
