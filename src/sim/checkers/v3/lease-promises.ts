/**
 * A lease is not ended before the time that its grant or its last answered renewal promised, as the fastest clock counts it, unless a
 * client asked for its end; what is granted is there; once nobody renews it, it ends; and who asks for it behind its end, wherever, is not told that it
 * lives.
 */
import { type Checker, CheckFailure, type Observation } from '../../observation.ts';
import type { V3Final, V3Operation, V3Returned } from '../../v3-observation.ts';

/** Clocks are fast or slow by so much at the most (scenario.ts). */
const DRIFT_MAX = 0.05;
/** How long after its time a lease may be there: a leader's extension, its sweeps, the way through the log. */
const LATE_MS = 8_000;

interface Promised {
  ttlMs: number;
  /** Not before this. */
  untilMs: number;
  /** A request that may have renewed it was last under way then. */
  lastMs: number;
  /** A client has asked for its end. */
  isGivenUp: boolean;
}

export class LeasePromises implements Checker {
  readonly name = 'lease promises';
  readonly #leases = new Map<number, Promised>();
  readonly #invokedAt = new Map<number, number>();
  /** When a lease began, which may be long after its client gave up. */
  readonly #begunAt = new Map<number, number>();
  /** When the end of a lease was committed, be its grant answered by then or not. */
  readonly #endedAt = new Map<number, number>();
  #lastLeaderMs = 0;

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'leader-elected':
        this.#lastLeaderMs = observation.atMs;
        return;
      case 'v3-invoked': {
        const { operation, operationId, atMs } = observation;
        if (operation.kind === 'lease-revoke') {
          const promised = this.#leases.get(operation.lease);
          if (promised !== undefined) promised.isGivenUp = true;
        } else if (isOfLease(operation)) this.#invokedAt.set(operationId, atMs);
        return;
      }
      case 'v3-returned':
        this.#returned(observation);
        return;
      case 'v3-grant-committed': {
        const { lease, atMs } = observation;
        if (!this.#begunAt.has(lease)) this.#begunAt.set(lease, atMs);
        return;
      }
      case 'v3-revoke-committed': {
        const { lease, atMs, member } = observation;
        if (this.#endedAt.has(lease)) return;
        this.#endedAt.set(lease, atMs);
        const promised = this.#leases.get(lease);
        if (promised === undefined) return;
        if (promised.isGivenUp || atMs >= promised.untilMs) return;
        throw this.#failure(
          `lease ${lease} is ended by ${member} at ${atMs.toFixed(0)} ms, promised until ${promised.untilMs.toFixed(0)} ms`,
        );
      }
      case 'v3-final':
        this.#final(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #returned({ operationId, operation, outcome, atMs, member }: V3Returned): void {
    const invokedMs = this.#invokedAt.get(operationId);
    this.#invokedAt.delete(operationId);
    if (invokedMs === undefined || !isOfLease(operation)) return;
    const { lease } = operation;
    const endedMs = this.#endedAt.get(lease);
    if (outcome.kind === 'done' && endedMs !== undefined && endedMs < invokedMs) {
      throw this.#failure(
        `${member} answers ${operation.kind} of lease ${lease}, asked for at ${invokedMs.toFixed(0)} ms, with ${outcome.ttl} s; it ended at ${endedMs.toFixed(0)} ms`,
      );
    }
    if (operation.kind === 'lease-times') {
      if (outcome.kind !== 'done') return;
      const promised = this.#leases.get(operation.lease);
      if (promised !== undefined && outcome.ttl * 1000 > promised.ttlMs)
        throw this.#failure(
          `${member} gives lease ${operation.lease} ${outcome.ttl} s, of ${promised.ttlMs} ms`,
        );
      return;
    }
    let promised = this.#leases.get(lease);
    if (outcome.kind === 'done') {
      const ttlMs = outcome.ttl * 1000;
      const untilMs = invokedMs + ttlMs / (1 + DRIFT_MAX);
      if (promised === undefined) {
        promised = { ttlMs, untilMs, lastMs: atMs, isGivenUp: false };
        this.#leases.set(lease, promised);
      }
      if (endedMs !== undefined && !promised.isGivenUp && endedMs < untilMs) {
        throw this.#failure(
          `${member} promises lease ${lease} until ${untilMs.toFixed(0)} ms, which has ended`,
        );
      }
      promised.untilMs = Math.max(promised.untilMs, untilMs);
    } else if (outcome.kind === 'refused' && promised !== undefined) {
      if (!promised.isGivenUp && !this.#endedAt.has(lease)) {
        throw this.#failure(
          `${member} knows no lease ${lease}, promised until ${promised.untilMs.toFixed(0)} ms`,
        );
      }
    }
    if (promised !== undefined) promised.lastMs = atMs;
  }

  #final({ member, atMs, leases, rows }: V3Final): void {
    const present = new Set(leases.map(({ lease }) => lease));
    for (const { key, lease } of rows) {
      if (lease === 0 || present.has(lease)) continue;
      throw this.#failure(`in the end ${member} has ${key} of lease ${lease}, which has ended`);
    }
    for (const { lease, ttl } of leases) {
      const { lastMs: heardMs = 0 } = this.#leases.get(lease) ?? {};
      const lastMs = Math.max(this.#lastLeaderMs, this.#begunAt.get(lease) ?? 0, heardMs);
      if (atMs <= lastMs + ttl * 1000 * (1 + 2 * DRIFT_MAX) + LATE_MS) continue;
      throw this.#failure(
        `in the end, at ${atMs.toFixed(0)} ms, ${member} has lease ${lease} of ${ttl} s; nobody renewed it since ${lastMs.toFixed(0)} ms`,
      );
    }
    for (const [lease, { isGivenUp, untilMs }] of this.#leases) {
      if (isGivenUp || this.#endedAt.has(lease) || present.has(lease)) continue;
      throw this.#failure(
        `in the end ${member} has no lease ${lease}, promised until ${untilMs.toFixed(0)} ms, which nobody has ended`,
      );
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}

interface LeaseQuestion {
  readonly kind: 'lease-grant' | 'lease-renew' | 'lease-times';
  readonly lease: number;
}

function isOfLease(operation: V3Operation): operation is V3Operation & LeaseQuestion {
  const { kind } = operation;
  return kind === 'lease-grant' || kind === 'lease-renew' || kind === 'lease-times';
}
