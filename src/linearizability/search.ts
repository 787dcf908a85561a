/**
 * Wing & Gong's search for a linearization of one partition ("Testing and verifying concurrent objects", 1993) with Lowe's cache
 * (2017). Depth first, on arrays of its own instead of recursion. Three prunings keep it near one step an operation on real histories;
 * each leaves out only what another branch covers:
 *
 *   - An answered operation that can happen now and is read-only is taken at once: in any linearization that has it later it can be
 *     moved here, so no branch is needed for having it later. (A write of the value that is there is no such operation.)
 *   - An unanswered operation that would change nothing is never taken: having it still to take is no worse.
 *   - After an unanswered operation u, an operation that leads from the state before u to the same state as from the state after it is
 *     not taken: u was useless, and the branch without u is searched too. So u is only taken right before something that needs it.
 *
 * Answered operations are tried in order of their calls; after all of them unanswered ones, the latest call first: what does happen
 * usually happens soon.
 */

import { EventList } from './event-list.ts';
import { LinearizedSet } from './linearized-set.ts';
import type { Model, Operation } from './model.ts';
import { StateTable } from './state-table.ts';
import { VisitedConfigurations } from './visited-configurations.ts';

export interface SearchOutcome {
  readonly result: 'ok' | 'violation' | 'unknown';
  /** The longest linearization found, as indexes into the history; the whole one if the result is 'ok'. */
  readonly longest: readonly number[];
  /** Index of the operation that had to be next and could not: its answer is the first that the longest one does not explain. */
  readonly stuckAt: number | undefined;
  /** Configurations remembered. */
  readonly configurations: number;
  /** Times the model was asked. */
  readonly steps: number;
}

