/**
 * Randomness for tests. The short suite draws the same numbers in every run, so that a commit that passed goes on passing;
 * QUORATE_FULL=1 draws fresh ones and prints the seed, with which QUORATE_SEED repeats a run's choices (not its timing).
 */

import type { TestContext } from 'node:test';

export interface SeededRandom {
  readonly seed: number;
  /** A whole number in [0, bound). */
  below(bound: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32: 32 bits of state are plenty to choose victims with. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (bound: number): number => next() % bound;
  return { seed, below, pick: (items) => items[below(items.length)]! };
}

/** The seed asked for, a fresh one at full length, or else the one of every run; below 2^32. */
export function testSeed(): number {
  const asked = process.env['QUORATE_SEED'];
  if (asked !== undefined) return Number(asked);
  return process.env['QUORATE_FULL'] === '1' ? Date.now() % 0x1_0000_0000 : 20261122;
}

/** The seed of one test, in the test's output. */
export function printedSeed(t: TestContext): number {
  const seed = testSeed();
  t.diagnostic(`seed ${seed} (repeat with QUORATE_SEED=${seed})`);
  return seed;
}

/** The generator of one test, its seed in the test's output. */
export function testRandom(t: TestContext): SeededRandom {
  return seededRandom(printedSeed(t));
}
