/**
 * etcd's HashKV: CRC-32C over the name of the bucket, then over key and value of every change up to a revision, in order, as etcd stores them.
 *
 * What a compaction at C has superseded does not count, whether its rows are gone or not: of the changes up to C only those
 * count that are visible at the revision hashed. If nothing at all is visible there, etcd counts every row it still has, which is what was visible at C.
 * A deletion at C never counts. So members agree whatever the state of their compactions.
 */

import { crc32c } from '../../wire/crc32c.ts';
import { peekKey } from '../../wire/v3/key-value.ts';
import { isTombstoneKey, keyAfter, mainOf, revisionKey, subOf } from './revision-key.ts';
import { keyValueIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { HashKvJob, HashKvResult, MvccError } from './types.ts';
import { isVisibleAt } from './versions.ts';

const SLICE_ROWS = 1000;
const SLICE_BYTES = 512 * 1024;
const BUCKET = Uint8Array.of(0x6b, 0x65, 0x79);

export class HashJob implements HashKvJob {
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #generation: number;
  readonly #revision: number;
  readonly #compactRevision: number;
  readonly #unpin: () => void;
  /** The revision at which a version must be visible to count although it is not above the compaction's; undefined: not known yet. */
  #visibleAt: number | undefined;
  #searchEnd: Uint8Array;
  #cursor = revisionKey(0, 0);
  readonly #end: Uint8Array;
  #crc = crc32c(0, BUCKET);

  /** @param unpin releases the pin on the compacted revision */
  constructor(tables: MvccTables, state: MvccState, revision: number, unpin: () => void) {
    this.#tables = tables;
    this.#state = state;
    this.#generation = state.generation;
    this.#revision = revision;
    this.#compactRevision = state.compactedRevision;
    this.#unpin = unpin;
    this.#end = revisionKey(revision + 1, 0);
    this.#searchEnd = this.#end;
    if (this.#compactRevision < 1) this.#visibleAt = revision;
  }

  run(): HashKvResult | MvccError | undefined {
    if (this.#generation !== this.#state.generation) {
      this.#unpin();
      return { kind: 'error', code: 'compacted' };
    }
    if (this.#visibleAt === undefined) this.#search();
    else if (this.#hash()) {
      this.#unpin();
      return { hash: this.#crc, compactRevision: this.#compactRevision, hashRevision: this.#revision };
    }
    return undefined;
  }

  release(): void {
    this.#unpin();
  }

  /** Looks, backwards, for any version visible at the revision; nearly always the first one is. */
  #search(): void {
    let rows = 0;
    let stopped: Uint8Array | undefined;
    this.#tables.revisions.scan({ end: this.#searchEnd, reverse: true }, (key, row) => {
      if (row.length === 0 || (!isTombstoneKey(key) && this.#isVisible(key, row, this.#revision))) {
        this.#visibleAt = this.#revision;
        return false;
      }
      if (++rows < SLICE_ROWS) return true;
      stopped = key;
      return false;
    });
    if (stopped !== undefined) this.#searchEnd = stopped;
    else this.#visibleAt ??= this.#compactRevision;
  }

  /** True when the end is reached. */
  #hash(): boolean {
    let crc = this.#crc;
    let rows = 0;
    let bytes = 0;
    let last: Uint8Array | undefined;
    this.#tables.revisions.scan({ start: this.#cursor, end: this.#end }, (key, row) => {
      if (this.#counts(key, row)) {
        crc = crc32c(crc32c(crc, key), keyValueIn(row));
        bytes += row.length;
      }
      if (++rows < SLICE_ROWS && bytes < SLICE_BYTES) return true;
      last = key;
      return false;
    });
    this.#crc = crc;
    if (last === undefined) return true;
    this.#cursor = keyAfter(last);
    return false;
  }

  #counts(key: Uint8Array, row: Uint8Array): boolean {
    // A row without content only holds a revision (version-import.ts); no compaction takes it away.
    if (mainOf(key) > this.#compactRevision || row.length === 0) return true;
    return !isTombstoneKey(key) && this.#isVisible(key, row, this.#visibleAt!);
  }

  #isVisible(key: Uint8Array, row: Uint8Array, revision: number): boolean {
    return isVisibleAt(this.#tables, peekKey(keyValueIn(row)), mainOf(key), subOf(key), revision);
  }
}
