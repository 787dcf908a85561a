/**
 * Calls and answers of one partition in order of time, as Wing & Gong's search wants them: a linked list from which a linearized
 * operation is lifted, and into which it is put back when the search turns round.
 *
 *     head <-> call 0 <-> call 2 <-> answer 0 <-> call 1 <-> answer 2 <-> answer 1 <-> head
 *              |------ may be linearized next: called before the first answer
 *
 * Answered operations go by rank (order of their answers): event r is the call of rank r, event n + r its answer. Unanswered ones
 * have no answer that could hold anybody up; they stay outside the list, in order of their calls.
 *
 * Invariant: lifted operations are put back in reverse order.
 */

import type { Operation } from './model.ts';

export class EventList {
  /** Index of the operation with this rank in the history given. */
  readonly answered: Int32Array;
  /** Indexes of the unanswered operations in the history given, by the time of their calls. */
  readonly unanswered: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Unanswered operations called before the answer of a rank. */
  readonly #unansweredBefore: Int32Array;

  constructor(history: readonly Operation<unknown, unknown>[]) {
    const isAnswered = (at: number): boolean => history[at]!.output !== undefined;
    const all = Int32Array.from(history.keys());
    const answered = all.filter(isAnswered).sort((a, b) => history[a]!.answeredAt - history[b]!.answeredAt);
    const unanswered = all
      .filter((at) => !isAnswered(at))
      .sort((a, b) => history[a]!.calledAt - history[b]!.calledAt);
    const count = answered.length;
    const calls = Int32Array.from(answered.keys()).sort(
      (a, b) => history[answered[a]!]!.calledAt - history[answered[b]!]!.calledAt,
    );

    const next = new Int32Array(2 * count + 1);
    const previous = new Int32Array(2 * count + 1);
    const unansweredBefore = new Int32Array(count);
    const head = 2 * count;
    let last = head;
    const append = (event: number): void => {
      next[last] = event;
      previous[event] = last;
      last = event;
    };
    let called = 0;
    let begun = 0;
    for (let rank = 0; rank < count; rank++) {
      const answeredAt = history[answered[rank]!]!.answeredAt;
      while (called < count && history[answered[calls[called]!]!]!.calledAt <= answeredAt)
        append(calls[called++]!);
      while (begun < unanswered.length && history[unanswered[begun]!]!.calledAt <= answeredAt) begun++;
      unansweredBefore[rank] = begun;
      append(count + rank);
    }
    append(head);
    this.answered = answered;
    this.unanswered = unanswered;
    this.#next = next;
    this.#previous = previous;
    this.#unansweredBefore = unansweredBefore;
  }

  /** The first call that may be linearized after this one (after none: pass -1), or -1 if an answer comes first. */
  nextCall(after: number): number {
    const event = this.#next[after < 0 ? this.#next.length - 1 : after]!;
    return event < this.answered.length ? event : -1;
  }

  /** How many of the unanswered operations, by the order of their calls, were called before this answer. */
  unansweredBefore(rank: number): number {
    return this.#unansweredBefore[rank]!;
  }

  lift(rank: number): void {
    this.#takeOut(rank);
    this.#takeOut(this.answered.length + rank);
  }

  putBack(rank: number): void {
    this.#putIn(this.answered.length + rank);
    this.#putIn(rank);
  }

  #takeOut(event: number): void {
    this.#next[this.#previous[event]!] = this.#next[event]!;
    this.#previous[this.#next[event]!] = this.#previous[event]!;
  }

  #putIn(event: number): void {
    this.#next[this.#previous[event]!] = event;
    this.#previous[this.#next[event]!] = event;
  }
}
