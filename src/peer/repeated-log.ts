import type { Clock } from '../ports/clock.ts';

const QUIET_MS = 30_000;
const KEYS_MAX = 256;

/**
 * Keeps a sentence that would be logged with every attempt (ten times a second from a member with a wrong token) down to one
 * line in 30 seconds for each distinct key.
 */
export class RepeatedLog {
  readonly #clock: Clock;
  readonly #loggedAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True if the line for `key` should be written now. */
  isDue(key: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const lastMs = this.#loggedAtMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < QUIET_MS) return false;
    if (this.#loggedAtMs.size >= KEYS_MAX) this.#loggedAtMs.clear();
    this.#loggedAtMs.set(key, nowMs);
    return true;
  }
}
