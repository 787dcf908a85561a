/** The changes of past revisions as watchers see them. */

import { encodeKeyValue, peekKey, peekVersion } from '../../wire/v3/key-value.ts';
import { isTombstoneKey, mainOf, revisionKey } from './revision-key.ts';
import { keyValueIn, prevMainIn, prevSubIn, readHead, VersionHead } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue, MvccError, MvccEvent, RevisionEvents } from './types.ts';
import { keyValueAt, keyValueOfCurrent, versionAt } from './versions.ts';

const NOTHING = new Uint8Array(0);
/** What an event weighs beside its bytes, roughly. */
const EVENT_BYTES = 64;
const head = new VersionHead();

export interface EventHistory {
  readonly batches: readonly RevisionEvents[];
  readonly next: number;
}

/** See MvccStore.eventsFrom. */
export function eventsFrom(
  tables: MvccTables,
  state: MvccState,
  fromRevision: number,
  bytesMax: number,
): EventHistory | MvccError {
  if (fromRevision < state.compactedRevision) return { kind: 'error', code: 'compacted' };
  const batches: RevisionEvents[] = [];
  let events: MvccEvent[] = [];
  let main = -1;
  let bytes = 0;
  let next = Math.max(fromRevision, state.revision + 1);
  tables.revisions.scan({ start: revisionKey(Math.max(0, fromRevision), 0) }, (key, row) => {
    // Only holds a revision (version-import.ts).
    if (row.length === 0) return true;
    const revision = mainOf(key);
    if (revision !== main) {
      if (main !== -1 && bytes >= bytesMax) {
        next = revision;
        return false;
      }
      main = revision;
      events = [];
      batches.push({ revision, events });
    }
    events.push(eventOf(key, row, revision));
    bytes += row.length + EVENT_BYTES;
    return true;
  });
  return { batches, next };
}

/** See MvccStore.valueBefore. */
export function valueBefore(
  tables: MvccTables,
  state: MvccState,
  key: Uint8Array,
  revision: number,
): EncodedKeyValue | undefined {
  if (revision - 1 < state.compactedRevision) return undefined;
  const row = tables.current.get(key);
  if (row !== undefined) {
    readHead(row, head);
    if (head.modRevision < revision) return keyValueOfCurrent(tables, row);
    if (head.modRevision === revision) {
      // The usual case: the newest change is the one asked about, and knows what it superseded.
      const change = tables.revisions.get(revisionKey(revision, head.sub));
      const prevMain = change === undefined ? 0 : prevMainIn(change);
      if (change !== undefined && prevMain !== 0 && prevMain < revision) {
        return keyValueAt(tables, prevMain, prevSubIn(change));
      }
    }
  }
  return versionAt(tables, key, revision - 1);
}

function eventOf(key: Uint8Array, row: Uint8Array, revision: number): MvccEvent {
  const kv = keyValueIn(row);
  const userKey = peekKey(kv);
  if (isTombstoneKey(key)) {
    const deleted = encodeKeyValue(userKey, 0, revision, 0, NOTHING, 0n);
    return { type: 'delete', kv: deleted, key: userKey, isCreate: false };
  }
  return { type: 'put', kv, key: userKey, isCreate: isCreate(kv, row) };
}

/** Without a version before: also an imported one that a compaction had made the oldest. */
function isCreate(kv: EncodedKeyValue, row: Uint8Array): boolean {
  return prevMainIn(row) === 0 && peekVersion(kv) === 1;
}
