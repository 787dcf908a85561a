/** Leases as one writes them down from the contract: lists that are searched and sorted, no queues. */

interface NaiveLease {
  readonly id: bigint;
  readonly ttl: number;
  remainingTtl: number;
  readonly order: number;
  expiresAtMs: number;
  askedAgainAtMs: number;
  checkpointAtMs: number;
  checkpointProposed: boolean;
}

export class NaiveLessor {
  readonly minTtl: number;
  readonly intervalMs: number;
  readonly retryMs: number;
  leases: NaiveLease[] = [];
  isPrimary = false;
  #order = 0;

  constructor(minTtl: number, intervalMs: number, retryMs: number) {
    this.minTtl = minTtl;
    this.intervalMs = intervalMs;
    this.retryMs = retryMs;
  }

  find(id: bigint): NaiveLease | undefined {
    return this.leases.find((lease) => lease.id === id);
  }

  grant(id: bigint, ttl: number, nowMs: number): void {
    const granted = Math.max(ttl, this.minTtl);
    const lease: NaiveLease = {
      id,
      ttl: granted,
      remainingTtl: 0,
      order: this.#order++,
      expiresAtMs: 0,
      askedAgainAtMs: 0,
      checkpointAtMs: Number.POSITIVE_INFINITY,
      checkpointProposed: false,
    };
    this.leases.push(lease);
    if (this.isPrimary) this.start(lease, nowMs, granted);
  }

  start(lease: NaiveLease, nowMs: number, seconds: number, extendMs = 0): void {
    lease.expiresAtMs = nowMs + seconds * 1000 + extendMs;
    lease.askedAgainAtMs = lease.expiresAtMs;
    if (seconds * 1000 > this.intervalMs) lease.checkpointAtMs = nowMs + this.intervalMs;
  }

  promote(nowMs: number, extendMs: number): void {
    this.isPrimary = true;
    for (const lease of this.leases) {
      lease.checkpointProposed = false;
      lease.checkpointAtMs = Number.POSITIVE_INFINITY;
      this.start(lease, nowMs, lease.remainingTtl === 0 ? lease.ttl : lease.remainingTtl, extendMs);
    }
  }

  expired(nowMs: number, max: number): bigint[] {
    const due = this.leases
      .filter((lease) => lease.askedAgainAtMs <= nowMs)
      .sort((a, b) => a.askedAgainAtMs - b.askedAgainAtMs || a.order - b.order)
      .slice(0, max);
    for (const lease of due) lease.askedAgainAtMs = nowMs + this.retryMs;
    return due.map((lease) => lease.id);
  }

  /** All that are due. */
  checkpointsDue(nowMs: number): { id: bigint; remainingTtl: number }[] {
    const due = this.leases
      .filter((lease) => lease.checkpointAtMs <= nowMs)
      .sort((a, b) => a.checkpointAtMs - b.checkpointAtMs || a.order - b.order);
    const checkpoints = [];
    for (const lease of due) {
      const remainingTtl = Math.ceil((lease.expiresAtMs - nowMs) / 1000);
      lease.checkpointAtMs =
        remainingTtl * 1000 > this.intervalMs ? nowMs + this.intervalMs : Number.POSITIVE_INFINITY;
      if (remainingTtl <= 0 || remainingTtl >= lease.ttl) continue;
      lease.checkpointProposed = true;
      checkpoints.push({ id: lease.id, remainingTtl });
    }
    return checkpoints;
  }

  /** As after a restart: what is in the table, in its order. */
  reload(): void {
    this.leases.sort((a, b) => (BigInt.asUintN(64, a.id) < BigInt.asUintN(64, b.id) ? -1 : 1));
    this.leases = this.leases.map((lease) => ({ ...lease, order: this.#order++ }));
  }
}