/** @param stepsMax the search gives up with 'unknown' after asking the model so often */
export function searchLinearization<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  stepsMax: number,
): SearchOutcome {
  return new Search(model, history, stepsMax).run();
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #history: readonly Operation<Input, Output>[];
  readonly #stepsMax: number;
  readonly #events: EventList;
  readonly #states: StateTable<State>;
  readonly #linearized: LinearizedSet;
  readonly #visited = new VisitedConfigurations();
  #state: number;
  #steps = 0;

  /**
   * The linearization so far. A move is the rank of an answered operation, or -1 - (place) of an unanswered one; with it the state
   * before, and whether the search must not come back to try another move instead.
   */
  readonly #moves: Int32Array;
  readonly #stateBefore: Int32Array;
  readonly #isForced: Uint8Array;
  #depth = 0;

  readonly #longest: Int32Array;
  /** How much of the present linearization is a prefix of the longest one. */
  #longestCommon = 0;
  #longestDepth = 0;
  #longestAnswered = -1;
  #longestBase = 0;

  constructor(
    model: Model<State, Input, Output>,
    history: readonly Operation<Input, Output>[],
    stepsMax: number,
  ) {
    this.#model = model;
    this.#history = history;
    this.#stepsMax = stepsMax;
    this.#events = new EventList(history);
    this.#linearized = new LinearizedSet(this.#events.unanswered.length);
    this.#states = new StateTable(model);
    this.#state = this.#states.idOf(model.init);
    this.#moves = new Int32Array(history.length);
    this.#stateBefore = new Int32Array(history.length);
    this.#isForced = new Uint8Array(history.length);
    this.#longest = new Int32Array(history.length);
  }

  run(): SearchOutcome {
    const count = this.#events.answered.length;
    let result: SearchOutcome['result'] | undefined;
    // The place to go on looking for a move from: behind this call, or from this unanswered operation on.
    let call = -1;
    let place = -1;
    let isAlive = this.#takeWhatChangesNothing();
    while (result === undefined) {
      if (this.#linearized.base === count) {
        result = 'ok';
      } else if (this.#steps > this.#stepsMax) {
        result = 'unknown';
      } else if (isAlive && this.#takeNextMove(call, place)) {
        isAlive = this.#takeWhatChangesNothing() && this.#visited.add(this.#state, this.#linearized);
        call = -1;
        place = -1;
      } else {
        const undone = this.#turnRound();
        if (undone === undefined) result = 'violation';
        else if (undone >= 0) {
          call = undone;
          place = -1;
        } else {
          place = -1 - undone;
        }
        isAlive = true;
      }
    }
    this.#rememberLongest();
    return {
      result,
      longest: Array.from(this.#longest.subarray(0, this.#longestDepth), (move) => this.#indexOf(move)),
      stuckAt: result === 'ok' ? undefined : this.#events.answered[this.#longestBase],
      configurations: this.#visited.count,
      steps: this.#steps,
    };
  }

  /**
   * Makes the next move there is from here.
   * @param call the call tried last, or -1
   * @param place the unanswered operation tried last, or -1 while answered ones are left to try
   */
  #takeNextMove(call: number, place: number): boolean {
    const events = this.#events;
    if (place < 0) {
      for (let rank = events.nextCall(call); rank >= 0; rank = events.nextCall(rank)) {
        const after = this.#stepTo(events.answered[rank]!);
        if (after < 0 || this.#isUselessBefore(events.answered[rank]!, after)) continue;
        events.lift(rank);
        this.#linearized.add(rank);
        this.#push(rank, after, false);
        return true;
      }
    }
    const first = place < 0 ? events.unansweredBefore(this.#linearized.base) - 1 : place - 1;
    for (let at = first; at >= 0; at--) {
      if (this.#linearized.hasUnanswered(at)) continue;
      const after = this.#stepTo(events.unanswered[at]!);
      if (after < 0 || after === this.#state) continue;
      if (this.#isUselessBefore(events.unanswered[at]!, after)) continue;
      this.#linearized.addUnanswered(at);
      this.#push(-1 - at, after, false);
      return true;
    }
    return false;
  }

  /** Takes the answered operations that can happen here and change nothing; false if one shows that this cannot end well. */
  #takeWhatChangesNothing(): boolean {
    const { answered } = this.#events;
    const { isTooLate } = this.#model;
    // The last call that was not taken: what follows it is the next one to look at, whatever was lifted in between.
    let left = -1;
    for (let rank = this.#events.nextCall(left); rank >= 0; rank = this.#events.nextCall(left)) {
      const { input, output } = this.#history[answered[rank]!]!;
      const after = this.#stepTo(answered[rank]!);
      if (after === this.#state && this.#model.isReadOnly(input, output!)) {
        this.#events.lift(rank);
        this.#linearized.add(rank);
        this.#push(rank, after, true);
        continue;
      }
      if (after < 0 && isTooLate !== undefined) {
        if (isTooLate.call(this.#model, this.#states.at(this.#state), input, output!)) return false;
      }
      left = rank;
    }
    return true;
  }

  /** Undoes moves up to and including the last one that was a choice; returns it, or undefined if there is none. */
  #turnRound(): number | undefined {
    this.#rememberLongest();
    while (this.#depth > 0) {
      const at = --this.#depth;
      const move = this.#moves[at]!;
      this.#state = this.#stateBefore[at]!;
      if (move >= 0) {
        this.#linearized.remove(move);
        this.#events.putBack(move);
      } else {
        this.#linearized.removeUnanswered(-1 - move);
      }
      if (this.#isForced[at] === 0) {
        this.#longestCommon = Math.min(this.#longestCommon, this.#depth);
        return move;
      }
    }
    return undefined;
  }

  /** The id of the state after this operation, or -1 if it cannot happen now. */
  #stepTo(index: number): number {
    this.#steps++;
    const { input, output } = this.#history[index]!;
    const step = this.#model.step(this.#states.at(this.#state), input, output);
    return step.ok ? this.#states.idOf(step.state) : -1;
  }

  /** Was the unanswered operation just taken, if the last move was one, of no use to this one, which leads to `after`? */
  #isUselessBefore(index: number, after: number): boolean {
    const last = this.#depth - 1;
    if (last < 0 || this.#moves[last]! >= 0) return false;
    this.#steps++;
    const { input, output } = this.#history[index]!;
    const step = this.#model.step(this.#states.at(this.#stateBefore[last]!), input, output);
    return step.ok && this.#states.idOf(step.state) === after;
  }

  #push(move: number, stateAfter: number, isForced: boolean): void {
    this.#moves[this.#depth] = move;
    this.#stateBefore[this.#depth] = this.#state;
    this.#isForced[this.#depth] = isForced ? 1 : 0;
    this.#depth++;
    this.#state = stateAfter;
  }

  #rememberLongest(): void {
    if (this.#linearized.answeredCount <= this.#longestAnswered) return;
    // Only what differs from the last longest one is copied, so that all copies together cost no more than the search.
    this.#longest.set(this.#moves.subarray(this.#longestCommon, this.#depth), this.#longestCommon);
    this.#longestCommon = this.#depth;
    this.#longestDepth = this.#depth;
    this.#longestAnswered = this.#linearized.answeredCount;
    this.#longestBase = this.#linearized.base;
  }

  #indexOf(move: number): number {
    return move >= 0 ? this.#events.answered[move]! : this.#events.unanswered[-1 - move]!;
  }
}
