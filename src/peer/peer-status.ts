import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { PeerCounters } from './peer-counters.ts';

/**
 * Whether a peer is reachable, and since when without a break. Any stream that comes up and any delivered message makes it
 * active; any failure to dial, read or write makes it inactive. Only the changes are logged as news.
 */
export class PeerStatus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counters: PeerCounters;
  #activeSinceMs: number | undefined;

  constructor(clock: Clock, log: Log, counters: PeerCounters) {
    this.#clock = clock;
    this.#log = log;
    this.#counters = counters;
  }

  /** Monotonic milliseconds. */
  get activeSinceMs(): number | undefined {
    return this.#activeSinceMs;
  }

  activate(): void {
    if (this.#activeSinceMs !== undefined) return;
    this.#activeSinceMs = this.#clock.monotonicMs();
    this.#counters.active = 1;
    this.#log.info('peer became active');
  }

  /** `failed` says what did not work, such as 'dial stream MsgApp v2'. */
  deactivate(failed: string, reason: string): void {
    if (this.#activeSinceMs === undefined) {
      this.#log.debug('peer is still inactive', { failed, error: reason });
      return;
    }
    this.#activeSinceMs = undefined;
    this.#counters.active = 0;
    this.#counters.disconnects++;
    this.#log.warn('peer became inactive', { failed, error: reason });
  }

  /** The peer is no longer ours to talk to: neither active nor disconnected. */
  close(): void {
    this.#activeSinceMs = undefined;
    this.#counters.active = 0;
  }
}
