/**
 * Lets leases run out. Only the leader keeps the time: it proposes to revoke what has expired, and from time to time how much is left of the rest, so that
 * a new leader does not begin their time anew. Renewals live in its memory alone.
 */
import type { Lessor } from '../../lease/types.ts';
import type { V3Request } from '../../wire/v3/kv-types.ts';

export const LEASE_SWEEP_INTERVAL_MS = 500;
/** Leases revoked in one sweep at most: etcd's rate. The rest follows in the next ones. */
const REVOKES_PER_SWEEP_MAX = 500;
const CHECKPOINTS_PER_ENTRY_MAX = 1_000;

export interface LeaseKeeperParts {
  readonly lessor: Lessor;
  readonly monotonicMs: () => number;
  /** A little more than how long an old leader may go on believing that it leads. */
  readonly electionTimeoutMs: number;
  readonly propose: (request: V3Request) => void;
}

export class LeaseKeeper {
  readonly #parts: LeaseKeeperParts;
  #term = 0;

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
    const { lessor, monotonicMs, propose } = this.#parts;
    if (!lessor.isPrimary) return;
    const nowMs = monotonicMs();
    for (const id of lessor.expired(nowMs, REVOKES_PER_SWEEP_MAX))
      propose({ kind: 'lease-revoke', request: { id } });
    const checkpoints = lessor.checkpointsDue(nowMs, CHECKPOINTS_PER_ENTRY_MAX);
    if (checkpoints.length > 0) propose({ kind: 'lease-checkpoint', checkpoints });
  }
}
