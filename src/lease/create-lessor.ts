/**
 * The lessor: which leases exist (the same on every member, kept in the table `lease`), and on the leader when each runs out.
 *
 * Invariants: the table holds exactly the leases in memory; only grant, revoke and checkpoint, which come from the log, write to it. The
 * queues hold something on the leader alone: every lease in the queue of expiries, those with more time left than a checkpoint interval in that of
 * checkpoints. What a client was promised by a renewal outlives the leader (see `RenewedLease`).
 */
import type { Backend } from '../ports/backend.ts';
import { DueEntry, DueQueue } from './due-queue.ts';
import { idsByExpiry, remainingByExpiry } from './lease-order.ts';
import { decodeLeaseRow, encodeLeaseRow, leaseRowKey } from './lease-row.ts';
import { spreadExpiries } from './spread-expiries.ts';
import type { Lease, LeaseErrorCode, LeaseRunOut, Lessor, RenewedLease } from './types.ts';

/** Seconds; etcd's bound, some 285 years. */
export const LEASE_TTL_MAX = 9_000_000_000;
/** etcd's interval between checkpoints of a lease. */
export const CHECKPOINT_INTERVAL_MS = 5 * 60_000;
/** How long etcd waits for a revocation before it proposes it again. */
export const REVOKE_RETRY_MS = 3000;

export const LEASE_TABLE = 'lease';

export interface LessorOptions {
  /** Shorter TTLs are raised to it: one and a half election timeouts in whole seconds, rounded up. The same on every member. */
  readonly minTtlSeconds: number;
  /** How far behind the remaining time may be that survives a change of leaders. */
  readonly checkpointIntervalMs?: number;
  /** After this time `expired` names a lease again that is still there. */
  readonly revokeRetryMs?: number;
}

type EndedCallback = (error: 'lease-not-found' | 'not-primary') => void;

export function createLessor(backend: Backend, options: LessorOptions): Lessor {
  return new TableLessor(backend, options);
}

class LeaseRecord implements Lease {
  readonly id: bigint;
  readonly ttl: number;
  remainingTtl: number;
  /** Only on the leader. */
  expiresAtMs = 0;
  /** A checkpoint was proposed and has not been seen in the log yet. */
  checkpointProposed = false;
  readonly expiry: DueEntry<LeaseRecord>;
  readonly checkpoint: DueEntry<LeaseRecord>;

  constructor(id: bigint, ttl: number, remainingTtl: number, order: number) {
    this.id = id;
    this.ttl = ttl;
    this.remainingTtl = remainingTtl;
    this.expiry = new DueEntry<LeaseRecord>(this, order, 0);
    this.checkpoint = new DueEntry<LeaseRecord>(this, order, 0);
  }
}

class TableLessor implements Lessor {
  readonly #backend: Backend;
  readonly #minTtl: number;
  readonly #checkpointIntervalMs: number;
  readonly #revokeRetryMs: number;
  readonly #leases = new Map<bigint, LeaseRecord>();
  readonly #expiries = new DueQueue<LeaseRecord>();
  readonly #checkpoints = new DueQueue<LeaseRecord>();
  readonly #waiting = new Map<bigint, EndedCallback[]>();
  #granted = 0;
  #isPrimary = false;

  constructor(backend: Backend, options: LessorOptions) {
    this.#backend = backend;
    this.#minTtl = options.minTtlSeconds;
    this.#checkpointIntervalMs = options.checkpointIntervalMs ?? CHECKPOINT_INTERVAL_MS;
    this.#revokeRetryMs = options.revokeRetryMs ?? REVOKE_RETRY_MS;
    this.#read();
  }

  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  get count(): number {
    return this.#leases.size;
  }

  isDue(nowMs: number): boolean {
    return this.#expiries.due(nowMs) !== undefined || this.#checkpoints.due(nowMs) !== undefined;
  }

