/** The timers of one member, all of which end with it. */
import type { Clock, Timer } from '../ports/clock.ts';

export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Set<Timer>();
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The callback never runs if all timers have been stopped already. */
  after(delayMs: number, callback: () => void): Timer {
    if (this.#stopped) return NEVER;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#pending.delete(timer);
      callback();
    });
    this.#pending.add(timer);
    return {
      cancel: () => {
        this.#pending.delete(timer);
        timer.cancel();
      },
    };
  }

  /** The next round is measured from the beginning of this one; rounds that were missed are not made up for. */
  every(intervalMs: number, callback: () => void): void {
    if (this.#stopped) return;
    this.after(intervalMs, () => {
      this.every(intervalMs, callback);
      callback();
    });
  }

  /** Nothing runs after it. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#pending) timer.cancel();
    this.#pending.clear();
  }
}

const NEVER: Timer = { cancel() {} };
