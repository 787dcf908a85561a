/** Asks raft, once a turn, on behalf of all linearizable reads that wait; asks again when a question may have been lost. */
import type { Clock } from '../ports/clock.ts';
import type { RaftNode } from '../raft/node.ts';
import { NO_MEMBER, type ReadState } from '../raft/types.ts';
import type { Leadership } from './leadership.ts';
import { LinearizableReads } from './linearizable-reads.ts';
import type { RequestIds } from './proposals.ts';
import type { Timers } from './timers.ts';

/** A read index that was not answered in this time is asked for again. */
const RETRY_MS = 500;
const HEALTH_TIMEOUT_MS = 1_000;

export interface QuorumReadsParts {
  readonly raft: RaftNode;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly timers: Timers;
  readonly leadership: Leadership;
  /** Runs raft after it was asked. */
  readonly wake: () => void;
}

export class QuorumReads {
  readonly #parts: QuorumReadsParts;
  readonly #reads: LinearizableReads;
  #turnScheduled = false;
  #questions = 0;

  constructor(parts: QuorumReadsParts) {
    this.#parts = parts;
    this.#reads = new LinearizableReads(() => parts.ids.next());
  }

  /** Asked so far. While it stays the same, a read submitted now shares the question with those that wait. */
  get questions(): number {
    return this.#questions;
  }

  /** Calls `serve` once the store holds all that was acknowledged before now, or `fail` with the time the read began. */
  submit(serve: () => void, fail: (startedMs: number) => void): void {
    const startedMs = this.#parts.clock.monotonicMs();
    this.#reads.add({ startedMs, serve, fail: () => fail(startedMs) });
    this.ask();
  }

  /** As etcd's /health: is there a leader, and does a read pass within a second? */
  checkHealth(done: (healthy: boolean, reason: string) => void): void {
    const { leadership, timers } = this.#parts;
    if (leadership.leader === NO_MEMBER) {
      done(false, 'RAFT NO LEADER');
      return;
    }
    let answered = false;
    const answer = (healthy: boolean, reason: string): void => {
      if (answered) return;
      answered = true;
      timer.cancel();
      done(healthy, reason);
    };
    const timer = timers.after(HEALTH_TIMEOUT_MS, () => answer(false, 'QGET ERROR'));
    this.submit(
      () => answer(true, ''),
      () => answer(false, 'QGET ERROR'),
    );
  }

  ask(): void {
    if (this.#turnScheduled || !this.#reads.hasWaiting) return;
    this.#turnScheduled = true;
    const { clock, raft, leadership, wake } = this.#parts;
    clock.defer(() => {
      this.#turnScheduled = false;
      if (!this.#reads.hasWaiting || leadership.leader === NO_MEMBER) return;
      this.#questions++;
      raft.readIndex(this.#reads.takeContext(clock.monotonicMs()));
      wake();
    });
  }

  confirm(state: ReadState): void {
    this.#reads.confirm(state.context, state.index);
  }

  applied(appliedIndex: number): void {
    this.#reads.applied(appliedIndex);
  }

  /** Questions to an earlier leader may never be answered. */
  leaderChanged(): void {
    this.#reads.askAgain(Number.POSITIVE_INFINITY);
    this.ask();
  }

  sweep(nowMs: number): void {
    this.#reads.askAgain(nowMs - RETRY_MS);
    this.ask();
  }

  failStartedBefore(startedMs: number): void {
    this.#reads.failStartedBefore(startedMs);
  }
}
