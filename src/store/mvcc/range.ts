/** Answers a RangeRequest at once. */

import { withoutValue } from '../../wire/v3/key-value.ts';
import type { RangeRequest } from '../../wire/v3/kv-types.ts';
import { countRest } from './count-rest.ts';
import { isEmptyBounds, type KeyBounds } from './key-bounds.ts';
import { planRange, type RangePlan } from './range-plan.ts';
import { valuelessIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue, MvccError, RangeResult } from './types.ts';
import { VersionWalk } from './version-walk.ts';
import { keyValueOfCurrent, versionAt } from './versions.ts';

const NO_KVS: readonly EncodedKeyValue[] = [];
const STEP_ROWS = 1024;

/** Errors: 'future-revision', 'compacted'. */
export function range(tables: MvccTables, state: MvccState, request: RangeRequest): RangeResult | MvccError {
  const plan = planRange(request, state);
  if (plan.kind === 'error') return plan;
  const { bounds } = plan;
  if (bounds === undefined) return rangeOfOne(tables, state, request.key, plan);
  if (isEmptyBounds(bounds)) return result(state, NO_KVS, false, 0);
  if (plan.countOnly) return result(state, NO_KVS, false, countAt(tables, state, bounds, plan.revision));
  const wanted = plan.keysOnly && !plan.sortsByValue ? 'valueless' : 'whole';
  const walk = new VersionWalk(tables, state, bounds, plan.revision, plan.reverse, wanted);
  return plan.compare === undefined
    ? inKeyOrder(tables, state, plan, walk)
    : sorted(tables, state, plan, walk);
}

/** Keys visible at a revision. */
function countAt(tables: MvccTables, state: MvccState, bounds: KeyBounds, revision: number): number {
  const walk = new VersionWalk(tables, state, bounds, revision, false, 'nothing');
  return countAll(tables, state, walk);
}

function rangeOfOne(tables: MvccTables, state: MvccState, key: Uint8Array, plan: RangePlan): RangeResult {
  const kv =
    plan.revision >= state.newest ? newestOf(tables, key, plan) : versionAt(tables, key, plan.revision);
  if (kv === undefined) return result(state, NO_KVS, false, 0);
  if (plan.countOnly || (plan.filter !== undefined && !plan.filter(kv)))
    return result(state, NO_KVS, false, 1);
  return result(state, [plan.keysOnly ? withoutValue(kv) : kv], false, 1);
}

function newestOf(tables: MvccTables, key: Uint8Array, plan: RangePlan): EncodedKeyValue | undefined {
  const row = tables.current.get(key);
  if (row === undefined) return undefined;
  return plan.keysOnly || plan.countOnly ? valuelessIn(row) : keyValueOfCurrent(tables, row);
}

function inKeyOrder(tables: MvccTables, state: MvccState, plan: RangePlan, walk: VersionWalk): RangeResult {
  const { limit, filter } = plan;
  const kvs: EncodedKeyValue[] = [];
  let more = false;
  const visit = (kv: EncodedKeyValue): boolean => {
    if (filter !== undefined && !filter(kv)) return true;
    if (limit > 0 && kvs.length === limit) {
      more = true;
      return false;
    }
    kvs.push(kv);
    return true;
  };
  while (!walk.done && !more) walk.step(Number.POSITIVE_INFINITY, visit);
  return result(state, kvs, more, countAll(tables, state, walk));
}

function sorted(tables: MvccTables, state: MvccState, plan: RangePlan, walk: VersionWalk): RangeResult {
  const { filter, readMax } = plan;
  let kvs: EncodedKeyValue[] = [];
  while (!walk.done && kvs.length < readMax) {
    walk.step(STEP_ROWS, (kv) => {
      if (filter === undefined || filter(kv)) kvs.push(kv);
      return kvs.length < readMax;
    });
  }
  kvs.sort(plan.compare);
  const more = plan.limit > 0 && kvs.length > plan.limit;
  if (more) kvs.length = plan.limit;
  if (plan.keysOnly) kvs = kvs.map(withoutValue);
  return result(state, kvs, more, countAll(tables, state, walk));
}

/** All keys of the walk's range, visited or not. */
function countAll(tables: MvccTables, state: MvccState, walk: VersionWalk): number {
  if (walk.done) return walk.visited;
  const rest = countRest(tables, state, walk.rest, walk.revision);
  if (rest !== undefined) return walk.visited + rest;
  walk.countOnly();
  while (!walk.done) walk.step(STEP_ROWS, () => true);
  return walk.visited;
}

function result(
  state: MvccState,
  kvs: readonly EncodedKeyValue[],
  more: boolean,
  count: number,
): RangeResult {
  return { kind: 'range', revision: state.newest, kvs, more, count };
}
