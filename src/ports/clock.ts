/** Time as the rest of the program sees it. The simulator's twin turns by hand. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch; may jump. Only for what users see (TTL, stats). */
  wallTimeMs(): number;
  /** Monotonic time in milliseconds with a fractional part; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs` milliseconds unless cancelled. */
  schedule(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` once after the input that is already waiting was handled: the end of this turn's batch. */
  defer(callback: () => void): void;
}

export interface Timer {
  /** Idempotent; after it the callback does not run. */
  cancel(): void;
}