  grant(id: bigint, ttl: number, nowMs: number): Lease | { readonly error: LeaseErrorCode } {
    if (id === 0n) return { error: 'lease-not-found' };
    if (ttl > LEASE_TTL_MAX) return { error: 'lease-ttl-too-large' };
    if (this.#leases.has(id)) return { error: 'lease-exists' };
    const lease = this.#add(id, ttl, 0);
    this.#write(lease);
    if (this.#isPrimary) this.#begin(lease, nowMs);
    return lease;
  }

  revoke(id: bigint): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    this.#leases.delete(id);
    this.#backend.table(LEASE_TABLE).remove(leaseRowKey(id));
    if (this.#isPrimary) {
      this.#expiries.remove(lease.expiry);
      this.#checkpoints.remove(lease.checkpoint);
    }
    this.#end(id, 'lease-not-found');
    return true;
  }

  checkpoint(id: bigint, remainingTtl: number, nowMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.checkpointProposed = false;
    if (lease.remainingTtl === remainingTtl) return;
    lease.remainingTtl = remainingTtl;
    this.#write(lease);
    // The leader before has promised the whole time, and this one began to count before it could know.
    if (remainingTtl === 0 && this.#isPrimary && lease.expiresAtMs < nowMs + lease.ttl * 1000)
      this.#begin(lease, nowMs);
  }

  exists(id: bigint): boolean {
    return this.#leases.has(id);
  }

  lease(id: bigint): Lease | undefined {
    return this.#leases.get(id);
  }

  list(): bigint[] {
    return this.#isPrimary ? idsByExpiry(this.#leases.values(), this.#leases.size) : [...this.#leases.keys()];
  }

  promote(nowMs: number, extendMs: number): void {
    this.#isPrimary = true;
    const { leases, remainingMs } = remainingByExpiry(this.#leases.values(), this.#leases.size);
    spreadExpiries(remainingMs);
    const expiries: DueEntry<LeaseRecord>[] = [];
    for (let i = 0; i < leases.length; i += 1) {
      const { expiry } = leases[i]!;
      expiry.item.expiresAtMs = nowMs + extendMs + remainingMs[i]!;
      expiry.dueMs = expiry.item.expiresAtMs;
      expiries.push(expiry);
    }
    this.#expiries.fill(expiries);

    const checkpoints: DueEntry<LeaseRecord>[] = [];
    for (const lease of this.#leases.values()) {
      lease.checkpointProposed = false;
      lease.checkpoint.place = -1;
      if (!this.#needsCheckpoints(lease.remainingTtl || lease.ttl)) continue;
      lease.checkpoint.dueMs = nowMs + this.#checkpointIntervalMs;
      checkpoints.push(lease.checkpoint);
    }
    this.#checkpoints.fill(checkpoints);
  }

  demote(): void {
    this.#isPrimary = false;
    this.#expiries.clear();
    this.#checkpoints.clear();
    for (const id of [...this.#waiting.keys()]) this.#end(id, 'not-primary');
  }

  renew(id: bigint, nowMs: number): RenewedLease | LeaseRunOut | { readonly error: LeaseErrorCode } {
    if (!this.#isPrimary) return { error: 'not-primary' };
    const lease = this.#leases.get(id);
    if (lease === undefined) return { error: 'lease-not-found' };
    if (lease.expiresAtMs <= nowMs) return { runOut: true };
    this.#begin(lease, nowMs);
    return { ttl: lease.ttl, mustResetCheckpoint: lease.remainingTtl > 0 || lease.checkpointProposed };
  }

  whenEnded(id: bigint, callback: EndedCallback): void {
    if (!this.#isPrimary) callback('not-primary');
    else if (!this.#leases.has(id)) callback('lease-not-found');
    else {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) this.#waiting.set(id, [callback]);
      else waiting.push(callback);
    }
  }

  remaining(
    id: bigint,
    nowMs: number,
  ): { readonly ttl: number; readonly granted: number } | { readonly error: LeaseErrorCode } {
    if (!this.#isPrimary) return { error: 'not-primary' };
    const lease = this.#leases.get(id);
    if (lease === undefined) return { error: 'lease-not-found' };
    // Adding 0 makes -0 a 0.
    return { ttl: Math.trunc((lease.expiresAtMs - nowMs) / 1000) + 0, granted: lease.ttl };
  }

  expired(nowMs: number, max: number): bigint[] {
    const ids: bigint[] = [];
    while (ids.length < max) {
      const top = this.#expiries.due(nowMs);
      if (top === undefined) break;
      ids.push(top.item.id);
      this.#expiries.set(top, nowMs + this.#revokeRetryMs);
    }
    return ids;
  }

  checkpointsDue(nowMs: number, max: number): { readonly id: bigint; readonly remainingTtl: number }[] {
    const due: { readonly id: bigint; readonly remainingTtl: number }[] = [];
    while (due.length < max) {
      const top = this.#checkpoints.due(nowMs);
      if (top === undefined) break;
      const lease = top.item;
      const remainingTtl = Math.ceil((lease.expiresAtMs - nowMs) / 1000);
      if (this.#needsCheckpoints(remainingTtl)) {
        this.#checkpoints.set(top, nowMs + this.#checkpointIntervalMs);
      } else this.#checkpoints.remove(top);
      // Run out; or extended by a promotion beyond what was granted.
      if (remainingTtl <= 0 || remainingTtl >= lease.ttl) continue;
      lease.checkpointProposed = true;
      due.push({ id: lease.id, remainingTtl });
    }
    return due;
  }

  reload(nowMs: number): void {
    for (const id of [...this.#waiting.keys()]) this.#end(id, 'not-primary');
    this.#leases.clear();
    this.#expiries.clear();
    this.#checkpoints.clear();
    this.#read();
    if (this.#isPrimary) this.promote(nowMs, 0);
  }

  #read(): void {
    this.#backend.table(LEASE_TABLE).scan({}, (_key, value) => {
      const { id, ttl, remainingTtl } = decodeLeaseRow(value);
      this.#add(id, ttl, remainingTtl);
      return true;
    });
  }

  #add(id: bigint, ttl: number, remainingTtl: number): LeaseRecord {
    const lease = new LeaseRecord(id, Math.max(ttl, this.#minTtl), remainingTtl, this.#granted);
    this.#granted += 1;
    this.#leases.set(id, lease);
    return lease;
  }

  #write(lease: LeaseRecord): void {
    this.#backend.table(LEASE_TABLE).put(leaseRowKey(lease.id), encodeLeaseRow(lease));
  }

  /** The time begins anew. A checkpoint is needed only if nobody renews for a whole interval. */
  #begin(lease: LeaseRecord, nowMs: number): void {
    lease.expiresAtMs = nowMs + lease.ttl * 1000;
    this.#expiries.set(lease.expiry, lease.expiresAtMs);
    if (this.#needsCheckpoints(lease.ttl)) {
      this.#checkpoints.set(lease.checkpoint, nowMs + this.#checkpointIntervalMs);
    }
  }

  #needsCheckpoints(remainingTtl: number): boolean {
    return remainingTtl * 1000 > this.#checkpointIntervalMs;
  }

  #end(id: bigint, error: 'lease-not-found' | 'not-primary'): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    for (const callback of waiting) callback(error);
  }
}
