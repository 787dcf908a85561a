/** One stored table: the memtable that takes the writes, those sealed and not committed yet, and what is committed. */

import type { KeyRange, ScanRange, TableChanges, TableReader, Visit } from '../ports/durable-tables.ts';
import { BoundedReader } from './bounded-reader.ts';
import type { KeyHash } from './key-hash.ts';
import type { ShortKeyTable } from './long-keys.ts';
import { Memtable } from './memtable.ts';
import { mergedCount, mergedGet, mergedScan } from './merged-table.ts';

export class LayeredTable implements ShortKeyTable {
  readonly #name: string;
  readonly #committed: TableReader;
  /** The same, for single keys. */
  readonly #below: BoundedReader;
  readonly #keyHash: KeyHash;
  readonly #wrote: (bytes: number) => void;
  #active: Memtable;
  /** Newest first, without the active one. */
  #sealed: readonly Memtable[] = [];
  /** The oldest of the sealed ones: those in the commit under way. */
  #committing: readonly Memtable[] = [];
  /** Newest first. */
  #layers: readonly Memtable[];

  /** @param wrote called for every write with the bytes of key and value */
  constructor(name: string, committed: TableReader, keyHash: KeyHash, wrote: (bytes: number) => void) {
    this.#name = name;
    this.#committed = committed;
    this.#keyHash = keyHash;
    this.#below = new BoundedReader(committed);
    this.#wrote = wrote;
    this.#active = new Memtable(keyHash);
    this.#layers = [this.#active];
  }

  /** Layers that do not change any more, newest first. */
  get sealed(): readonly Memtable[] {
    return this.#sealed;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return mergedGet(this.#layers, this.#below, key);
  }

  scan(range: ScanRange, visit: Visit): void {
    mergedScan(this.#layers, this.#committed, range, visit);
  }

  count(range: KeyRange): number {
    return mergedCount(this.#layers, this.#committed, range);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    checkKey(key);
    this.#active.write(key, value);
    this.#wrote(key.length + value.length);
  }

  remove(key: Uint8Array): void {
    checkKey(key);
    this.#active.write(key, undefined);
    this.#wrote(key.length);
  }

  seal(): void {
    if (this.#active.size === 0) return;
    this.#sealed = this.#layers;
    this.#active = new Memtable(this.#keyHash, Math.min(this.#active.size, SIZE_HINT_MAX));
    this.#layers = [this.#active, ...this.#sealed];
  }

  /** Takes in what was written elsewhere, as newer than everything here. It must not change any more. */
  adopt(layer: Memtable): void {
    if (layer.size === 0) return;
    this.seal();
    this.#sealed = [layer, ...this.#sealed];
    this.#layers = [this.#active, ...this.#sealed];
  }

  /** What the sealed layers change, the oldest first: a commit of them begins. */
  beginCommit(): TableChanges[] {
    this.#committing = this.#sealed;
    return this.#sealed.map((layer) => ({ table: this.#name, entries: layer })).reverse();
  }

  /** Reads of the committed table see what the commit took. */
  endCommit(): void {
    if (this.#committing.length === 0) return;
    this.#sealed = this.#sealed.slice(0, this.#sealed.length - this.#committing.length);
    this.#layers = [this.#active, ...this.#sealed];
    this.#committing = [];
    this.#below.changed();
  }

  discard(): void {
    this.#below.changed();
    this.#active = new Memtable(this.#keyHash);
    this.#sealed = [];
    this.#committing = [];
    this.#layers = [this.#active];
  }
}

/** A memtable does not begin with more room than this, however large the one before was. */
const SIZE_HINT_MAX = 20_000;

function checkKey(key: Uint8Array): void {
  if (key.length === 0) throw new Error('a key must not be empty');
}
