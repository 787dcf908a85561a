import type { Clock, Timer } from '../../src/ports/clock.ts';

/** The real time, for tests and benchmarks of the network. */
export const systemClockForTests: Clock = {
  wallTimeMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback): Timer {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (callback) => void setImmediate(callback),
};

/** A clock that a test turns by hand; it starts at a round second. */
export class HandClock implements Clock {
  private nowMs = 1_700_000_000_000;
  private timers: { atMs: number; callback: () => void }[] = [];

  wallTimeMs(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
  schedule(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
  }
  defer(callback: () => void): void {
    setImmediate(callback);
  }

  /** Lets `durationMs` pass and runs what falls due, in order. */
  advance(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const due = this.timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.nowMs = due.atMs;
      due.callback();
    }
    this.nowMs = untilMs;
  }
}
