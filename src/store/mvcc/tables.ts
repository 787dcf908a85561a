/**
 * The store's tables in the backend, and the few numbers that are kept in memory beside them.
 *
 *     current      user key               -> row of its newest version (row.ts); deleted keys are not here
 *     revisions    revision key           -> row of the version made by that change (revision-key.ts, row.ts)
 *     history      user key + revision    -> of some changes, every deletion among them: what they superseded (history-index.ts)
 *     lease-keys   lease + user key       -> nothing
 *     mvcc-meta    scheduledCompactRev, finishedCompactRev -> revision key, as in etcd's bucket "meta"
 *                  state                  -> revision, number of keys, applied index, its term: 8 bytes each, big-endian
 *
 * Nothing is kept in memory per key (count-index.ts keeps something per some hundred), and opening reads a handful of rows.
 */

import type { Backend, BackendTable } from '../../ports/backend.ts';
import { CountIndex } from './count-index.ts';
import { NewestRows } from './newest-rows.ts';
import { mainOf, readUint64, revisionKey, writeUint64 } from './revision-key.ts';

/** Names of the tables, for snapshots and tools. */
export const MVCC_TABLES = ['current', 'history', 'lease-keys', 'mvcc-meta', 'revisions'] as const;

export interface MvccTables {
  readonly current: BackendTable;
  /** Rows of `current` of keys that are asked for one by one. */
  readonly newest: NewestRows;
  /** Of `current`. */
  readonly counts: CountIndex;
  readonly revisions: BackendTable;
  readonly history: BackendTable;
  readonly leaseKeys: BackendTable;
  readonly meta: BackendTable;
}

/** The store's numbers; every part of the store sees the same object. */
export interface MvccState {
  /** The newest finished revision. */
  revision: number;
  /** The newest revision of which anything is in the tables: one more than `revision` while a transaction is being written. */
  newest: number;
  keyCount: number;
  /** What was compacted away last, its rows gone or not; -1: nothing ever was. */
  compactedRevision: number;
  /** The last compaction whose rows are all gone; -1: none. */
  finishedCompactRevision: number;
  appliedIndex: number;
  appliedTerm: number;
  /** Grows with every reload: jobs of an older generation are void. */
  generation: number;
}

const ENCODER = { encode: (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0)) };
const SCHEDULED = ENCODER.encode('scheduledCompactRev');
const FINISHED = ENCODER.encode('finishedCompactRev');
const STATE = ENCODER.encode('state');
/** Revision of a store in which nothing was ever written, as in etcd: the first write makes 2. */
const FIRST_REVISION = 1;

/** @param countBucketKeys see CountIndex */
export function openMvccTables(backend: Backend, countBucketKeys?: number): MvccTables {
  const current = backend.table('current');
  return {
    current,
    newest: new NewestRows(current),
    counts: new CountIndex(current, countBucketKeys),
    revisions: backend.table('revisions'),
    history: backend.table('history'),
    leaseKeys: backend.table('lease-keys'),
    meta: backend.table('mvcc-meta'),
  };
}

/** Reads the numbers anew; of what the store held before only `generation` goes on. */
export function loadState(tables: MvccTables, state: MvccState): void {
  const row = tables.meta.get(STATE);
  const scheduled = compactRevision(tables.meta.get(SCHEDULED));
  const finished = compactRevision(tables.meta.get(FINISHED));
  const written = row === undefined ? 0 : readUint64(row, 0);
  const newest = newestRevision(tables);
  state.generation++;
  tables.newest.changed();
  state.revision = Math.max(FIRST_REVISION, written, newest, scheduled, finished);
  state.newest = state.revision;
  state.compactedRevision = Math.max(scheduled, finished);
  state.finishedCompactRevision = finished;
  state.appliedIndex = row === undefined ? 0 : readUint64(row, 16);
  state.appliedTerm = row === undefined ? 0 : readUint64(row, 24);
  // Without setApplied after its last write a store does not know how many keys it has.
  state.keyCount = row !== undefined && newest <= written ? readUint64(row, 8) : tables.current.count({});
}

/** The applied index of content that was staged and is not in use yet. */
export function appliedIndexOf(content: {
  get(table: string, key: Uint8Array): Uint8Array | undefined;
}): number {
  const row = content.get('mvcc-meta', STATE);
  return row === undefined ? 0 : readUint64(row, 16);
}

/** The entry of the log that the content is of, read from its table `mvcc-meta`; zeros if there is none. */
export function appliedPositionOf(meta: Pick<BackendTable, 'get'>): {
  readonly index: number;
  readonly term: number;
} {
  const row = meta.get(STATE);
  return row === undefined
    ? { index: 0, term: 0 }
    : { index: readUint64(row, 16), term: readUint64(row, 24) };
}

/** To be written whenever the log's position moves, in the turn of the changes. */
export function saveState(
  tables: { readonly meta: Pick<BackendTable, 'put'> },
  state: Pick<MvccState, 'revision' | 'keyCount' | 'appliedIndex' | 'appliedTerm'>,
): void {
  const row = new Uint8Array(32);
  writeUint64(row, 0, state.revision);
  writeUint64(row, 8, state.keyCount);
  writeUint64(row, 16, state.appliedIndex);
  writeUint64(row, 24, state.appliedTerm);
  tables.meta.put(STATE, row);
}

export function saveScheduledCompaction(
  tables: { readonly meta: Pick<BackendTable, 'put'> },
  revision: number,
): void {
  tables.meta.put(SCHEDULED, revisionKey(revision, 0));
}

export function saveFinishedCompaction(
  tables: { readonly meta: Pick<BackendTable, 'put'> },
  revision: number,
): void {
  tables.meta.put(FINISHED, revisionKey(revision, 0));
}

function compactRevision(row: Uint8Array | undefined): number {
  return row === undefined ? -1 : mainOf(row);
}

function newestRevision(tables: MvccTables): number {
  let newest = 0;
  tables.revisions.scan({ reverse: true }, (key) => {
    newest = mainOf(key);
    return false;
  });
  return newest;
}
