/** The backend as dumb as can be: a sorted list for each table. */

import type { KeyRange, ScanRange } from '../../../src/ports/durable-tables.ts';

export class NaiveTables {
  readonly #tables = new Map<string, Map<string, string>>();

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    let rows = this.#tables.get(table);
    if (rows === undefined) {
      rows = new Map();
      this.#tables.set(table, rows);
    }
    rows.set(text(key), text(value));
  }

  remove(table: string, key: Uint8Array): void {
    this.#tables.get(table)?.delete(text(key));
  }

  get(table: string, key: Uint8Array): string | undefined {
    return this.#tables.get(table)?.get(text(key));
  }

  rows(table: string, range: ScanRange = {}): [string, string][] {
    const all = [...(this.#tables.get(table) ?? [])]
      .filter(([key]) => isIn(key, range))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return range.reverse === true ? all.reverse() : all;
  }

  /** Makes a table what it is elsewhere. */
  take(table: string, from: NaiveTables): void {
    this.#tables.set(table, new Map(from.#tables.get(table)));
  }

  copy(): NaiveTables {
    const copy = new NaiveTables();
    for (const [name, rows] of this.#tables) copy.#tables.set(name, new Map(rows));
    return copy;
  }

  /** All rows of the tables that have any. */
  content(): Record<string, [string, string][]> {
    const found: Record<string, [string, string][]> = {};
    for (const name of [...this.#tables.keys()].sort()) {
      const rows = this.rows(name);
      if (rows.length > 0) found[name] = rows;
    }
    return found;
  }
}

function isIn(key: string, range: KeyRange): boolean {
  return (
    (range.start === undefined || key >= text(range.start)) &&
    (range.end === undefined || key < text(range.end))
  );
}

/** One character a byte. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
