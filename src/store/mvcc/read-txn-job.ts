/**
 * A transaction of ranges only, in slices at one revision: the newest at its beginning. Memory: what a slice holds.
 *
 * The jobs of both branches are made at once, while nothing has changed yet; those of the branch not taken are given up when the comparisons are done.
 */

import type { Compare, RangeRequest, TxnRequest } from '../../wire/v3/kv-types.ts';
import { absentHolds, compareHolds, isOfValue, keyValueHolds } from './compare.ts';
import { boundsOf, isEmptyBounds } from './key-bounds.ts';
import type { MvccState, MvccTables } from './tables.ts';
import { checkRange } from './transaction.ts';
import type { MvccError, RangeJob, RangeSlice, ReadTxnJob, ReadTxnSlice } from './types.ts';
import { VersionWalk } from './version-walk.ts';

/** Rows compared in one run. */
const COMPARED_ROWS = 2000;
const NO_SLICES: readonly RangeSlice[] = [];

export interface ReadTxnParts {
  readonly tables: MvccTables;
  readonly state: MvccState;
  readonly pin: (revision: number) => () => void;
  readonly rangeJob: (request: RangeRequest) => RangeJob | MvccError;
}

export function createReadTxnJob(parts: ReadTxnParts, request: TxnRequest): ReadTxnJob {
  return new Job(parts, request);
}

type Branch = readonly (RangeJob | MvccError)[];

class Job implements ReadTxnJob {
  readonly kind = 'job';
  readonly revision: number;
  readonly #state: MvccState;
  readonly #generation: number;
  readonly #unpin: () => void;
  readonly #success: Branch;
  readonly #failure: Branch;
  /** Of many keys each. */
  readonly #comparing: RangeComparison[] = [];
  #succeeded = true;
  /** Undefined while comparisons go on. */
  #taken: Branch | undefined;
  #next = 0;

  constructor(parts: ReadTxnParts, request: TxnRequest) {
    const { tables, state } = parts;
    this.#state = state;
    this.#generation = state.generation;
    this.revision = state.newest;
    this.#unpin = parts.pin(this.revision);
    for (const compare of request.compare) {
      if (isOfMany(compare)) this.#comparing.push(new RangeComparison(tables, state, compare));
      else if (!compareHolds(tables, compare)) this.#succeeded = false;
    }
    const jobOf = (each: TxnRequest['success'][number]): RangeJob | MvccError => {
      if (each.kind !== 'range') throw new Error('a transaction that is read in slices has ranges only');
      return checkRange(state, each.request) ?? parts.rangeJob(each.request);
    };
    this.#success = request.success.map(jobOf);
    this.#failure = request.failure.map(jobOf);
  }

  run(bytesMax: number): ReadTxnSlice | MvccError {
    if (this.#generation !== this.#state.generation) return this.#fail({ kind: 'error', code: 'compacted' });
    if (this.#taken === undefined) {
      if (this.#compare()) return { kind: 'slice', succeeded: undefined, ranges: NO_SLICES, done: false };
      const error = this.#take();
      if (error !== undefined) return this.#fail(error);
    }
    return this.#read(this.#taken!, bytesMax);
  }

  release(): void {
    this.#unpin();
    giveUp(this.#success);
    giveUp(this.#failure);
  }

  /** True while there is more to compare. */
  #compare(): boolean {
    const comparison = this.#comparing[0];
    if (comparison === undefined || !this.#succeeded) return false;
    const holds = comparison.step();
    if (holds === false) this.#succeeded = false;
    else if (holds) this.#comparing.shift();
    return this.#succeeded && this.#comparing.length > 0;
  }

  #take(): MvccError | undefined {
    this.#taken = this.#succeeded ? this.#success : this.#failure;
    giveUp(this.#succeeded ? this.#failure : this.#success);
    for (const each of this.#taken) if (each.kind === 'error') return each;
    return undefined;
  }

  #read(taken: Branch, bytesMax: number): ReadTxnSlice | MvccError {
    const ranges: RangeSlice[] = [];
    let bytes = 0;
    while (this.#next < taken.length && bytes < bytesMax) {
      const slice = (taken[this.#next] as RangeJob).run(bytesMax - bytes);
      if (slice.kind === 'error') return this.#fail(slice);
      ranges.push(slice);
      for (const kv of slice.kvs) bytes += kv.length;
      // Whoever does not end has done a slice's work.
      if (!slice.done) break;
      this.#next++;
    }
    const done = this.#next === taken.length;
    if (done) this.#unpin();
    return { kind: 'slice', succeeded: this.#succeeded, ranges, done };
  }

  #fail(error: MvccError): MvccError {
    this.release();
    return error;
  }
}

/** Whether every key of a range passes, found out in steps. */
class RangeComparison {
  readonly #compare: Compare;
  readonly #walk: VersionWalk | undefined;

  constructor(tables: MvccTables, state: MvccState, compare: Compare) {
    this.#compare = compare;
    const bounds = boundsOf(compare)!;
    if (isEmptyBounds(bounds)) return;
    const wanted = isOfValue(compare) ? 'whole' : 'valueless';
    this.#walk = new VersionWalk(tables, state, bounds, state.newest, false, wanted);
  }

  /** Undefined: not known yet. */
  step(): boolean | undefined {
    const walk = this.#walk;
    if (walk === undefined) return absentHolds(this.#compare);
    let holds = true;
    walk.step(COMPARED_ROWS, (kv) => {
      holds = keyValueHolds(this.#compare, kv);
      return holds;
    });
    if (!holds) return false;
    if (!walk.done) return undefined;
    return walk.visited > 0 || absentHolds(this.#compare);
  }
}

function isOfMany(compare: Compare): boolean {
  return boundsOf(compare) !== undefined;
}

function giveUp(branch: Branch): void {
  for (const each of branch) if (each.kind === 'job') each.release();
}
