/**
 * The hash that memtables find keys by: HalfSipHash-1-3 (Aumasson and Bernstein's SipHash on 32-bit words), under a secret that is drawn when the program
 * starts. Clients choose the keys, and keys that collide cost a commit the square of their number; without the secret nobody can tell which ones do. A hash
 * that only begins with a secret number is not enough: there are keys that collide under it whatever the number.
 */

import type { Random } from '../ports/random.ts';

const SECRET_BYTES = 8;

export class KeyHash {
  readonly #low: number;
  readonly #high: number;

  constructor(random: Pick<Random, 'bytes'>) {
    const secret = random.bytes(SECRET_BYTES);
    const words = new DataView(secret.buffer, secret.byteOffset, SECRET_BYTES);
    this.#low = words.getInt32(0, true);
    this.#high = words.getInt32(4, true);
  }

  /** 32 bits. */
  of(key: Uint8Array): number {
    const { length } = key;
    const wholeWords = length & ~3;
    let v0 = this.#low;
    let v1 = this.#high;
    let v2 = this.#low ^ 0x6c79_6765;
    let v3 = this.#high ^ 0x7465_6462;
    let at = 0;
    // The round stands here twice: it changes four variables, and one loop for all rounds takes a third longer.
    for (; at < wholeWords; at += 4) {
      const word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let tail = length << 24;
    for (let shift = 0; at < length; at++, shift += 8) tail |= key[at]! << shift;
    v3 ^= tail;
    // One round for the tail, three at the end.
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= tail;
        v2 ^= 0xff;
      }
    }
    return v1 ^ v3;
  }
}
