/** What a RangeRequest asks for, once its defaults and etcd's quirks are worked out. */

import { compareBytes } from '../../ports/byte-order.ts';
import { peekCreateRevision, peekModRevision, peekValue, peekVersion } from '../../wire/v3/key-value.ts';
import { type RangeRequest, SortOrder, SortTarget } from '../../wire/v3/kv-types.ts';
import { boundsOf, type KeyBounds } from './key-bounds.ts';
import type { MvccState } from './tables.ts';
import type { EncodedKeyValue, MvccError } from './types.ts';

export interface RangePlan {
  readonly kind: 'plan';
  /** Undefined: one key. */
  readonly bounds: KeyBounds | undefined;
  /** The one at which keys are read. */
  readonly revision: number;
  /** By descending keys. */
  readonly reverse: boolean;
  /** Any other order than by keys: all are read, then sorted, then cut. */
  readonly compare: ((a: EncodedKeyValue, b: EncodedKeyValue) => number) | undefined;
  readonly sortsByValue: boolean;
  /** Key values that are read before sorting; the rest is only counted. */
  readonly readMax: number;
  /** 0: none. */
  readonly limit: number;
  /** Undefined: all pass. The count is of all keys nevertheless. */
  readonly filter: ((kv: EncodedKeyValue) => boolean) | undefined;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
}

/** Errors: 'future-revision', 'compacted'. */
export function planRange(request: RangeRequest, state: MvccState): RangePlan | MvccError {
  if (request.revision > state.newest) return { kind: 'error', code: 'future-revision' };
  const revision = request.revision > 0 ? request.revision : state.newest;
  if (revision < state.compactedRevision) return { kind: 'error', code: 'compacted' };
  const { sortTarget } = request;
  // Another target than the key is sorted even if no order was asked for.
  const sortOrder =
    request.sortOrder === SortOrder.none && sortTarget !== SortTarget.key
      ? SortOrder.ascend
      : request.sortOrder;
  const filter = filterOf(request);
  const limit = Math.max(0, request.limit);
  // Without an order asked for etcd sorts only as many as it needs to know whether there are more.
  const isCutFirst = request.sortOrder === SortOrder.none && filter === undefined && limit > 0;
  const isByKey = sortTarget === SortTarget.key;
  return {
    kind: 'plan',
    bounds: boundsOf(request),
    revision,
    reverse: isByKey && sortOrder === SortOrder.descend,
    compare: isByKey ? undefined : comparison(sortTarget, sortOrder),
    sortsByValue: sortTarget === SortTarget.value,
    readMax: isCutFirst ? limit + 1 : Number.POSITIVE_INFINITY,
    limit,
    filter,
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
  };
}

/** Equal ones stay in the order of their keys; etcd leaves their order open. */
function comparison(
  target: number,
  order: number,
): ((a: EncodedKeyValue, b: EncodedKeyValue) => number) | undefined {
  if (order !== SortOrder.ascend && order !== SortOrder.descend) return undefined;
  const sign = order === SortOrder.descend ? -1 : 1;
  if (target === SortTarget.value) return (a, b) => sign * compareBytes(peekValue(a), peekValue(b));
  const number = numberOf(target);
  return number && ((a, b) => sign * (number(a) - number(b)));
}

function numberOf(target: number): ((kv: EncodedKeyValue) => number) | undefined {
  if (target === SortTarget.version) return peekVersion;
  if (target === SortTarget.create) return peekCreateRevision;
  if (target === SortTarget.mod) return peekModRevision;
  return undefined;
}

function filterOf(request: RangeRequest): ((kv: EncodedKeyValue) => boolean) | undefined {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  if (minModRevision === 0 && maxModRevision === 0 && minCreateRevision === 0 && maxCreateRevision === 0) {
    return undefined;
  }
  return (kv) => {
    const mod = peekModRevision(kv);
    if (maxModRevision !== 0 && mod > maxModRevision) return false;
    if (minModRevision !== 0 && mod < minModRevision) return false;
    const create = peekCreateRevision(kv);
    if (maxCreateRevision !== 0 && create > maxCreateRevision) return false;
    return minCreateRevision === 0 || create >= minCreateRevision;
  };
}
