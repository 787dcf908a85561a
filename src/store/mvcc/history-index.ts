/**
 * The table `history`: where to begin the search for an older version of a key. Every version knows the one before it (row.ts), so the way back from
 * any change is a chain; `history` names some of its links:
 *
 *     user key + revision of a change -> prevMain 7 | prevSub 4 | create 7 | 0 4      what the change superseded, and when that key's life began
 *
 * Indexed are all deletions, every eighth version of a key, and those with a value that is too long to be read in passing.
 *
 * So a put writes two rows, not three; a version at any revision is found from the first indexed change above it (or from `current`) within
 * eight short steps; and keys that are not there any more are found at all. Invariant: first versions are never indexed.
 */

import type { BackendTable } from '../../ports/backend.ts';
import type { ByteSlab } from './byte-slab.ts';
import { historyKey, readShortMain, readShortSub, writeShortRevision } from './composite-key.ts';
import type { NewVersion } from './row.ts';

const EVERY = 8;
const ENTRY_BYTES = 22;
const CREATE_AT = 11;

/** Whether a version has an entry. */
export function isIndexed(version: number, isValueLong: boolean): boolean {
  return version > 1 && (isValueLong || version % EVERY === 0);
}

/** A version so young that the chain is shorter than a look at the index. */
export function isChainShort(version: number): boolean {
  return version < EVERY;
}

/** Notes what a change superseded. */
export function indexChange(
  tables: { readonly history: Pick<BackendTable, 'put'> },
  slab: ByteSlab,
  key: Uint8Array,
  change: Readonly<NewVersion>,
): void {
  const entry = slab.take(ENTRY_BYTES);
  writeShortRevision(entry, 0, change.prevMain, change.prevSub);
  writeShortRevision(entry, CREATE_AT, change.createRevision, 0);
  tables.history.put(historyKey(key, change.main, change.sub), entry);
}

export function entryPrevMain(entry: Uint8Array): number {
  return readShortMain(entry, 0);
}

export function entryPrevSub(entry: Uint8Array): number {
  return readShortSub(entry, 0);
}

export function entryCreateRevision(entry: Uint8Array): number {
  return readShortMain(entry, CREATE_AT);
}
