/** Long work in slices between the other turns of the event loop, so that nobody waits for the whole of it. */
import type { Clock } from '../../ports/clock.ts';

export class Slices {
  readonly #clock: Clock;
  readonly #work: () => boolean;
  readonly #onIdle: () => void;
  readonly #onFailure: (error: Error) => void;
  #scheduled = false;
  #stopped = false;

  /** `work` does a slice and returns true while more is left; `onIdle` is called each time nothing is. */
  constructor(parts: {
    readonly clock: Clock;
    readonly work: () => boolean;
    readonly onIdle?: () => void;
    readonly onFailure: (error: Error) => void;
  }) {
    this.#clock = parts.clock;
    this.#work = parts.work;
    this.#onIdle = parts.onIdle ?? (() => {});
    this.#onFailure = parts.onFailure;
  }

  /** There is work now. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#clock.defer(this.#turn);
  }

  stop(): void {
    this.#stopped = true;
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      if (this.#work()) this.wake();
      else this.#onIdle();
    } catch (error) {
      this.#onFailure(error as Error);
    }
  };
}
