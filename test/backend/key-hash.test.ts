/** The hash of keys: HalfSipHash-1-3 to the bit, so that keys crafted without its secret collide no more than others. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyHash } from '../../src/backend/key-hash.ts';
import { fc } from '../support/fast-check.ts';

const secretOf = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
const SECRET = secretOf(0, 1, 2, 3, 4, 5, 6, 7);
const OTHER = secretOf(0, 1, 2, 3, 4, 5, 6, 8);

function hashUnder(secret: Uint8Array): KeyHash {
  return new KeyHash({
    bytes(count) {
      assert.equal(count, secret.length);
      return secret;
    },
  });
}

/** HalfSipHash as its description has it, with any numbers of rounds. */
function naiveHalfSipHash(
  secret: Uint8Array,
  message: Uint8Array,
  rounds: number,
  lastRounds: number,
): number {
  const padded = Buffer.alloc((Math.floor(message.length / 4) + 1) * 4);
  padded.set(message);
  padded[padded.length - 1] = message.length % 256;
  const key = Buffer.from(secret);
  const [k0, k1] = [key.readUInt32LE(0), key.readUInt32LE(4)];
  const v = [k0, k1, k0 ^ 0x6c796765, k1 ^ 0x74656462];
  const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
  const addInto = (to: number, from: number): void => {
    v[to] = (v[to]! + v[from]!) | 0;
  };
  const mix = (to: number, by: number, from: number): void => {
    v[to] = rotated(v[to]!, by) ^ v[from]!;
  };
  const round = (): void => {
    addInto(0, 1);
    mix(1, 5, 0);
    v[0] = rotated(v[0]!, 16);
    addInto(2, 3);
    mix(3, 8, 2);
    addInto(0, 3);
    mix(3, 7, 0);
    addInto(2, 1);
    mix(1, 13, 2);
    v[2] = rotated(v[2]!, 16);
  };
  for (let at = 0; at < padded.length; at += 4) {
    v[3]! ^= padded.readInt32LE(at);
    for (let i = 0; i < rounds; i++) round();
    v[0]! ^= padded.readInt32LE(at);
  }
  v[2]! ^= 0xff;
  for (let i = 0; i < lastRounds; i++) round();
  return v[1]! ^ v[3]!;
}

test('the naive hash has the published values of HalfSipHash-2-4', () => {
  const published = ['a9359f5b', '27475ab8', 'fa62a603', '8afee704', '2a6e4689'];
  const found = published.map((_, length) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(
      naiveHalfSipHash(
        SECRET,
        Uint8Array.from({ length }, (_, i) => i),
        2,
        4,
      ),
    );
    return bytes.toString('hex');
  });
  assert.deepEqual(found, published);
});

test('keys of every length have the naive hash', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.uint8Array({ maxLength: 300 }),
      (secret, key) => assert.equal(hashUnder(secret).of(key), naiveHalfSipHash(secret, key, 1, 3)),
    ),
  );
});

test('keys crafted to collide under one secret do not under another', () => {
  const craftedFor = hashUnder(SECRET);
  const lowBits = 0xff;
  const colliding: Uint8Array[] = [];
  for (let i = 0; colliding.length < 64; i++) {
    const key = Buffer.from(`key-${i}`);
    if ((craftedFor.of(key) & lowBits) === 0) colliding.push(key);
  }
  const other = hashUnder(OTHER);
  const places = new Set(colliding.map((key) => other.of(key) & lowBits));
  // 64 that are thrown into 256 places hit 56 of them on average.
  assert.ok(places.size > 45, `${places.size} places`);
});

/**
 * A hash that takes the key in words, each by `state = (state ^ word) * odd; state ^= state >>> 15`, lets the highest bit of a difference through as it is: the
 * next word can take it back, whatever the state was. So each pair of words can be one of two.
 */
test('keys that collide wherever a plainly mixing hash begins do not', () => {
  const pairs = 10;
  const keys = Array.from({ length: 2 ** pairs }, (_, choices) => {
    const key = Buffer.alloc(8 * pairs);
    for (let pair = 0; pair < pairs; pair++) {
      if (((choices >> pair) & 1) === 0) continue;
      key.writeUInt32LE(0x8000_0000, 8 * pair);
      key.writeUInt32LE(0x8001_0000, 8 * pair + 4);
    }
    return key;
  });
  for (const secret of [SECRET, OTHER]) {
    const hash = hashUnder(secret);
    assert.equal(new Set(keys.map((key) => hash.of(key))).size, keys.length);
  }
});
