/**
 * Renewals at the leader. All that come in one turn are one batch: one read index says that this member still leads, then one pass over the lessor answers them.
 *
 *   open  --question asked-->  closed  --confirmed-->  every renewal is answered
 *
 * Invariant: a renewal is promised only by a leader that was sure, after the renewal had come, that it leads. So a batch is open until its question is asked.
 */
import type { Lessor } from '../../lease/types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LeaseCheckpoint, V3Request } from '../../wire/v3/kv-types.ts';
import type { ServerError, Submitted } from '../contract.ts';
import { TURN_BUDGET_MS } from '../turn-budget.ts';
import type { LeaseRenewal, V3Outcome } from '../v3-contract.ts';
import { CHECKPOINTS_PER_ENTRY_MAX } from './lease-keeper.ts';

/** Renewals between two looks at the clock. */
const RENEWALS_PER_LOOK = 256;

export interface LeaseRenewalsParts {
  readonly lessor: Lessor;
  readonly clock: Clock;
  readonly awaitReadIndex: (done: (error: ServerError | undefined) => void) => void;
  /** Questions for a read index asked so far: while it stays the same, who waits now is part of the next. */
  readonly readQuestions: () => number;
  readonly propose: (request: V3Request, done: (outcome: Submitted<V3Outcome>) => void) => void;
}

/** What becomes of renewals that are not decided here and now. */
export interface UndecidedRenewals {
  /** This member does not lead. */
  notPrimary(renewal: LeaseRenewal, startedMs: number): void;
  /** The lease has run out and is about to be revoked. */
  late(renewal: LeaseRenewal, startedMs: number): void;
}

interface Batch {
  readonly renewals: LeaseRenewal[];
  readonly startedMs: number;
  /** Which question for a read index it waits for. */
  readonly question: number;
}

export class LeaseRenewals {
  readonly #parts: LeaseRenewalsParts;
  readonly #undecided: UndecidedRenewals;
  #open: Batch | undefined;

  /** `undecided` is for renewals by `add`. */
  constructor(parts: LeaseRenewalsParts, undecided: UndecidedRenewals) {
    this.#parts = parts;
    this.#undecided = undecided;
  }

  /** With the others of this turn. */
  add(renewal: LeaseRenewal): void {
    const { clock, readQuestions, awaitReadIndex } = this.#parts;
    const question = readQuestions();
    const open = this.#open;
    if (open !== undefined && open.question === question) {
      open.renewals.push(renewal);
      return;
    }
    const batch: Batch = { renewals: [renewal], startedMs: clock.monotonicMs(), question };
    this.#open = batch;
    awaitReadIndex((error) => {
      if (this.#open === batch) this.#open = undefined;
      this.#answer(batch.renewals, batch.startedMs, error, this.#undecided);
    });
  }

  /** A batch of its own. */
  addAll(renewals: readonly LeaseRenewal[], undecided: UndecidedRenewals): void {
    const startedMs = this.#parts.clock.monotonicMs();
    this.#parts.awaitReadIndex((error) => this.#answer(renewals, startedMs, error, undecided));
  }

  /** The time of those that wait without a leader is not that of those to come. */
  leadershipChanged(): void {
    this.#open = undefined;
  }

  #answer(
    renewals: readonly LeaseRenewal[],
    startedMs: number,
    error: ServerError | undefined,
    undecided: UndecidedRenewals,
  ): void {
    if (error !== undefined) {
      for (const renewal of renewals) renewal.failed(error);
      return;
    }
    const { lessor, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const checkpointed: LeaseRenewal[] = [];
    for (let i = 0; i < renewals.length; i++) {
      if (i % RENEWALS_PER_LOOK === 0 && clock.monotonicMs() - nowMs > TURN_BUDGET_MS) {
        const rest = renewals.slice(i);
        clock.defer(() => this.#answer(rest, startedMs, undefined, undecided));
        break;
      }
      const renewal = renewals[i]!;
      const renewed = lessor.renew(renewal.id, nowMs);
      if ('ttl' in renewed) {
        if (renewed.mustResetCheckpoint) checkpointed.push(renewal);
        else renewal.renewed(renewed.ttl);
      } else if ('runOut' in renewed) undecided.late(renewal, startedMs);
      else if (renewed.error === 'not-primary') undecided.notPrimary(renewal, startedMs);
      else renewal.renewed(0);
    }
    for (let at = 0; at < checkpointed.length; at += CHECKPOINTS_PER_ENTRY_MAX) {
      this.#resetCheckpoints(checkpointed.slice(at, at + CHECKPOINTS_PER_ENTRY_MAX));
    }
  }

  /** What a checkpoint in the log says of these leases is not true any more; a later leader has to know before the client does. */
  #resetCheckpoints(renewals: readonly LeaseRenewal[]): void {
    const { lessor, propose } = this.#parts;
    const ids = new Set(renewals.map(({ id }) => id));
    const checkpoints = Array.from(ids, (id): LeaseCheckpoint => ({ id, remainingTtl: 0 }));
    propose({ kind: 'lease-checkpoint', checkpoints }, (outcome) => {
      for (const renewal of renewals) {
        if (!outcome.ok) renewal.failed(outcome.error);
        // The entry may have come late, by way of another leader, who has ended the lease.
        else renewal.renewed(lessor.lease(renewal.id)?.ttl ?? 0);
      }
    });
  }
}
