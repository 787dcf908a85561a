/**
 * A range in slices at one revision. Memory: what a slice holds; for orders other than by keys also every key with what it is sorted by.
 */

import { peekKey, withoutValue } from '../../wire/v3/key-value.ts';
import type { RangeRequest } from '../../wire/v3/kv-types.ts';
import { countRest } from './count-rest.ts';
import { isEmptyBounds } from './key-bounds.ts';
import { range } from './range.ts';
import type { RangePlan } from './range-plan.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue, MvccError, RangeJob, RangeSlice } from './types.ts';
import { VersionWalk } from './version-walk.ts';
import { versionAt } from './versions.ts';

/** Rows looked at in one run. */
const SLICE_ROWS = 2000;
/** Versions looked up by their keys in one run. */
const LOOK_UPS = 500;
/** Up to so many keys the rest is counted at once. */
const COUNT_AT_ONCE_MAX = 50_000;
const NO_KVS: readonly EncodedKeyValue[] = [];

/** @param unpin releases the pin on the plan's revision */
export function createRangeJob(
  tables: MvccTables,
  state: MvccState,
  request: RangeRequest,
  plan: RangePlan,
  unpin: () => void,
): RangeJob {
  const { bounds } = plan;
  if (bounds === undefined || isEmptyBounds(bounds)) {
    return new SmallRangeJob(range(tables, state, request), state.newest, unpin);
  }
  const wanted = plan.countOnly
    ? 'nothing'
    : plan.keysOnly && plan.compare === undefined
      ? 'valueless'
      : 'whole';
  const walk = new VersionWalk(tables, state, bounds, plan.revision, plan.reverse, wanted);
  return new LargeRangeJob(tables, state, plan, walk, unpin);
}

/** An answer that is there already. */
class SmallRangeJob implements RangeJob {
  readonly kind = 'job';
  readonly revision: number;
  readonly #answer: RangeSlice | MvccError;

  constructor(answer: ReturnType<typeof range>, revision: number, unpin: () => void) {
    this.revision = revision;
    const { kind } = answer;
    this.#answer =
      kind === 'error'
        ? answer
        : { kind: 'slice', kvs: answer.kvs, done: true, more: answer.more, count: answer.count };
    unpin();
  }

  run(): RangeSlice | MvccError {
    return this.#answer;
  }

  release(): void {}
}

class LargeRangeJob implements RangeJob {
  readonly kind = 'job';
  readonly revision: number;
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #generation: number;
  readonly #plan: RangePlan;
  readonly #walk: VersionWalk;
  readonly #unpin: () => void;
  /** Key values still to be delivered; Infinity without a limit. */
  #room: number;
  #more = false;
  /** For other orders: what was collected, and once all of it was, sorted. */
  #collected: EncodedKeyValue[] | undefined;
  #delivered = -1;
  #isDelivered = false;

  constructor(tables: MvccTables, state: MvccState, plan: RangePlan, walk: VersionWalk, unpin: () => void) {
    this.revision = state.newest;
    this.#tables = tables;
    this.#state = state;
    this.#generation = state.generation;
    this.#plan = plan;
    this.#walk = walk;
    this.#unpin = unpin;
    this.#room = plan.limit === 0 ? Number.POSITIVE_INFINITY : plan.limit;
    if (plan.compare !== undefined && !plan.countOnly) this.#collected = [];
  }

  release(): void {
    this.#unpin();
  }

  run(bytesMax: number): RangeSlice | MvccError {
    if (this.#generation !== this.#state.generation) {
      this.#unpin();
      return { kind: 'error', code: 'compacted' };
    }
    if (this.#plan.countOnly || this.#more || this.#isDelivered) return this.#count(NO_KVS);
    if (this.#collected === undefined) return this.#inKeyOrder(bytesMax);
    return this.#delivered < 0
      ? this.#collect(this.#collected, bytesMax)
      : this.#deliver(this.#collected, bytesMax);
  }

  #inKeyOrder(bytesMax: number): RangeSlice {
    const { filter } = this.#plan;
    const kvs: EncodedKeyValue[] = [];
    let bytes = 0;
    this.#walk.step(SLICE_ROWS, (kv) => {
      bytes += kv.length;
      if (filter !== undefined && !filter(kv)) return bytes < bytesMax;
      if (this.#room === 0) {
        this.#more = true;
        return false;
      }
      this.#room--;
      kvs.push(kv);
      return bytes < bytesMax;
    });
    return this.#walk.done || this.#more ? this.#count(kvs) : slice(kvs);
  }

  /** Looks at the keys that are beyond the limit, only to count them; if it can, without looking. */
  #count(kvs: readonly EncodedKeyValue[]): RangeSlice {
    const walk = this.#walk;
    if (!walk.done) {
      const tables = this.#tables;
      const isCheap = tables.counts.isComplete || this.#state.keyCount <= COUNT_AT_ONCE_MAX;
      const rest = isCheap ? countRest(tables, this.#state, walk.rest, walk.revision) : undefined;
      if (rest !== undefined) return this.#last(kvs, walk.visited + rest);
      walk.countOnly();
      walk.step(SLICE_ROWS, () => true);
    }
    return walk.done ? this.#last(kvs, walk.visited) : slice(kvs);
  }

  #collect(collected: EncodedKeyValue[], bytesMax: number): RangeSlice {
    const { filter, compare, readMax } = this.#plan;
    let bytes = 0;
    this.#walk.step(SLICE_ROWS, (kv) => {
      bytes += kv.length;
      // Without values they are copied, so that they do not hold those; the values are read when their turn comes.
      if (filter === undefined || filter(kv)) collected.push(kv.slice());
      return collected.length < readMax && bytes < bytesMax;
    });
    if (this.#walk.done || collected.length >= readMax) {
      collected.sort(compare);
      this.#delivered = 0;
    }
    return slice(NO_KVS);
  }

  #deliver(collected: readonly EncodedKeyValue[], bytesMax: number): RangeSlice {
    const { keysOnly, sortsByValue, revision } = this.#plan;
    const end = Math.min(collected.length, this.#room);
    const kvs: EncodedKeyValue[] = [];
    for (
      let bytes = 0;
      this.#delivered < end && kvs.length < LOOK_UPS && bytes < bytesMax;
      this.#delivered++
    ) {
      let kv = collected[this.#delivered]!;
      if (keysOnly) kv = withoutValue(kv);
      else if (!sortsByValue) kv = versionAt(this.#tables, peekKey(kv), revision)!;
      kvs.push(kv);
      bytes += kv.length;
    }
    if (this.#delivered < end) return slice(kvs);
    this.#collected = undefined;
    this.#isDelivered = true;
    this.#more = collected.length > end;
    return this.#count(kvs);
  }

  #last(kvs: readonly EncodedKeyValue[], count: number): RangeSlice {
    this.#unpin();
    return { kind: 'slice', kvs, done: true, more: this.#more, count };
  }
}

function slice(kvs: readonly EncodedKeyValue[]): RangeSlice {
  return { kind: 'slice', kvs, done: false, more: false, count: 0 };
}
