/**
 * A walk over the versions of a range that were visible at one revision, in steps. Writes and compactions may happen between two steps, as long as
 * the revision is pinned (pins.ts); the walk does not notice them.
 *
 * At the newest revision it is a scan of `current`. Behind it, chunks of `current` are merged with the superseded versions of the same keys.
 */

import { compareBytes, type KeyBounds } from './key-bounds.ts';
import { keyAfter } from './revision-key.ts';
import { keyValueIn, valuelessIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue } from './types.ts';
import {
  collectSuperseded,
  keyValueAt,
  keyValueOfCurrent,
  modRevisionIn,
  type SupersededVersion,
} from './versions.ts';

/** What is handed to the visitor: whole KeyValues, those without values, or nothing worth reading. */
export type Wanted = 'whole' | 'valueless' | 'nothing';

/** False: enough for this step. */
export type VisitVersion = (kv: EncodedKeyValue) => boolean;

const CHUNK_ROWS = 512;
const CHUNK_ENTRIES = 2048;
const NOTHING = new Uint8Array(0);

export class VersionWalk {
  /** All versions have been visited. */
  done = false;
  /** Versions visited so far. */
  visited = 0;
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #revision: number;
  readonly #reverse: boolean;
  #wanted: Wanted;
  #start: Uint8Array | undefined;
  #end: Uint8Array | undefined;

  constructor(
    tables: MvccTables,
    state: MvccState,
    bounds: KeyBounds,
    revision: number,
    reverse: boolean,
    wanted: Wanted,
  ) {
    this.#tables = tables;
    this.#state = state;
    this.#revision = revision;
    this.#reverse = reverse;
    this.#wanted = wanted;
    this.#start = bounds.start;
    this.#end = bounds.end;
  }

  /** The keys not visited yet. */
  get rest(): KeyBounds {
    return { start: this.#start, end: this.#end };
  }

  /** The revision walked through is the newest one there is. */
  get isNewest(): boolean {
    return this.#revision >= this.#state.newest;
  }

  /** From here on nothing but the number of visits is of interest. */
  countOnly(): void {
    this.#wanted = 'nothing';
  }

  /** Goes on until the visitor has had enough or about `rowsMax` rows have been looked at. */
  step(rowsMax: number, visit: VisitVersion): void {
    if (this.isNewest) this.#stepNewest(rowsMax, visit);
    else this.#stepMerged(Math.min(rowsMax, CHUNK_ROWS), visit);
  }

  #stepNewest(rowsMax: number, visit: VisitVersion): void {
    let rows = 0;
    let last: Uint8Array | undefined;
    this.#tables.current.scan(this.#range(), (key, row) => {
      this.visited++;
      if (visit(this.#fromCurrent(row)) && ++rows < rowsMax) return true;
      last = key;
      return false;
    });
    this.#passed(last);
  }

  #stepMerged(rowsMax: number, visit: VisitVersion): void {
    const keys: Uint8Array[] = [];
    const rows: Uint8Array[] = [];
    let next: Uint8Array | undefined;
    this.#tables.current.scan(this.#range(), (key, row) => {
      if (keys.length === rowsMax) {
        next = this.#reverse ? keyAfter(key) : key;
        return false;
      }
      keys.push(key);
      rows.push(row);
      return true;
    });
    const superseded: SupersededVersion[] = [];
    const bounds = this.#reverse
      ? { start: next ?? this.#start, end: this.#end, reverse: true }
      : { start: this.#start, end: next ?? this.#end, reverse: false };
    next = collectSuperseded(this.#tables, bounds, this.#revision, CHUNK_ENTRIES, superseded) ?? next;
    const stopped = this.#merge(keys, rows, superseded, next, visit);
    if (stopped !== undefined) this.#passed(stopped);
    else if (next === undefined) this.done = true;
    else if (this.#reverse) this.#end = next;
    else this.#start = next;
  }

  /** Visits in order; returns the key after which the visitor had enough. Keys at or behind `next` belong to the next step. */
  #merge(
    keys: readonly Uint8Array[],
    rows: readonly Uint8Array[],
    superseded: readonly SupersededVersion[],
    next: Uint8Array | undefined,
    visit: VisitVersion,
  ): Uint8Array | undefined {
    const sign = this.#reverse ? -1 : 1;
    let i = 0;
    let j = 0;
    for (;;) {
      const key = keys[i];
      const other = superseded[j];
      if (key !== undefined && (other === undefined || compareBytes(key, other.key) * sign <= 0)) {
        if (
          next !== undefined &&
          (this.#reverse ? compareBytes(key, next) < 0 : compareBytes(key, next) >= 0)
        ) {
          i = keys.length;
          continue;
        }
        const row = rows[i++]!;
        if (modRevisionIn(row) > this.#revision) continue;
        this.visited++;
        if (!visit(this.#fromCurrent(row))) return key;
      } else if (other !== undefined) {
        j++;
        this.visited++;
        if (!visit(this.#fromSuperseded(other))) return other.key;
      } else return undefined;
    }
  }

  #range(): { start?: Uint8Array; end?: Uint8Array; reverse: boolean } {
    const range: { start?: Uint8Array; end?: Uint8Array; reverse: boolean } = { reverse: this.#reverse };
    if (this.#start !== undefined) range.start = this.#start;
    if (this.#end !== undefined) range.end = this.#end;
    return range;
  }

  #passed(last: Uint8Array | undefined): void {
    if (last === undefined) this.done = true;
    else if (this.#reverse) this.#end = last;
    else this.#start = keyAfter(last);
  }

  #fromCurrent(row: Uint8Array): EncodedKeyValue {
    if (this.#wanted === 'whole') return keyValueOfCurrent(this.#tables, row);
    return this.#wanted === 'nothing' ? NOTHING : valuelessIn(row);
  }

  #fromSuperseded(version: SupersededVersion): EncodedKeyValue {
    if (this.#wanted === 'nothing') return NOTHING;
    const kv = keyValueAt(this.#tables, version.main, version.sub);
    return this.#wanted === 'whole' ? kv : valuelessIn(keyValueIn(kv));
  }
}
