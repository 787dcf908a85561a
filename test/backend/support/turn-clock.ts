/** A clock for backends under test: turns end when Node's do, time passes only when it is told to. */

import type { Clock, Timer } from '../../../src/ports/clock.ts';

export class TurnClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; callback: (() => void) | undefined }[] = [];

  wallTimeMs(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback: callback as (() => void) | undefined };
    this.#timers.push(timer);
    return {
      cancel() {
        timer.callback = undefined;
      },
    };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.callback?.();
  }
}

/** The next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
