/**
 * Finds versions of keys: the newest, those at an earlier revision, those just before a change.
 *
 * A version that is not in `current` is found through its history entry; its KeyValue is read from `revisions`.
 */

import { peekModRevision } from '../../wire/v3/key-value.ts';
import {
  historyEnd,
  historyKey,
  historyMain,
  historyStart,
  historySub,
  isHistoryOf,
  readShortMain,
  userKeyOf,
} from './composite-key.ts';
import { compareBytes } from './key-bounds.ts';
import { keyAfter, revisionKey } from './revision-key.ts';
import { isValueElsewhere, keyValueIn, readHead, VersionHead, valuelessIn } from './row.ts';
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
  const row = tables.revisions.get(revisionKey(main, sub));
  if (row === undefined) throw new Error(`the row of revision ${main}.${sub} is missing`);
  return keyValueIn(row);
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
  const place = supersededAt(tables, key, revision);
  return place === undefined ? undefined : keyValueAt(tables, place.main, place.sub);
}

export interface VersionPlace {
  readonly main: number;
  readonly sub: number;
}

/** Where the version is that was visible at `revision` and is not the newest any more. */
export function supersededAt(
  tables: MvccTables,
  key: Uint8Array,
  revision: number,
): VersionPlace | undefined {
  let place: VersionPlace | undefined;
  tables.history.scan(
    { start: historyStart(key), end: historyKey(key, revision + 1, 0), reverse: true },
    (entry, end) => {
      if (readShortMain(end, 0) > revision) place = { main: historyMain(entry), sub: historySub(entry) };
      return false;
    },
  );
  return place;
}

/** Whether the version made by this change, a put, is the one visible at `revision`. */
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
  }
  const end = tables.history.get(historyKey(key, main, sub));
  return end !== undefined && readShortMain(end, 0) > revision;
}

export interface SupersededVersion extends VersionPlace {
  readonly key: Uint8Array;
}

/** A key with more entries than this in a row is looked up instead of walked through. */
const ENTRIES_WALKED_MAX = 64;

/**
 * Collects, in key order (or backwards), the superseded versions visible at `revision` of keys with start <= key < end, looking at
 * about `entriesMax` entries at most. Returns where to go on: the next start (backwards: the next end), or undefined when it came to the end.
 */
export function collectSuperseded(
  tables: MvccTables,
  bounds: {
    readonly start: Uint8Array | undefined;
    readonly end: Uint8Array | undefined;
    readonly reverse: boolean;
  },
  revision: number,
  entriesMax: number,
  found: SupersededVersion[],
): Uint8Array | undefined {
  const { reverse } = bounds;
  let start = bounds.start === undefined ? undefined : historyStart(bounds.start);
  let end = bounds.end === undefined ? undefined : historyStart(bounds.end);
  let entries = 0;
  for (;;) {
    let sameKey = 0;
    let keyStart: Uint8Array | undefined;
    let stopped: Uint8Array | undefined;
    let isFull = false;
    tables.history.scan({ ...(start && { start }), ...(end && { end }), reverse }, (entry, until) => {
      if (keyStart === undefined || !isHistoryOf(entry, keyStart)) {
        const key = userKeyOf(entry);
        if (entries >= entriesMax) {
          isFull = true;
          stopped = key;
          return false;
        }
        keyStart = historyStart(key);
        sameKey = 0;
      } else if (++sameKey > ENTRIES_WALKED_MAX) {
        stopped = userKeyOf(entry);
        return false;
      }
      entries++;
      const main = historyMain(entry);
      if (main <= revision && readShortMain(until, 0) > revision) {
        found.push({ key: userKeyOf(entry), main, sub: historySub(entry) });
      }
      return true;
    });
    if (stopped === undefined) return undefined;
    if (isFull) return reverse ? keyAfter(stopped) : stopped;
    // A key with many versions: its entry is found directly, unless it was among those walked through.
    const last = found.at(-1);
    if (last === undefined || compareBytes(last.key, stopped) !== 0) {
      const place = supersededAt(tables, stopped, revision);
      if (place !== undefined) found.push({ key: stopped, ...place });
    }
    if (reverse) end = historyStart(stopped);
    else start = historyEnd(stopped);
  }
}
