/** A change that is made in many turns: all tables with its writes over them, for nobody else to see until it is whole. */

import type { BackendTable, WritesApart } from '../ports/backend.ts';
import { ApartTable } from './apart-table.ts';
import type { KeyHash } from './key-hash.ts';
import type { LayeredTable } from './layered-table.ts';
import { LongKeyTable, nodesOf } from './long-keys.ts';

export interface ApartTablesParts {
  readonly keyHash: KeyHash;
  /** Keys written of each table, more or less. */
  readonly sizeHint: number;
  /** Opens a table; those that store it are there from then on. */
  readonly open: (name: string) => void;
  readonly stored: (name: string) => LayeredTable;
  /** Called before they join: so many writes, and the bytes of their keys and values. Throws if they must not. */
  readonly onJoin: (operations: number, bytes: number) => void;
}

export class ApartTables implements WritesApart {
  readonly #parts: ApartTablesParts;
  readonly #stored: ApartTable[] = [];
  readonly #offered = new Map<string, BackendTable>();

  constructor(parts: ApartTablesParts) {
    this.#parts = parts;
  }

  table(name: string): BackendTable {
    let table = this.#offered.get(name);
    if (table === undefined) {
      this.#parts.open(name);
      table = new LongKeyTable(this.#apart(name, this.#parts.sizeHint), this.#apart(nodesOf(name), 0));
      this.#offered.set(name, table);
    }
    return table;
  }

  arrange(): void {
    for (const table of this.#stored) table.arrange();
  }

  join(): void {
    let operations = 0;
    let bytes = 0;
    for (const { volume } of this.#stored) {
      operations += volume.operations;
      bytes += volume.bytes;
    }
    if (operations === 0) return;
    this.#parts.onJoin(operations, bytes);
    for (const table of this.#stored) table.join();
  }

  #apart(name: string, sizeHint: number): ApartTable {
    const table = new ApartTable(this.#parts.stored(name), this.#parts.keyHash, sizeHint);
    this.#stored.push(table);
    return table;
  }
}
