/**
 * Lets leases run out. Only the leader keeps the time: it proposes to revoke what has expired, and from time to time how much is left of the rest, so that
 * a new leader does not begin their time anew. Renewals live in its memory alone.
 *
 * Invariant: what it proposes is true while it leads and never reaches the log by way of a later leader, whose clients may have renewed the lease meanwhile.
 */
import type { Lessor } from '../../lease/types.ts';
import type { V3Request } from '../../wire/v3/kv-types.ts';

export const LEASE_SWEEP_INTERVAL_MS = 500;
/** Leases revoked in one sweep at most: etcd's rate. The rest follows in the next ones. */
const REVOKES_PER_SWEEP_MAX = 500;
export const CHECKPOINTS_PER_ENTRY_MAX = 1_000;

export interface LeaseKeeperParts {
  readonly lessor: Lessor;
  readonly monotonicMs: () => number;
  /** A little more than how long an old leader may go on believing that it leads. */
  readonly electionTimeoutMs: number;
  /** Asks a majority whether this member still leads. */
  readonly confirmLeadership: (done: (confirmed: boolean) => void) => void;
  /** Puts the requests into the log while this member leads, and forgets them otherwise. */
  readonly proposeLeading: (requests: readonly V3Request[]) => void;
}

export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  #term = 0;
  #confirming = false;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
  }

  /** Raft said whether this member leads. */
  leadership(isLeader: boolean, term: number): void {
    const { lessor, monotonicMs, electionTimeoutMs } = this.#parts;
    if (!isLeader) {
      if (lessor.isPrimary) lessor.demote();
      return;
    }
    if (lessor.isPrimary && term === this.#term) return;
    this.#term = term;
    lessor.promote(monotonicMs(), electionTimeoutMs);
  }

  /** To be called every LEASE_SWEEP_INTERVAL_MS. */
  sweep(): void {
    const { lessor, monotonicMs, confirmLeadership } = this.#parts;
    if (!lessor.isPrimary || this.#confirming || !lessor.isDue(monotonicMs())) return;
    // A leader that was asleep may have been replaced, and its leases renewed elsewhere.
    this.#confirming = true;
    confirmLeadership((confirmed) => {
      this.#confirming = false;
      if (confirmed && lessor.isPrimary) this.#proposeDue(monotonicMs());
    });
  }

  #proposeDue(nowMs: number): void {
    const { lessor, proposeLeading } = this.#parts;
    const requests: V3Request[] = lessor
      .expired(nowMs, REVOKES_PER_SWEEP_MAX)
      .map((id) => ({ kind: 'lease-revoke', request: { id } }));
    const checkpoints = lessor.checkpointsDue(nowMs, CHECKPOINTS_PER_ENTRY_MAX);
    if (checkpoints.length > 0) requests.push({ kind: 'lease-checkpoint', checkpoints });
    if (requests.length > 0) proposeLeading(requests);
  }
}
