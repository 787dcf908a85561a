/**
 * How far off which member's wall clock was, and when: what a key that is gone too early, or too late, may be blamed on.
 *
 * A change is noticed within a second, and what a member has read from its clock may take effect later (it was stopped, its message was on
 * a slow way): each offset therefore counts for `settleMs` longer than it was set.
 */

export interface ClockOffsets {
  /** Seconds, 0 or less. */
  readonly behind: number;
  /** Seconds, 0 or more. */
  readonly ahead: number;
}

interface ClockChange {
  readonly member: string;
  readonly offsetSeconds: number;
  readonly atMs: number;
}

const settleMs = 12_000;

export class ClockHistory {
  readonly #changes: ClockChange[] = [];

  /** @param atMs `performance.now()` */
  note(member: string, offsetSeconds: number, atMs: number): void {
    this.#changes.push({ member, offsetSeconds, atMs });
  }

  /** The extremes that may have had an effect in [fromMs, toMs], of one member's clock or, without a name, of any. */
  offsets(fromMs: number, toMs: number, member?: string): ClockOffsets {
    let behind = 0;
    let ahead = 0;
    this.#changes.forEach((change, at) => {
      if (change.atMs > toMs || (member !== undefined && change.member !== member)) return;
      const next = this.#changes.find((other, place) => place > at && other.member === change.member);
      if (next !== undefined && next.atMs + settleMs < fromMs) return;
      behind = Math.min(behind, change.offsetSeconds);
      ahead = Math.max(ahead, change.offsetSeconds);
    });
    return { behind, ahead };
  }
}
