/** All tables in their layers: as callers see them, with keys of any length, and as they are stored. */

import type { DurableBatch, TableReader } from '../ports/durable-tables.ts';
import { ApartTables, type ApartTablesParts } from './apart-tables.ts';
import type { KeyHash } from './key-hash.ts';
import { LayeredTable } from './layered-table.ts';
import { LongKeyTable, nodesOf } from './long-keys.ts';
import type { Memtable } from './memtable.ts';

export class LayeredTables {
  readonly #committed: (name: string) => TableReader;
  readonly #keyHash: KeyHash;
  readonly #wrote: (bytes: number) => void;
  readonly #stored = new Map<string, LayeredTable>();
  readonly #offered = new Map<string, LongKeyTable>();

  /**
   * @param committed the committed content of a table
   * @param wrote called for every write with the bytes of key and value
   */
  constructor(committed: (name: string) => TableReader, keyHash: KeyHash, wrote: (bytes: number) => void) {
    this.#committed = committed;
    this.#keyHash = keyHash;
    this.#wrote = wrote;
  }

  table(name: string): LongKeyTable {
    let table = this.#offered.get(name);
    if (table === undefined) {
      if (name === '' || name.includes('~')) throw new Error(`'${name}' cannot be the name of a table`);
      table = new LongKeyTable(this.#store(name), this.#store(nodesOf(name)));
      this.#offered.set(name, table);
    }
    return table;
  }

  /** Writes beside the present ones; the parameters are those of ApartTables. */
  apart(sizeHint: number, onJoin: ApartTablesParts['onJoin']): ApartTables {
    return new ApartTables({
      keyHash: this.#keyHash,
      sizeHint,
      open: (name) => this.table(name),
      stored: (name) => this.#stored.get(name)!,
      onJoin,
    });
  }

  seal(): void {
    for (const table of this.#stored.values()) table.seal();
  }

  /** The sealed layers of each stored table, newest first. */
  sealed(): Map<string, readonly Memtable[]> {
    return new Map([...this.#stored].map(([name, table]) => [name, table.sealed]));
  }

  beginCommit(): DurableBatch {
    return [...this.#stored.values()].flatMap((table) => table.beginCommit());
  }

  endCommit(): void {
    for (const table of this.#stored.values()) table.endCommit();
  }

  discard(): void {
    for (const table of this.#stored.values()) table.discard();
  }

  #store(name: string): LayeredTable {
    const table = new LayeredTable(name, this.#committed(name), this.#keyHash, this.#wrote);
    this.#stored.set(name, table);
    return table;
  }
}
