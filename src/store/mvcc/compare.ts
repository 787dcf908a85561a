/** The comparisons of a transaction. */

import { compareBytes } from '../../ports/byte-order.ts';
import {
  peekCreateRevision,
  peekLease,
  peekModRevision,
  peekValue,
  peekVersion,
} from '../../wire/v3/key-value.ts';
import { type Compare, CompareResult, CompareTarget } from '../../wire/v3/kv-types.ts';
import { boundsOf, isEmptyBounds } from './key-bounds.ts';
import { valuelessIn } from './row.ts';
import type { MvccTables } from './tables.ts';
import type { EncodedKeyValue } from './types.ts';
import { keyValueOfCurrent } from './versions.ts';

const NOTHING = new Uint8Array(0);

/** Of a range, every key must pass. A range without keys compares as zeros; a value never equals, precedes or follows that of a missing key. */
export function compareHolds(tables: MvccTables, compare: Compare): boolean {
  const isValue = isOfValue(compare);
  const passes = (row: Uint8Array): boolean =>
    keyValueHolds(compare, isValue ? keyValueOfCurrent(tables, row) : valuelessIn(row));
  const bounds = boundsOf(compare);
  let any = false;
  let all = true;
  if (bounds === undefined) {
    const row = tables.newest.get(compare.key);
    if (row !== undefined) {
      any = true;
      all = passes(row);
    }
  } else if (!isEmptyBounds(bounds)) {
    const { start, end } = bounds;
    tables.current.scan({ ...(start && { start }), ...(end && { end }) }, (_key, row) => {
      any = true;
      all = passes(row);
      return all;
    });
  }
  return any ? all : absentHolds(compare);
}

/** Values are compared; for anything else key values may come without theirs. */
export function isOfValue(compare: Compare): boolean {
  return compare.target === CompareTarget.value;
}

/** Of a range without keys. */
export function absentHolds(compare: Compare): boolean {
  return !isOfValue(compare) && keyValueHolds(compare, NOTHING);
}

export function keyValueHolds(compare: Compare, kv: EncodedKeyValue): boolean {
  const order = orderOf(compare, kv);
  switch (compare.result) {
    case CompareResult.equal:
      return order === 0;
    case CompareResult.notEqual:
      return order !== 0;
    case CompareResult.greater:
      return order > 0;
    case CompareResult.less:
      return order < 0;
    default:
      return true;
  }
}

/** How the key's field stands to the operand; an operand of another field than the target counts as zero. */
function orderOf(compare: Compare, kv: EncodedKeyValue): number {
  const { operand } = compare;
  switch (compare.target) {
    case CompareTarget.version:
      return peekVersion(kv) - (operand?.kind === 'version' ? operand.value : 0);
    case CompareTarget.create:
      return peekCreateRevision(kv) - (operand?.kind === 'create' ? operand.value : 0);
    case CompareTarget.mod:
      return peekModRevision(kv) - (operand?.kind === 'mod' ? operand.value : 0);
    case CompareTarget.value:
      return compareBytes(peekValue(kv), operand?.kind === 'value' ? operand.value : NOTHING);
    case CompareTarget.lease: {
      const wanted = operand?.kind === 'lease' ? operand.value : 0n;
      const lease = peekLease(kv);
      return lease < wanted ? -1 : lease > wanted ? 1 : 0;
    }
    default:
      return 0;
  }
}
