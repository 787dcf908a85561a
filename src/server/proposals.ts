/**
 * The requests that wait for their log entry to be applied. Kept in order of arrival, so that running out of time is
 * looked for at one end only and needs no timer per request.
 */
import type { MemberId } from '../raft/types.ts';

export interface Waiter<Request, Outcome> {
  readonly request: Request;
  readonly startedMs: number;
  readonly done: (outcome: Outcome) => void;
}

const COUNTER_BITS = 48n;

/**
 * Ids that no member has used before: 16 bits of the member's id, then 48 bits that start at the wall clock
 * (milliseconds shifted left by 8), so that a restarted member goes on above what it used as long as it made fewer than
 * 256,000 requests a second on average.
 */
export class RequestIds {
  #next: bigint;

  constructor(memberId: MemberId, wallTimeMs: number) {
    const start = BigInt.asUintN(Number(COUNTER_BITS), BigInt(Math.floor(wallTimeMs)) << 8n);
    this.#next = (BigInt.asUintN(16, memberId) << COUNTER_BITS) | start;
  }

  next(): bigint {
    return this.#next++;
  }
}

/** A request for the log as it waits: what it means, and what stands in the log for it. */
export interface Proposed<Request> {
  readonly request: Request;
  readonly data: Uint8Array;
}

export class Proposals<Request, Outcome> {
  readonly #waiters = new Map<bigint, Waiter<Request, Outcome>>();

  get size(): number {
    return this.#waiters.size;
  }

  register(id: bigint, request: Request, startedMs: number, done: (outcome: Outcome) => void): void {
    this.#waiters.set(id, { request, startedMs, done });
  }

  /** As `take`, but leaves it waiting. */
  peek(id: bigint): Waiter<Request, Outcome> | undefined {
    return this.#waiters.get(id);
  }

  /** The waiter of an entry that is being applied, undefined if it is another member's or has given up. */
  take(id: bigint): Waiter<Request, Outcome> | undefined {
    const waiter = this.#waiters.get(id);
    if (waiter !== undefined) this.#waiters.delete(id);
    return waiter;
  }

  /** Removes and returns those that began at or before `startedMs`, oldest first. */
  takeStartedBefore(startedMs: number): Waiter<Request, Outcome>[] {
    const taken: Waiter<Request, Outcome>[] = [];
    for (const [id, waiter] of this.#waiters) {
      if (waiter.startedMs > startedMs) break;
      this.#waiters.delete(id);
      taken.push(waiter);
    }
    return taken;
  }
}
