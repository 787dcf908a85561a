/** Tables as sorted arrays, to hold the store against without trusting any real backend. */

import type { Backend, BackendTable, WritesApart } from '../../../src/ports/backend.ts';
import type { KeyRange, ScanRange, Visit } from '../../../src/ports/durable-tables.ts';

interface Entry {
  readonly text: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export class NaiveTable implements BackendTable {
  entries: Entry[] = [];
  #visits = 0;

  get(key: Uint8Array): Uint8Array | undefined {
    const text = textOf(key);
    const entry = this.entries[this.#place(text)];
    return entry?.text === text ? entry.value : undefined;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#mayWrite();
    if (key.length === 0) throw new Error('a key must not be empty');
    const text = textOf(key);
    const place = this.#place(text);
    const known = this.entries[place]?.text === text;
    this.entries.splice(place, known ? 1 : 0, { text, key: key.slice(), value });
  }

  remove(key: Uint8Array): void {
    this.#mayWrite();
    const text = textOf(key);
    const place = this.#place(text);
    if (this.entries[place]?.text === text) this.entries.splice(place, 1);
  }

  scan(range: ScanRange, visit: Visit): void {
    const [from, to] = this.#bounds(range);
    this.#visits++;
    try {
      if (range.reverse === true) {
        for (let i = to - 1; i >= from; i--) {
          if (!visit(this.entries[i]!.key, this.entries[i]!.value)) return;
        }
      } else {
        for (let i = from; i < to; i++) if (!visit(this.entries[i]!.key, this.entries[i]!.value)) return;
      }
    } finally {
      this.#visits--;
    }
  }

  count(range: KeyRange): number {
    const [from, to] = this.#bounds(range);
    return Math.max(0, to - from);
  }

  #bounds(range: KeyRange): [number, number] {
    const from = range.start === undefined ? 0 : this.#place(textOf(range.start));
    return [from, range.end === undefined ? this.entries.length : this.#place(textOf(range.end))];
  }

  /** The first entry that is not below. */
  #place(text: string): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle]!.text < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #mayWrite(): void {
    if (this.#visits > 0) throw new Error('a table is written during a visit');
  }
}

export class NaiveBackend implements Backend {
  tables = new Map<string, NaiveTable>();
  readonly sizeBytes = 0;
  readonly sizeInUseBytes = 0;
  readonly uncommitted = { operations: 0, bytes: 0 };
  readonly isBehind = false;

  table(name: string): NaiveTable {
    let table = this.tables.get(name);
    if (table === undefined) {
      table = new NaiveTable();
      this.tables.set(name, table);
    }
    return table;
  }

  /** What a process would find that starts after a crash at this moment. */
  copy(): NaiveBackend {
    const other = new NaiveBackend();
    for (const [name, table] of this.tables) other.table(name).entries = [...table.entries];
    return other;
  }

  /** Everything replaced, as by a snapshot: tables that are open stay valid. */
  become(other: NaiveBackend): void {
    for (const table of this.tables.values()) table.entries = [];
    for (const [name, table] of other.tables) this.table(name).entries = [...table.entries];
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  whenCaughtUp(callback: () => void): void {
    callback();
  }

  view(): never {
    throw new Error('not needed here');
  }

  viewNow(): never {
    throw new Error('not needed here');
  }

  apart(): WritesApart {
    const beside = this.copy();
    const writes: (() => void)[] = [];
    return {
      table: (name) => {
        const table = beside.table(name);
        return {
          get: (key) => table.get(key),
          scan: (range, visit) => table.scan(range, visit),
          count: (range) => table.count(range),
          put: (key, value) => {
            const kept = key.slice();
            table.put(kept, value);
            writes.push(() => this.table(name).put(kept, value));
          },
          remove: (key) => {
            const kept = key.slice();
            table.remove(kept);
            writes.push(() => this.table(name).remove(kept));
          },
        };
      },
      arrange: () => {},
      join: () => {
        for (const write of writes) write();
      },
    };
  }

  defragment(): never {
    throw new Error('not needed here');
  }

  stage(): never {
    throw new Error('not needed here');
  }

  stageBy(): never {
    throw new Error('not needed here');
  }

  onFailure(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
