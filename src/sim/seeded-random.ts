import type { Random } from '../ports/random.ts';

/** The Random port from a 32-bit seed (mulberry32): the same seed gives the same run. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    next: () => word() / 0x1_0000_0000,
    bytes: (count) => Uint8Array.from({ length: count }, () => word() & 0xff),
  };
}

/** Draws for scenarios, all from one Random. */
export class Dice {
  readonly random: Random;

  constructor(seed: number) {
    this.random = createSeededRandom(seed);
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.random.next() * bound);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.random.next() * (to - from);
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** Undefined of nothing. */
  pick<T>(of: readonly T[]): T | undefined {
    return of[this.below(of.length)];
  }

  /** `of[i]` comes up in proportion to `weights[i]`; all weights are positive. */
  weighted<T>(of: readonly T[], weights: readonly number[]): T {
    let left = this.random.next() * weights.reduce((sum, weight) => sum + weight, 0);
    const at = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return of[at < 0 ? of.length - 1 : at]!;
  }

  /** Waiting time in milliseconds until something that happens every `meanMs` on average. */
  waitMs(meanMs: number): number {
    return Math.min(10 * meanMs, -Math.log(1 - this.random.next()) * meanMs);
  }

  shuffled<T>(of: readonly T[]): T[] {
    const mixed = [...of];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
    }
    return mixed;
  }

  /** The seed of a stream of its own. */
  seed(): number {
    return Math.floor(this.random.next() * 0x1_0000_0000);
  }
}
