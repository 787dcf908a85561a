/**
 * One LMDB file: its tables, committed batches, views of a moment.
 *
 * Reads use lmdb-js's shared read transaction, which it renews after each commit. One write at a time; the library runs it on another
 * thread as one transaction. The file is closed when it has been told to and its last view is released.
 */

import fs from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { DiskError } from '../ports/disk.ts';
import type {
  DurableBatch,
  DurableView,
  KeyRange,
  ScanRange,
  TableReader,
  Visit,
} from '../ports/durable-tables.ts';

/** More tables than anyone needs. */
const TABLES_MAX = 64;
/** Views at once. */
const READERS_MAX = 1024;

type Table = Database<Uint8Array, Uint8Array>;
type Transaction = ReturnType<Table['useReadTransaction']>;

export class LmdbFile {
  /** Changes when the file is renamed. */
  path: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #tables = new Map<string, LmdbTable>();
  #sizes: { total: number; inUse: number } | undefined;
  #views = 0;
  #writing: Promise<void> = Promise.resolve();
  #closing: (() => void) | undefined;

  /** Opens or creates. Throws a DiskError that names the file. */
  constructor(path: string) {
    this.path = path;
    try {
      checkHead(path);
      this.#root = open<Uint8Array, Uint8Array>({
        path,
        noSubdir: true,
        maxDbs: TABLES_MAX,
        maxReaders: READERS_MAX,
        // Without it a commit that resolved is on the disk.
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        permissionsMode: 0o600,
      } as Parameters<typeof open>[0]) as RootDatabase<Uint8Array, Uint8Array>;
      // LMDB keeps the names as C does, with a zero at the end.
      for (const name of this.#root.getKeys()) this.#open(Buffer.from(name).toString().replace(/\0$/, ''));
    } catch (error) {
      throw lmdbError(error, path);
    }
  }

  table(name: string): LmdbTable | undefined {
    return this.#tables.get(name);
  }

  names(): string[] {
    return [...this.#tables.keys()].sort();
  }

  get sizeBytes(): number {
    return this.#measure().total;
  }

  get sizeInUseBytes(): number {
    return this.#measure().inUse;
  }

  write(batch: DurableBatch): Promise<void> {
    this.#writing = this.#write(batch);
    return this.#writing;
  }

  view(): DurableView {
    const transaction = this.#root.useReadTransaction();
    this.#views++;
    const tables = new Map([...this.#tables].map(([name, table]) => [name, table.at(transaction)]));
    let released = false;
    return {
      table: (name) => tables.get(name) ?? emptyTable,
      names: () => [...tables.keys()].sort(),
      release: () => {
        if (released) return;
        released = true;
        (transaction as unknown as { done(): void }).done();
        this.#views--;
        if (this.#views === 0) this.#closing?.();
      },
    };
  }

  /** Waits for the write under way and for the views that are held. */
  async close(): Promise<void> {
    await this.#writing.catch(() => {});
    if (this.#views > 0) await new Promise<void>((resolve) => (this.#closing = resolve));
    await this.#root.close();
  }

  backup(path: string): Promise<void> {
    return this.#root.backup(path, true);
  }

  async #write(batch: DurableBatch): Promise<void> {
    try {
      for (const { table } of batch) if (!this.#tables.has(table)) this.#open(table);
      await this.#root.batch(() => {
        for (const { table: name, entries } of batch) {
          const { database } = this.#tables.get(name)!;
          for (const { key, value } of entries) {
            if (value === undefined) void database.remove(key);
            else void database.put(key, value);
          }
        }
      });
    } catch (error) {
      throw lmdbError(error, this.path);
    } finally {
      this.#sizes = undefined;
    }
  }

  #open(name: string): void {
    const database = this.#root.openDB<Uint8Array, Uint8Array>({
      name,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    this.#tables.set(name, new LmdbTable(database));
  }

  #measure(): { total: number; inUse: number } {
    if (this.#sizes === undefined) {
      const root = this.#root.getStats() as { root: PageCounts; lastPageNumber: number; pageSize: number };
      // Two pages say which tree is current.
      let pages = 2 + pagesOf(root.root);
      for (const { database } of this.#tables.values()) pages += pagesOf(database.getStats() as PageCounts);
      this.#sizes = { total: (root.lastPageNumber + 1) * root.pageSize, inUse: pages * root.pageSize };
    }
    return this.#sizes;
  }
}

interface PageCounts {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function pagesOf(counts: PageCounts): number {
  return counts.treeBranchPageCount + counts.treeLeafPageCount + counts.overflowPages;
}

class LmdbTable implements TableReader {
  readonly database: Table;
  readonly #transaction: Transaction | undefined;

  constructor(database: Table, transaction?: Transaction) {
    this.database = database;
    this.#transaction = transaction;
  }

  at(transaction: Transaction): LmdbTable {
    return new LmdbTable(this.database, transaction);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#transaction === undefined) return this.database.getBinary(key);
    return this.database.get(key, { transaction: this.#transaction } as object) as Uint8Array | undefined;
  }

  scan(range: ScanRange, visit: Visit): void {
    if (isEmpty(range)) return;
    const { start, end, reverse } = range;
    for (const { key, value } of this.database.getRange(this.#options(start, end, reverse === true))) {
      if (!visit(key, value)) return;
    }
  }

  count(range: KeyRange): number {
    if (isEmpty(range)) return 0;
    return this.database.getKeysCount(this.#options(range.start, range.end, false));
  }

  #options(start: Uint8Array | undefined, end: Uint8Array | undefined, reverse: boolean): object {
    const options: Record<string, unknown> = { start: start ?? FIRST };
    if (end !== undefined) options['end'] = end;
    if (reverse) {
      // Backwards, "start" is where it begins, and is left out of ranges that end with it.
      options['reverse'] = true;
      options['start'] = end;
      options['exclusiveStart'] = end !== undefined;
      options['end'] = start ?? FIRST;
      options['inclusiveEnd'] = true;
    }
    if (this.#transaction !== undefined) options['transaction'] = this.#transaction;
    return options;
  }
}

/** No key is less. */
const FIRST = Buffer.from([0]);

const emptyTable: TableReader = { get: () => undefined, scan() {}, count: () => 0 };

function isEmpty(range: KeyRange): boolean {
  return range.start !== undefined && range.end !== undefined && Buffer.compare(range.start, range.end) >= 0;
}

/** A copy without free space, durable when it resolves. */
export async function copyLmdb(file: LmdbFile, path: string): Promise<void> {
  await file.backup(path);
  const handle = await fs.promises.open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Where the first page has its magic number. */
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;

/** LMDB says little about a file that is none of its own, and dies of some. */
function checkHead(path: string): void {
  let size: number;
  try {
    size = fs.statSync(path).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (size === 0) return;
  const head = Buffer.alloc(MAGIC_AT + 4);
  const fd = fs.openSync(path, 'r');
  try {
    fs.readSync(fd, head, 0, head.length, 0);
  } finally {
    fs.closeSync(fd);
  }
  if (head.readUInt32LE(MAGIC_AT) !== MAGIC) {
    throw new DiskError('EIO', path, `${path} is not an LMDB file, or its first page is damaged`);
  }
}

function lmdbError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as { code?: string | number; message: string };
  return new DiskError(typeof code === 'string' ? code : 'EIO', path, `${path}: ${message}`);
}
