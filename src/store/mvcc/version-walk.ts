/**
 * A walk over the versions of a range that were visible at one revision, in steps. Writes and compactions may happen between two steps, as long as
 * the revision is pinned (pins.ts); the walk does not notice them.
 *
 * At the newest revision it is a scan of `current`. Behind it, chunks of `current` are merged with the keys that have indexed changes since.
 */

import { compareBytes } from '../../ports/byte-order.ts';
import type { KeyBounds } from './key-bounds.ts';
import { keyAfter } from './revision-key.ts';
import { keyValueIn, valuelessIn } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue } from './types.ts';
import {
  collectIndexed,
  type IndexedChange,
  isOlderThere,
  keyValueOfCurrent,
  modRevisionIn,
  olderBefore,
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
  readonly revision: number;
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
    this.revision = revision;
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
    return this.revision >= this.#state.newest;
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
    const indexed: IndexedChange[] = [];
    const bounds = this.#reverse
      ? { start: next ?? this.#start, end: this.#end, reverse: true }
      : { start: this.#start, end: next ?? this.#end, reverse: false };
    next = collectIndexed(this.#tables, bounds, this.revision, CHUNK_ENTRIES, indexed) ?? next;
    const stopped = this.#merge(keys, rows, indexed, next, visit);
    if (stopped !== undefined) this.#passed(stopped);
    else if (next === undefined) this.done = true;
    else if (this.#reverse) this.#end = next;
    else this.#start = next;
  }

  /** Visits in order; returns the key after which the visitor had enough. Keys at or behind `next` belong to the next step. */
  #merge(
    keys: readonly Uint8Array[],
    rows: readonly Uint8Array[],
    indexed: readonly IndexedChange[],
    next: Uint8Array | undefined,
    visit: VisitVersion,
  ): Uint8Array | undefined {
    const length = this.#lengthBefore(keys, next);
    let i = 0;
    let j = 0;
    for (;;) {
      const change = indexed[j];
      if (i === length && change === undefined) return undefined;
      const order = i === length ? 1 : change === undefined ? -1 : this.#order(keys[i]!, change.key);
      const key = order <= 0 ? keys[i]! : change!.key;
      const kv = this.#versionOf(
        order <= 0 ? rows[i++] : undefined,
        order >= 0 ? indexed[j++]!.entry : undefined,
      );
      if (kv === undefined) continue;
      this.visited++;
      if (!visit(kv)) return key;
    }
  }

  /** The version visible of a key with a row in `current`, an indexed change above the revision, or both. */
  #versionOf(row: Uint8Array | undefined, entry: Uint8Array | undefined): EncodedKeyValue | undefined {
    if (row !== undefined && modRevisionIn(row) <= this.revision) return this.#fromCurrent(row);
    if (this.#wanted === 'nothing') return isOlderThere(entry, row, this.revision) ? NOTHING : undefined;
    const older = olderBefore(this.#tables, entry, row, this.revision);
    if (older === undefined) return undefined;
    return this.#wanted === 'whole' ? keyValueIn(older.row) : valuelessIn(older.row);
  }

  #order(a: Uint8Array, b: Uint8Array): number {
    return this.#reverse ? compareBytes(b, a) : compareBytes(a, b);
  }

  /** How many of the keys come before `next`. */
  #lengthBefore(keys: readonly Uint8Array[], next: Uint8Array | undefined): number {
    let length = keys.length;
    if (next === undefined) return length;
    if (this.#reverse) while (length > 0 && compareBytes(keys[length - 1]!, next) < 0) length--;
    else while (length > 0 && compareBytes(keys[length - 1]!, next) >= 0) length--;
    return length;
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
}
