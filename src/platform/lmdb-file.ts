/**
 * One LMDB file: its tables, committed batches, views of a moment.
 *
 * One write at a time: the library runs it on another thread as one transaction, of which readers see nothing before it is durable. The file is
 * closed at once, or retired: then it is closed when its last view is released.
 */

import fs from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { DiskError } from '../ports/disk.ts';
import {
  type DurableBatch,
  type DurableEntry,
  type DurableView,
  listedEntries,
  type TableReader,
} from '../ports/durable-tables.ts';
import { asDiskError, isWriteError, lmdbFailure } from './lmdb-failure.ts';
import { LmdbReader, MAP_BYTES, READERS_MAX, TABLES_MAX } from './lmdb-reader.ts';
import { LastKey, LmdbWriter, type WrittenTable } from './lmdb-writer.ts';

type Table = Database<Uint8Array, Uint8Array>;

export class LmdbFile {
  /** Changes when the file is renamed. */
  path: string;
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #reader: LmdbReader;
  readonly #writer: LmdbWriter;
  readonly #tables = new Map<string, Table>();
  #sizes: { total: number; inUse: number } | undefined;
  readonly #views = new Set<LmdbReader>();
  #writing: Promise<void> = Promise.resolve();
  #copying: Promise<void> = Promise.resolve();
  /** The writing thread ended with a lock that closing would wait for. */
  #isStuck = false;
  #retired: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  /** Opens or creates. Throws a DiskError that names the file. */
  constructor(path: string) {
    this.path = path;
    try {
      checkHead(path);
      reserveLock(path);
      this.#root = open<Uint8Array, Uint8Array>({
        path,
        noSubdir: true,
        maxDbs: TABLES_MAX,
        maxReaders: READERS_MAX,
        mapSize: MAP_BYTES,
        // Without it a commit that resolved is on the disk.
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
        permissionsMode: 0o600,
      } as Parameters<typeof open>[0]) as RootDatabase<Uint8Array, Uint8Array>;
      this.#checkLength();
      // LMDB keeps the names as C does, with a zero at the end.
      for (const name of this.#root.getKeys()) this.#open(Buffer.from(name).toString().replace(/\0$/, ''));
      this.#reader = new LmdbReader(path, this.#tables.keys(), false);
      this.#writer = new LmdbWriter(this.#reader.env);
      this.#sizes = undefined;
    } catch (error) {
      throw asDiskError(error, path);
    }
  }

  table(name: string): TableReader | undefined {
    return this.#reader.table(name);
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
    const reader = new LmdbReader(this.path, this.#tables.keys(), true);
    this.#views.add(reader);
    return {
      table: (name) => reader.table(name) ?? emptyTable,
      names: () => reader.names(),
      release: () => {
        if (!this.#views.delete(reader)) return;
        reader.close();
        if (this.#retired !== undefined && this.#views.size === 0) void this.close();
      },
    };
  }

  /** Closes when the last view is released. */
  retire(closed: () => void): void {
    this.#retired = closed;
    if (this.#views.size === 0) void this.close();
  }

  /** Waits for the write and the copy under way; views end. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // Other threads read the file until these are done.
    await Promise.allSettled([this.#writing, this.#copying]);
    this.#retired?.();
    for (const reader of this.#views) reader.close();
    this.#views.clear();
    if (this.#isStuck) return;
    this.#reader.close();
    await this.#root.close();
  }

  /** A copy without free space, durable when it resolves. */
  copy(path: string): Promise<void> {
    this.#copying = copyDurably(this.#root.backup(path, true), path);
    return this.#copying;
  }

  /**
   * A commit that changes nothing. A copy has an empty list of free pages, and the library's LMDB reads beyond an empty page if the first that
   * it has to enter there are many (mdb_page_alloc below mdb_freelist_save); after a commit this small the list is never empty again.
   */
  async touch(): Promise<void> {
    for (const table of this.names()) {
      const entries: DurableEntry[] = [];
      this.#reader.table(table)!.scan({}, (key, value) => entries.push({ key, value }) > 1);
      if (entries.length > 0) return this.write([{ table, entries: listedEntries(entries) }]);
    }
  }

  async #write(batch: DurableBatch): Promise<void> {
    const missing = batch.map(({ table }) => table).filter((table) => !this.#tables.has(table));
    if (missing.length > 0) this.#create(new Set(missing));
    const code = await this.#writer.write(batch, this.#written(batch));
    this.#sizes = undefined;
    if (code !== 0) {
      this.#isStuck = !isWriteError(code);
      throw lmdbFailure(code, this.path);
    }
    this.#reader.refresh();
  }

  #written(batch: DurableBatch): Map<string, WrittenTable> {
    const numbers = this.#reader.numbers();
    const tables = new Map<string, WrittenTable>();
    for (const { table } of batch) {
      if (tables.has(table)) continue;
      let last: Uint8Array | undefined;
      this.#reader.table(table)!.scan({ reverse: true }, (key) => {
        last = key;
        return false;
      });
      tables.set(table, { number: numbers.get(table)!, last: new LastKey(last) });
    }
    return tables;
  }

  /** On this thread, synced: it happens once in a table's life. */
  #create(names: ReadonlySet<string>): void {
    try {
      this.#root.transactionSync(() => {
        for (const name of names) this.#open(name);
      });
      this.#reader.add(names);
    } catch (error) {
      throw asDiskError(error, this.path);
    }
  }

  #open(name: string): void {
    const table = this.#root.openDB<Uint8Array, Uint8Array>({
      name,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    this.#tables.set(name, table);
  }

  /** A read beyond the end of a mapped file ends the process without a word. */
  #checkLength(): void {
    const stored = fs.statSync(this.path).size;
    if (stored < this.sizeBytes) {
      throw new DiskError(
        'EIO',
        this.path,
        `${this.path} is damaged: it says that it has ${this.sizeBytes} bytes, but has ${stored}`,
      );
    }
  }

  #measure(): { total: number; inUse: number } {
    if (this.#sizes === undefined) {
      const root = this.#root.getStats() as { root: PageCounts; lastPageNumber: number; pageSize: number };
      // Two pages say which tree is current.
      let pages = 2 + pagesOf(root.root);
      for (const table of this.#tables.values()) pages += pagesOf(table.getStats() as PageCounts);
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

const emptyTable: TableReader = { get: () => undefined, scan() {}, count: () => 0 };

async function copyDurably(copying: Promise<void>, path: string): Promise<void> {
  await copying;
  const handle = await fs.promises.open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What LMDB needs for so many readers. */
const LOCK_BYTES = 0x1000 + READERS_MAX * 64;

/** LMDB maps its lock file and writes there: on a full disk that would end the process without a word, unless the file has its blocks. */
function reserveLock(path: string): void {
  fs.writeFileSync(`${path}-lock`, Buffer.alloc(LOCK_BYTES), { mode: 0o600 });
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
