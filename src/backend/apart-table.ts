/** Writes of one stored table that are kept apart from it: seen through this alone, until the table adopts them. */

import type { KeyRange, ScanRange, Visit } from '../ports/durable-tables.ts';
import type { KeyHash } from './key-hash.ts';
import type { LayeredTable } from './layered-table.ts';
import type { ShortKeyTable } from './long-keys.ts';
import { Memtable } from './memtable.ts';
import { mergedCount, mergedGet, mergedScan } from './merged-table.ts';

export class ApartTable implements ShortKeyTable {
  readonly #below: LayeredTable;
  readonly #written: Memtable;
  readonly #layers: readonly Memtable[];
  #operations = 0;
  #bytes = 0;

  constructor(below: LayeredTable, keyHash: KeyHash, sizeHint: number) {
    this.#below = below;
    this.#written = new Memtable(keyHash, sizeHint);
    this.#layers = [this.#written];
  }

  /** Writes so far, and the bytes of their keys and values. */
  get volume(): { readonly operations: number; readonly bytes: number } {
    return { operations: this.#operations, bytes: this.#bytes };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return mergedGet(this.#layers, this.#below, key);
  }

  scan(range: ScanRange, visit: Visit): void {
    mergedScan(this.#layers, this.#below, range, visit);
  }

  count(range: KeyRange): number {
    return mergedCount(this.#layers, this.#below, range);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#written.write(key, value);
    this.#operations++;
    this.#bytes += key.length + value.length;
  }

  remove(key: Uint8Array): void {
    this.#written.write(key, undefined);
    this.#operations++;
    this.#bytes += key.length;
  }

  /** Puts what was written since the last call in its order, which the next scan would else have to do for all of it. */
  arrange(): void {
    this.#written.order.arrange();
  }

  join(): void {
    this.#below.adopt(this.#written);
  }
}
