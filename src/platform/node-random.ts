import { randomFillSync } from 'node:crypto';
import type { Random } from '../ports/random.ts';

/** The operating system's randomness. */
export const nodeRandom: Random = {
  next(): number {
    const words = new Uint32Array(2);
    randomFillSync(words);
    // 53 bits, all that a double holds in [0, 1).
    return ((words[0]! >>> 5) * 0x400_0000 + (words[1]! >>> 6)) / 0x20_0000_0000_0000;
  },
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    randomFillSync(bytes);
    return bytes;
  },
};
