/**
 * What a leader knows about one member's log, and how it talks to it:
 *
 *   probe      the common prefix is not known: one append at a time, then wait for its answer or the next heartbeat's
 *   replicate  it is known: appends are pipelined within the inflight window
 *   snapshot   what the member needs is compacted: silence until the snapshot arrived or failed
 *
 * Invariants: match < next. In 'replicate' entries match+1 .. next-1 are in flight. In 'snapshot' next = pendingSnapshot + 1.
 */
import { Inflights } from './inflights.ts';
import type { MemberId } from './types.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  readonly id: MemberId;
  /** Not a voter. */
  learner = false;
  /** Highest index known to be durable in the member's log and equal to ours. */
  match = 0;
  /** Index of the next entry to send. */
  next = 1;
  state: ProgressState = 'probe';
  /** Index of the snapshot on its way; 0 outside of 'snapshot'. */
  pendingSnapshot = 0;
  /** Heard of since the last check of the quorum. */
  recentlyActive = false;
  /** An append went out after which there is nothing to send before an answer, or the next heartbeat's answer. */
  paused = false;
  /** An append shall go out even if it is empty: a probe. Cleared by the next flush. */
  probeDue = false;
  /** Highest read-index round this member has confirmed our leadership for. */
  confirmedRound = 0;
  readonly inflights: Inflights;
  /** Highest commit index that is on its way to the member, as far as known. */
  #sentCommit = 0;

  constructor(id: MemberId, maxInflightMessages: number, maxInflightBytes: number) {
    this.id = id;
    this.inflights = new Inflights(maxInflightMessages, maxInflightBytes);
  }

  /** As at the start of a leadership, or for a member just added. */
  reset(lastIndex: number): void {
    this.match = 0;
    this.next = lastIndex + 1;
    this.#sentCommit = 0;
    this.confirmedRound = 0;
    this.recentlyActive = false;
    this.probeDue = true;
    this.#enter('probe');
  }

  get isPaused(): boolean {
    return this.state === 'snapshot' || this.paused;
  }

  becomeProbe(): void {
    // A snapshot that was sent is the best guess about where the member's log ends now.
    const next = Math.max(this.match, this.pendingSnapshot) + 1;
    this.#enter('probe');
    this.next = next;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  /** The snapshot did not arrive: probe from what matched before. */
  snapshotFailed(): void {
    this.pendingSnapshot = 0;
    this.becomeProbe();
  }

  /** An append with `count` entries of `bytes` in all and the commit index went out. */
  sent(count: number, bytes: number, commit: number): void {
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.paused = this.inflights.full;
    } else {
      this.paused = true;
    }
    this.#sentCommit = commit;
  }

  sentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** True if telling the member `commit` can move its commit index beyond what is on its way to it. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** The member holds everything up to `index`. False if that was known already. */
  accepted(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.paused = false;
    return true;
  }

  /** The member refused an append after `refused` and suggests `hint`. False if the refusal is an old one. */
  refused(refused: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (refused <= this.match) return false;
      this.becomeProbe();
      return true;
    }
    if (this.state !== 'probe' || this.next - 1 !== refused) return false;
    this.next = Math.max(Math.min(refused, hint + 1), this.match + 1);
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
    this.paused = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.pendingSnapshot = 0;
    this.paused = false;
    this.inflights.clear();
  }
}
