import type { Clock, Timer } from '../ports/clock.ts';

/** The clock of the machine. */
export const nodeClock: Clock = {
  wallTimeMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs: number, callback: () => void): Timer {
    const timeout = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timeout) };
  },
  // Immediates run after the poll phase: every socket that was readable has been read by then.
  defer: (callback: () => void) => void setImmediate(callback),
};
