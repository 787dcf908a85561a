/**
 * Leases: what was granted is in the log and the backend; when one runs out is known to the leader alone, on its monotonic clock. Pure: time comes in as
 * an argument, in milliseconds.
 */

export interface Lease {
  readonly id: bigint;
  /** Seconds granted. */
  readonly ttl: number;
  /** Seconds left at the last checkpoint; 0: none, the whole TTL counts. */
  readonly remainingTtl: number;
}

export type LeaseErrorCode = 'lease-not-found' | 'lease-exists' | 'lease-ttl-too-large' | 'not-primary';

/** The lease has run out and its revocation is on the way: answer when `whenEnded` calls. */
export interface LeaseRunOut {
  readonly runOut: true;
}

export interface RenewedLease {
  /** Seconds. */
  readonly ttl: number;
  /**
   * True while a checkpoint of the lease is in the log or on its way there: the caller proposes a checkpoint with remainingTtl 0 and answers the client only
   * after it was applied, or else a later leader would end the lease before the time just promised. At most once an interval for any lease.
   */
  readonly mustResetCheckpoint: boolean;
}

export interface Lessor {
  /** Applied from the log. The granted TTL may be above the one asked for (the minimum is one and a half election timeouts, in whole seconds). */
  grant(id: bigint, ttl: number, nowMs: number): Lease | { readonly error: LeaseErrorCode };
  /** Applied from the log: forgets the lease; its keys are deleted by the caller (MvccStore.deleteLeaseKeys). */
  revoke(id: bigint): boolean;
  /** Applied from the log: how much was left at that moment. 0: it was renewed, and its time begins anew at the latest now. */
  checkpoint(id: bigint, remainingTtl: number, nowMs: number): void;
  exists(id: bigint): boolean;
  lease(id: bigint): Lease | undefined;
  /** All ids, those that expire first first, as etcd lists them. */
  list(nowMs: number): bigint[];

  /** This member leads now: it keeps the time. Every lease gets its remaining time anew, plus `extendMs`; piles of simultaneous expiries are spread as etcd does. */
  promote(nowMs: number, extendMs: number): void;
  demote(): void;
  readonly isPrimary: boolean;
  /** Only on the leader. Returns the TTL in seconds; the time begins anew. */
  renew(id: bigint, nowMs: number): RenewedLease | LeaseRunOut | { readonly error: LeaseErrorCode };
  /**
   * Calls once when the lease has been revoked ('lease-not-found') or when this member no longer leads ('not-primary'); at once if that is so already. A renewal
   * that came too late waits here, as in etcd, so that "not found" means that the keys are gone, too.
   */
  whenEnded(id: bigint, callback: (error: 'lease-not-found' | 'not-primary') => void): void;
  /** Whole seconds left, rounded towards zero as in etcd; not above 0 once the lease has run out and waits for its revocation. Only on the leader. */
  remaining(
    id: bigint,
    nowMs: number,
  ): { readonly ttl: number; readonly granted: number } | { readonly error: LeaseErrorCode };
  /** Expired ids to revoke, at most `max`, each again only after a retry time; only on the leader. */
  expired(nowMs: number, max: number): bigint[];
  /** Checkpoints to propose: of leases with a long TTL, every so often; at most `max`. */
  checkpointsDue(nowMs: number, max: number): { readonly id: bigint; readonly remainingTtl: number }[];
  /** Whether `expired` or `checkpointsDue` may have something now. */
  isDue(nowMs: number): boolean;
  readonly count: number;
  /** Reads its table again: the backend's content was replaced by a snapshot. */
  reload(nowMs: number): void;
}
