/**
 * Compaction by itself (`--auto-compaction-mode`, `--auto-compaction-retention`), proposed by the leader, by etcd's rules:
 *
 *   periodic   revisions older than the retention go; looked at every tenth of it, at most every hour
 *   revision   all but the newest N revisions go; looked at every five minutes
 */
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Timers } from '../timers.ts';

export type AutoCompactionSettings =
  | { readonly mode: 'off' }
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retention: number };

const HOUR_MS = 3_600_000;
const REVISION_INTERVAL_MS = 300_000;
/** Looks per retention, as etcd. */
const LOOKS = 10;

export interface AutoCompactionParts {
  readonly settings: AutoCompactionSettings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly revision: () => number;
  readonly isLeader: () => boolean;
  /** Calls back with whether the compaction was done (or had been before). */
  readonly compact: (revision: number, done: (ok: boolean) => void) => void;
}

export class AutoCompaction {
  readonly #parts: AutoCompactionParts;
  /** Revisions seen at past looks, oldest first: one window's worth. */
  #seen: number[] = [];
  #lastRevision = 0;
  #lastMs = 0;

  constructor(parts: AutoCompactionParts) {
    this.#parts = parts;
  }

  start(): void {
    const { settings, timers } = this.#parts;
    if (settings.mode === 'revision') {
      timers.every(REVISION_INTERVAL_MS, () => this.#compactTo(this.#parts.revision() - settings.retention));
    } else if (settings.mode === 'periodic') this.#startPeriodic(settings.retentionMs);
  }

  #startPeriodic(retentionMs: number): void {
    const { clock, timers, revision } = this.#parts;
    const intervalMs = Math.min(retentionMs, HOUR_MS);
    const lookMs = intervalMs / LOOKS;
    const window = Math.floor(retentionMs / lookMs) + 1;
    this.#lastMs = clock.monotonicMs();
    this.#seen = [revision()];
    // Nothing is old enough before a whole retention has passed.
    let waitMs = retentionMs;
    timers.every(lookMs, () => {
      // A look may come a moment early: the next one is a tenth of the interval away.
      if (clock.monotonicMs() - this.#lastMs >= waitMs - lookMs / 2) {
        waitMs = intervalMs;
        this.#compactTo(this.#seen[0]!);
      }
      this.#seen.push(revision());
      if (this.#seen.length > window) this.#seen.shift();
    });
  }

  #compactTo(revision: number): void {
    const { isLeader, compact, log, clock } = this.#parts;
    if (!isLeader() || revision <= 0 || revision === this.#lastRevision) {
      this.#lastMs = clock.monotonicMs();
      return;
    }
    log.info('starting auto compaction', { revision });
    compact(revision, (ok) => {
      if (!ok) {
        log.warn('failed auto compaction; it is tried again later', { revision });
        return;
      }
      this.#lastRevision = revision;
      this.#lastMs = clock.monotonicMs();
      log.info('completed auto compaction', { revision });
    });
  }
}
