/** Finds versions of keys: the newest, those at an earlier revision, those just before a change. */

import { peekModRevision } from '../../wire/v3/key-value.ts';
import {
  historyEnd,
  historyKey,
  historyMain,
  historyStart,
  isHistoryOf,
  userKeyOf,
} from './composite-key.ts';
import { entryCreateRevision, entryPrevMain, entryPrevSub, isChainShort } from './history-index.ts';
import { keyAfter, revisionKey } from './revision-key.ts';
import {
  isValueElsewhere,
  keyValueIn,
  prevMainIn,
  prevSubIn,
  readHead,
  VersionHead,
  valuelessIn,
} from './row.ts';
import type { MvccTables } from './tables.ts';
import type { EncodedKeyValue } from './types.ts';

const head = new VersionHead();

/** The whole KeyValue of a row of `current`. */
export function keyValueOfCurrent(tables: MvccTables, row: Uint8Array): EncodedKeyValue {
  if (!isValueElsewhere(row)) return keyValueIn(row);
  readHead(row, head);
  return keyValueAt(tables, head.modRevision, head.sub);
}

/** The KeyValue made by a change that was no deletion and has not been compacted away. */
export function keyValueAt(tables: MvccTables, main: number, sub: number): EncodedKeyValue {
  return keyValueIn(rowAt(tables, main, sub));
}

/** mod_revision of a row of `current`. */
export function modRevisionIn(row: Uint8Array): number {
  return peekModRevision(isValueElsewhere(row) ? valuelessIn(row) : keyValueIn(row));
}

/** The key's version visible at `revision`, which is not compacted. */
export function versionAt(
  tables: MvccTables,
  key: Uint8Array,
  revision: number,
): EncodedKeyValue | undefined {
  const row = tables.current.get(key);
  if (row !== undefined && modRevisionIn(row) <= revision) return keyValueOfCurrent(tables, row);
  const place = olderAt(tables, key, row, revision);
  return place && keyValueIn(place.row);
}

/** Whether the version made by this change, a put, is the one visible at `revision`, which is not compacted. */
export function isVisibleAt(
  tables: MvccTables,
  key: Uint8Array,
  main: number,
  sub: number,
  revision: number,
): boolean {
  const row = tables.current.get(key);
  if (row !== undefined) {
    readHead(row, head);
    if (head.modRevision === main && head.sub === sub) return true;
    if (head.modRevision <= revision) return false;
  }
  const place = olderAt(tables, key, row, revision);
  return place !== undefined && place.main === main && place.sub === sub;
}

/** A version in `revisions`. */
export interface VersionPlace {
  readonly main: number;
  readonly sub: number;
  readonly row: Uint8Array;
}

/**
 * The key's version visible at `revision` and superseded since.
 * @param row the key's row in `current`, if it has one: of a later revision
 */
function olderAt(
  tables: MvccTables,
  key: Uint8Array,
  row: Uint8Array | undefined,
  revision: number,
): VersionPlace | undefined {
  if (row !== undefined) {
    readHead(row, head);
    const { createRevision, version, modRevision, sub } = head;
    if (createRevision <= revision && isChainShort(version) && !head.isValueElsewhere) {
      return walkBack(tables, modRevision, sub, revision);
    }
  }
  const entry = firstIndexedAbove(tables, key, revision);
  return olderBefore(tables, entry, row, revision);
}

/** The same from what is known of the key: the first indexed change above the revision, if there is one, and the row in `current`. */
export function olderBefore(
  tables: MvccTables,
  entry: Uint8Array | undefined,
  row: Uint8Array | undefined,
  revision: number,
): VersionPlace | undefined {
  if (!isOlderThere(entry, row, revision)) return undefined;
  if (entry !== undefined) return walkBack(tables, entryPrevMain(entry), entryPrevSub(entry), revision);
  readHead(row!, head);
  return walkBack(tables, head.modRevision, head.sub, revision);
}

/** Whether there is such a version: the life that the next change belongs to had begun. */
export function isOlderThere(
  entry: Uint8Array | undefined,
  row: Uint8Array | undefined,
  revision: number,
): boolean {
  if (entry !== undefined) return entryCreateRevision(entry) <= revision;
  if (row === undefined) return false;
  readHead(row, head);
  return head.createRevision <= revision;
}

/** From a version back along the chain to the one visible at `revision`; there is one. */
function walkBack(tables: MvccTables, main: number, sub: number, revision: number): VersionPlace {
  let row = rowAt(tables, main, sub);
  while (main > revision) {
    const at = row;
    main = prevMainIn(at);
    sub = prevSubIn(at);
    row = rowAt(tables, main, sub);
  }
  return { main, sub, row };
}

function rowAt(tables: MvccTables, main: number, sub: number): Uint8Array {
  const row = tables.revisions.get(revisionKey(main, sub));
  if (row === undefined) throw new Error(`the row of revision ${main}.${sub} is missing`);
  return row;
}

function firstIndexedAbove(tables: MvccTables, key: Uint8Array, revision: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  tables.history.scan({ start: historyKey(key, revision + 1, 0), end: historyEnd(key) }, (_entry, value) => {
    found = value;
    return false;
  });
  return found;
}

/** A key and the first indexed change of it above a revision. */
export interface IndexedChange {
  readonly key: Uint8Array;
  entry: Uint8Array;
}

/** A key with more entries than this in a row is looked up instead of walked through. */
const ENTRIES_WALKED_MAX = 64;

/**
 * Collects, in key order (or backwards), the keys with start <= key < end that have indexed changes above `revision`, looking at about
 * `entriesMax` entries at most. Returns where to go on: the next start (backwards: the next end), or undefined when it came to the end.
 */
export function collectIndexed(
  tables: MvccTables,
  bounds: {
    readonly start: Uint8Array | undefined;
    readonly end: Uint8Array | undefined;
    readonly reverse: boolean;
  },
  revision: number,
  entriesMax: number,
  found: IndexedChange[],
): Uint8Array | undefined {
  const { reverse } = bounds;
  let start = bounds.start === undefined ? undefined : historyStart(bounds.start);
  let end = bounds.end === undefined ? undefined : historyStart(bounds.end);
  let entries = 0;
  for (;;) {
    let keyStart: Uint8Array | undefined;
    let sameKey = 0;
    let of: IndexedChange | undefined;
    let stopped: Uint8Array | undefined;
    let isFull = false;
    tables.history.scan({ ...(start && { start }), ...(end && { end }), reverse }, (composite, entry) => {
      if (keyStart === undefined || !isHistoryOf(composite, keyStart)) {
        const key = userKeyOf(composite);
        if (entries >= entriesMax) {
          isFull = true;
          stopped = key;
          return false;
        }
        keyStart = historyStart(key);
        sameKey = 0;
        of = undefined;
      } else if (++sameKey > ENTRIES_WALKED_MAX) {
        stopped = userKeyOf(composite);
        return false;
      }
      entries++;
      if (historyMain(composite) > revision) {
        if (of === undefined) {
          of = { key: userKeyOf(composite), entry };
          found.push(of);
        } else if (reverse) of.entry = entry;
      }
      return true;
    });
    if (stopped === undefined) return undefined;
    if (isFull) return reverse ? keyAfter(stopped) : stopped;
    // A key with many entries: the one wanted is found directly.
    const entry = firstIndexedAbove(tables, stopped, revision);
    if (entry !== undefined) {
      if (of === undefined) found.push({ key: stopped, entry });
      else of.entry = entry;
    }
    if (reverse) end = historyStart(stopped);
    else start = historyEnd(stopped);
  }
}
