/** Counts the keys of a range at a revision without walking over them, if that can be done cheaply. */

import { compareBytes } from '../../ports/byte-order.ts';
import { peekKey } from '../../wire/v3/key-value.ts';
import { isEmptyBounds, type KeyBounds } from './key-bounds.ts';
import { isTombstoneKey, revisionKey } from './revision-key.ts';
import { keyValueIn, prevMainIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';

/** So many changes since the revision, and bytes of theirs, are looked through at most. */
const CHANGES_MAX = 1000;
const BYTES_MAX = 512 * 1024;

/** Undefined: too much has changed since the revision. */
export function countRest(
  tables: MvccTables,
  state: MvccState,
  bounds: KeyBounds,
  revision: number,
): number | undefined {
  if (isEmptyBounds(bounds)) return 0;
  const newest = tables.counts.count(bounds);
  if (revision >= state.newest) return newest;
  if (state.newest - revision > CHANGES_MAX) return undefined;
  const added = addedSince(tables, bounds, revision);
  return added === undefined ? undefined : newest - added;
}

/** Keys of the range that came since the revision, less those that went. */
function addedSince(tables: MvccTables, bounds: KeyBounds, revision: number): number | undefined {
  let added = 0;
  let changes = 0;
  let bytes = 0;
  let isTooMuch = false;
  tables.revisions.scan({ start: revisionKey(revision + 1, 0) }, (key, row) => {
    bytes += row.length;
    if (++changes > CHANGES_MAX || bytes > BYTES_MAX) {
      isTooMuch = true;
      return false;
    }
    const change = isTombstoneKey(key) ? -1 : prevMainIn(row) === 0 ? 1 : 0;
    if (change !== 0 && isWithin(bounds, peekKey(keyValueIn(row)))) added += change;
    return true;
  });
  return isTooMuch ? undefined : added;
}

function isWithin(bounds: KeyBounds, key: Uint8Array): boolean {
  if (bounds.start !== undefined && compareBytes(key, bounds.start) < 0) return false;
  return bounds.end === undefined || compareBytes(key, bounds.end) < 0;
}
