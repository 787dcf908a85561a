/**
 * The in-memory twin of the DurableTables port, which can lose power. A medium holds what is durable and outlives the process that opened it:
 * a batch reaches it as a whole when its write completes; one that a crash overtakes has reached it as a whole or not at all, as the
 * seed decides. Content never changes in place, so that a view is a reference.
 */

import { DiskError } from '../ports/disk.ts';
import {
  DURABLE_KEY_BYTES_MAX,
  type DurableBatch,
  type DurableTables,
  type DurableView,
  type KeyRange,
  type Replacement,
  type ScanRange,
  type TableReader,
  type Visit,
} from '../ports/durable-tables.ts';
import type { Random } from '../ports/random.ts';

/** One call as the hooks see it. */
export interface TablesOperation {
  /** Of the tables themselves, or of a replacement that is being filled. */
  readonly kind: 'write' | 'copy' | 'write-replacement' | 'adopt';
  /** Of writes: entries, and bytes of their keys and values. */
  readonly entries?: number;
  readonly bytes?: number;
}

export interface MemoryTablesOptions {
  /** Decides whether a batch that a crash overtakes was durable. */
  readonly random: Pick<Random, 'next'>;
  /** Asked before every operation: an errno name ('ENOSPC', 'EIO') makes it fail without effect. */
  readonly fault?: (operation: TablesOperation) => string | undefined;
  /** Completes an operation later; the default is a microtask. What a crash overtakes never completes. An 'adopt' comes here only if it may wait. */
  readonly schedule?: (operation: TablesOperation, complete: () => void) => void;
}

export interface MemoryTables {
  /** What a process that starts now finds. */
  open(): DurableTables;
  /** The process is gone, with or without the power: calls in flight never complete, tables opened before are dead. */
  crash(): void;
}

export function createMemoryTables(options: MemoryTablesOptions): MemoryTables {
  return new Medium(options);
}

interface Row {
  /** One character a byte. */
  readonly text: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Rows in order, for each table that exists. */
type Content = ReadonlyMap<string, readonly Row[]>;

class Medium implements MemoryTables {
  readonly options: MemoryTablesOptions;
  content: Content = new Map();
  /** The content once the write under way is durable. */
  pending: Content | undefined;
  /** Grows with every crash: tables of older generations are dead. */
  generation = 0;
  /** Most bytes since the last replacement: space is reused, not given back. */
  sizeBytes = 0;

  constructor(options: MemoryTablesOptions) {
    this.options = options;
  }

  open(): DurableTables {
    return new OpenTables(this);
  }

  crash(): void {
    this.generation++;
    if (this.pending !== undefined && this.options.random.next() < 0.5) this.settle(this.pending);
    this.pending = undefined;
  }

  settle(content: Content): void {
    this.content = content;
    this.sizeBytes = Math.max(this.sizeBytes, bytesOf(content));
  }

  /** Resolves to what `effect` returns when the operation completes; never if the medium crashed meanwhile. */
  run<T>(generation: number, operation: TablesOperation, begin: () => void, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (generation !== this.generation) return;
      const code = this.options.fault?.(operation);
      if (generation !== this.generation) return; // the hook crashed it
      if (code === undefined) begin();
      const complete = (): void => {
        if (generation !== this.generation) return;
        if (code !== undefined) reject(injected(code, operation));
        else resolve(effect());
      };
      if (this.options.schedule === undefined) queueMicrotask(complete);
      else this.options.schedule(operation, complete);
    });
  }
}

class OpenTables implements DurableTables {
  readonly #medium: Medium;
  readonly #generation: number;
  #epoch = 0;

  constructor(medium: Medium) {
    this.#medium = medium;
    this.#generation = medium.generation;
  }

