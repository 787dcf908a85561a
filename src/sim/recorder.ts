/**
 * Where all observations of a run arrive: they go into the digest, to the checkers, to the counts and to whoever listens. The first
 * failure is kept and not thrown: an observation is made in the middle of the observed code, which would take it for its own error.
 */
import { Digest } from './digest.ts';
import type { Checker, Observation } from './observation.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface RunCounts {
  operations: number;
  /** Operations that got a certain answer. */
  answered: number;
  elections: number;
  watchEvents: number;
  observations: number;
  readonly faults: Map<string, number>;
}

export class Recorder {
  readonly counts: RunCounts = {
    operations: 0,
    answered: 0,
    elections: 0,
    watchEvents: 0,
    observations: 0,
    faults: new Map(),
  };
  /** What a checker threw, or the observed code where it must not. */
  failure: Error | undefined;
  readonly #clock: VirtualClock;
  readonly #checkers: readonly Checker[];
  readonly #listener: (observation: Observation) => void;
  readonly #digest = new Digest();

  constructor(
    clock: VirtualClock,
    checkers: readonly Checker[],
    listener: (observation: Observation) => void = () => {},
  ) {
    this.#clock = clock;
    this.#checkers = checkers;
    this.#listener = listener;
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  get digest(): string {
    return this.#digest.text;
  }

  observe(observation: Observation): void {
    if (this.failure !== undefined) return;
    this.#digest.add(observation);
    this.#count(observation);
    this.#listener(observation);
    try {
      for (const checker of this.#checkers) checker.observe(observation);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  finish(): void {
    this.#digest.add(this.#clock.events);
    if (this.failure !== undefined) return;
    try {
      for (const checker of this.#checkers) checker.finish();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    this.failure ??= error;
  }

  #count(observation: Observation): void {
    const { counts } = this;
    counts.observations++;
    switch (observation.kind) {
      case 'operation-invoked':
      case 'v3-invoked':
        counts.operations++;
        return;
      case 'operation-returned':
      case 'v3-returned':
        if (observation.outcome.kind !== 'unknown') counts.answered++;
        return;
      case 'leader-elected':
        counts.elections++;
        return;
      case 'watch-delivered':
        counts.watchEvents++;
        return;
      case 'v3-watch-delivered':
        counts.watchEvents += observation.events.length;
        return;
      case 'fault-begun':
        counts.faults.set(observation.fault, (counts.faults.get(observation.fault) ?? 0) + 1);
        return;
      default:
    }
  }
}
