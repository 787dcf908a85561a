/**
 * Takes away, in slices, the versions that a compaction has made unreadable.
 *
 * Every change knows which version it superseded, so one walk over the changes since the last compaction suffices; rows that stay are not looked at.
 * For a compaction at C, as in etcd: a version superseded or deleted at or below C goes, and so do deletions below C; those at C
 * itself stay until the next compaction, for watchers that start at C.
 *
 *     revisions   ... finished ........ cursor ........ bound ...... newest
 *                     done before       walked          C, or less while a job reads an older revision
 *
 * Invariants: removing twice is harmless, so after a crash the walk begins again at the last finished compaction; `bound` never decreases.
 */

import { peekKey } from '../../wire/v3/key-value.ts';
import { historyKey } from './composite-key.ts';
import type { Pins } from './pins.ts';
import { isTombstoneKey, keyAfter, mainOf, revisionKey, subOf } from './revision-key.ts';
import { isBeforeIndexed, keyValueIn, prevMainIn, prevSubIn } from './row.ts';
import {
  type MvccState,
  type MvccTables,
  saveFinishedCompaction,
  saveScheduledCompaction,
} from './tables.ts';
import type { MvccError } from './types.ts';

/** Changes looked at in a slice, and bytes of theirs. */
const SLICE_ROWS = 500;
const SLICE_BYTES = 1024 * 1024;

export class Compaction {
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #pins: Pins;
  /** Where the walk goes on. */
  #cursor: Uint8Array = revisionKey(0, 0);
  /** How far the walk has been allowed to go so far. */
  #bound = -1;
  /** It has come there. */
  #isAtBound = false;

  constructor(tables: MvccTables, state: MvccState, pins: Pins) {
    this.#tables = tables;
    this.#state = state;
    this.#pins = pins;
    this.reset();
  }

  /** Some rows of a compaction are still there. */
  get isPending(): boolean {
    return this.#state.finishedCompactRevision < this.#state.compactedRevision;
  }

  /** A slice would find something to do now. */
  get hasWork(): boolean {
    return this.isPending && (!this.#isAtBound || this.#allowed() > this.#bound);
  }

  /** Errors: 'compacted', 'future-revision'. */
  schedule(revision: number): MvccError | undefined {
    if (revision <= this.#state.compactedRevision) return { kind: 'error', code: 'compacted' };
    if (revision > this.#state.revision) return { kind: 'error', code: 'future-revision' };
    this.#state.compactedRevision = revision;
    saveScheduledCompaction(this.#tables, revision);
    return undefined;
  }

  /** Begins at the last finished compaction again. */
  reset(): void {
    this.#bound = this.#state.finishedCompactRevision;
    this.#cursor = revisionKey(Math.max(0, this.#bound), 0);
    this.#isAtBound = true;
  }

  /** True while more is left that can be done now. */
  slice(): boolean {
    if (!this.hasWork) return false;
    this.#raiseBound();
    const bound = this.#bound;
    const keys: Uint8Array[] = [];
    const rows: Uint8Array[] = [];
    let bytes = 0;
    this.#tables.revisions.scan({ start: this.#cursor, end: revisionKey(bound + 1, 0) }, (key, row) => {
      keys.push(key);
      rows.push(row);
      bytes += row.length;
      return keys.length < SLICE_ROWS && bytes < SLICE_BYTES;
    });
    for (let i = 0; i < keys.length; i++) this.#compact(keys[i]!, rows[i]!, bound);
    if (keys.length < SLICE_ROWS && bytes < SLICE_BYTES) this.#reachBound();
    else this.#cursor = keyAfter(keys.at(-1)!);
    return this.hasWork;
  }

  #allowed(): number {
    return Math.min(this.#state.compactedRevision, this.#pins.lowest);
  }

  #raiseBound(): void {
    const allowed = this.#allowed();
    if (allowed <= this.#bound) return;
    // Deletions at the old bound had to stay; they are looked at again.
    if (mainOf(this.#cursor) >= this.#bound) this.#cursor = revisionKey(Math.max(0, this.#bound), 0);
    this.#bound = allowed;
    this.#isAtBound = false;
  }

  #compact(key: Uint8Array, row: Uint8Array, bound: number): void {
    const { revisions, history } = this.#tables;
    const main = mainOf(key);
    const prevMain = prevMainIn(row);
    const isTombstone = isTombstoneKey(key);
    const isBefore = isBeforeIndexed(row);
    const userKey = isTombstone || isBefore ? peekKey(keyValueIn(row)) : key;
    if (prevMain !== 0) {
      const prevSub = prevSubIn(row);
      revisions.remove(revisionKey(prevMain, prevSub));
      if (isBefore) history.remove(historyKey(userKey, prevMain, prevSub));
    }
    if (!isTombstone) return;
    history.remove(historyKey(userKey, main, subOf(key)));
    if (main < bound) revisions.remove(key);
  }

  #reachBound(): void {
    this.#isAtBound = true;
    this.#cursor = revisionKey(Math.max(0, this.#bound), 0);
    if (this.#bound < this.#state.compactedRevision) return;
    this.#state.finishedCompactRevision = this.#bound;
    saveFinishedCompaction(this.#tables, this.#bound);
  }
}