  table(name: string): TableReader {
    return readerOf(() => this.#medium.content.get(name) ?? []);
  }

  names(): string[] {
    return [...this.#medium.content.keys()].sort();
  }

  write(batch: DurableBatch): Promise<void> {
    const medium = this.#medium;
    const epoch = this.#epoch;
    return medium.run(
      this.#generation,
      describe('write', batch),
      () => {
        if (medium.pending !== undefined) throw new Error('a write is under way');
        medium.pending = changed(medium.content, batch);
      },
      () => {
        if (epoch !== this.#epoch) return;
        medium.settle(medium.pending!);
        medium.pending = undefined;
      },
    );
  }

  view(): DurableView {
    const { content } = this.#medium;
    return {
      table: (name) => readerOf(() => content.get(name) ?? []),
      names: () => [...content.keys()].sort(),
      release() {},
    };
  }

  get sizeBytes(): number {
    return this.#medium.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return bytesOf(this.#medium.content);
  }

  async replacement(kind: 'empty' | 'copy'): Promise<Replacement> {
    const medium = this.#medium;
    let content: Content = new Map();
    let done = false;
    if (kind === 'copy') {
      content = await medium.run(
        this.#generation,
        { kind: 'copy' },
        () => {},
        () => medium.content,
      );
    }
    const adopt = (): void => {
      if (done || this.#generation !== medium.generation) throw new Error('the replacement is gone');
      done = true;
      this.#epoch++;
      medium.pending = undefined;
      medium.sizeBytes = 0;
      medium.settle(content);
    };
    return {
      table: (name) => readerOf(() => content.get(name) ?? []),
      write: (batch) =>
        medium.run(
          this.#generation,
          describe('write-replacement', batch),
          () => {},
          () => {
            content = changed(content, batch);
          },
        ),
      adopt: () => {
        const code = medium.options.fault?.({ kind: 'adopt' });
        if (code !== undefined) throw injected(code, { kind: 'adopt' });
        adopt();
      },
      exchange: () => medium.run(this.#generation, { kind: 'adopt' }, adopt, () => {}),
      abandon() {
        done = true;
      },
    };
  }

  async close(): Promise<void> {}
}

function injected(code: string, operation: TablesOperation): DiskError {
  return new DiskError(code, 'tables', `${code}: injected into ${operation.kind} of the tables`);
}

function describe(kind: TablesOperation['kind'], batch: DurableBatch): TablesOperation {
  let entries = 0;
  let bytes = 0;
  for (const changes of batch) {
    for (const { key, value } of changes.entries) {
      entries++;
      bytes += key.length + (value?.length ?? 0);
    }
  }
  return { kind, entries, bytes };
}

function changed(content: Content, batch: DurableBatch): Content {
  const next = new Map(content);
  for (const { table, entries } of batch) {
    const changes = new Map<string, Row | undefined>();
    for (const { key, value } of entries) {
      if (key.length === 0 || key.length > DURABLE_KEY_BYTES_MAX)
        throw new Error(`a key of ${key.length} bytes`);
      const text = textOf(key);
      changes.set(text, value === undefined ? undefined : { text, key: key.slice(), value: value.slice() });
    }
    next.set(table, merged(next.get(table) ?? [], changes));
  }
  return next;
}

function merged(rows: readonly Row[], changes: ReadonlyMap<string, Row | undefined>): readonly Row[] {
  const result = rows.filter((row) => !changes.has(row.text));
  const fresh = [...changes.values()].filter((row) => row !== undefined);
  if (fresh.length === 0) return result;
  return [...result, ...fresh].sort((a, b) => (a.text < b.text ? -1 : 1));
}

function readerOf(rowsNow: () => readonly Row[]): TableReader {
  const bounds = (range: KeyRange): readonly [number, number] => {
    const rows = rowsNow();
    const from = range.start === undefined ? 0 : firstAtLeast(rows, textOf(range.start));
    const to = range.end === undefined ? rows.length : firstAtLeast(rows, textOf(range.end));
    return [from, Math.max(from, to)];
  };
  return {
    get(key) {
      const rows = rowsNow();
      const text = textOf(key);
      const row = rows[firstAtLeast(rows, text)];
      return row?.text === text ? row.value : undefined;
    },
    scan(range: ScanRange, visit: Visit) {
      const rows = rowsNow();
      const [from, to] = bounds(range);
      for (let i = 0; i < to - from; i++) {
        const row = rows[range.reverse === true ? to - 1 - i : from + i]!;
        if (!visit(row.key, row.value)) return;
      }
    },
    count(range) {
      const [from, to] = bounds(range);
      return to - from;
    },
  };
}

function firstAtLeast(rows: readonly Row[], text: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.text < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}

const sizes = new WeakMap<Content, number>();

/** A plausible size: what a tree of pages would need about. */
function bytesOf(content: Content): number {
  const known = sizes.get(content);
  if (known !== undefined) return known;
  let bytes = 0;
  for (const rows of content.values()) {
    for (const row of rows) bytes += row.key.length + row.value.length + 16;
  }
  const size = Math.ceil(bytes / 4096) * 4096;
  sizes.set(content, size);
  return size;
}
