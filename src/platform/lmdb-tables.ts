/**
 * DurableTables in LMDB files, in a folder of their own:
 *
 *     0000000000000001.lmdb          the tables; of several the highest number counts, the others are leftovers
 *     0000000000000001.lmdb-lock     LMDB's readers and writer
 *     0.tmp                          a replacement that is being filled, a leftover at start
 *
 * A replacement is adopted by a rename to the next number. LMDB never overwrites pages that the last commit or a reader uses; its commit
 * is a synced write of the data, then of the one page that says which tree is current. It runs on a thread of libuv's pool.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import type {
  DurableBatch,
  DurableTables,
  DurableView,
  Replacement,
  TableReader,
} from '../ports/durable-tables.ts';
import { asDiskError } from './lmdb-failure.ts';
import { LmdbFile } from './lmdb-file.ts';

const FILE_NAME = /^([0-9a-f]{16})\.lmdb$/;
const LEFTOVER = /^(?:[0-9a-f]{16}\.lmdb-lock|\d+\.tmp(?:-lock)?)$/;

export interface LmdbTablesOptions {
  /** Created if missing. Another process must not use it: the caller holds the data directory's lock. */
  readonly folder: string;
}

export async function openLmdbTables(options: LmdbTablesOptions): Promise<DurableTables> {
  const { folder } = options;
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const names = fs.readdirSync(folder);
    const numbers = names.flatMap((name) => FILE_NAME.exec(name)?.[1] ?? []).sort();
    const newest = numbers.at(-1);
    for (const name of names) {
      const stale = LEFTOVER.test(name) || (FILE_NAME.test(name) && name !== `${newest}.lmdb`);
      if (stale) fs.rmSync(join(folder, name), { force: true });
    }
    const number = newest === undefined ? 1 : Number.parseInt(newest, 16);
    const file = new LmdbFile(pathOf(folder, number));
    if (newest === undefined) syncFolder(folder);
    return new LmdbTables(folder, number, file);
  } catch (error) {
    throw asDiskError(error, folder);
  }
}

class LmdbTables implements DurableTables {
  readonly #folder: string;
  #number: number;
  #file: LmdbFile;
  #temporary = 0;
  readonly #readers = new Map<string, TableReader>();
  /** Former files that views may hold, and replacements. */
  readonly #others = new Set<LmdbFile>();

  constructor(folder: string, number: number, file: LmdbFile) {
    this.#folder = folder;
    this.#number = number;
    this.#file = file;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#file.sizeInUseBytes;
  }

  table(name: string): TableReader {
    let reader = this.#readers.get(name);
    if (reader === undefined) {
      reader = {
        get: (key) => this.#file.table(name)?.get(key),
        scan: (range, visit) => this.#file.table(name)?.scan(range, visit),
        count: (range) => this.#file.table(name)?.count(range) ?? 0,
      };
      this.#readers.set(name, reader);
    }
    return reader;
  }

  names(): string[] {
    return this.#file.names();
  }

  write(batch: DurableBatch): Promise<void> {
    return this.#file.write(batch);
  }

  view(): DurableView {
    return this.#file.view();
  }

  async replacement(content: 'empty' | 'copy'): Promise<Replacement> {
    const path = join(this.#folder, `${this.#temporary++}.tmp`);
    let file: LmdbFile;
    try {
      if (content === 'copy') await this.#file.copy(path);
      file = new LmdbFile(path);
    } catch (error) {
      removeFile(path);
      throw asDiskError(error, path);
    }
    this.#others.add(file);
    const replacement = new LmdbReplacement(file, {
      adopt: () => this.#adopt(file),
      exchange: () => this.#adoptBehind(file),
      abandon: () => this.#remove(file),
    });
    try {
      if (content === 'copy') await file.touch();
    } catch (error) {
      replacement.abandon();
      throw error;
    }
    return replacement;
  }

  async close(): Promise<void> {
    await Promise.all([this.#file, ...this.#others].map((file) => file.close()));
    this.#others.clear();
  }

  #adopt(file: LmdbFile): void {
    const former = this.#exchange(file);
    try {
      syncFolder(this.#folder);
    } catch (error) {
      throw asDiskError(error, this.#folder);
    }
    this.#remove(former);
  }

  async #adoptBehind(file: LmdbFile): Promise<void> {
    const former = this.#exchange(file);
    try {
      const folder = await fs.promises.open(this.#folder, 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    } catch (error) {
      throw asDiskError(error, this.#folder);
    }
    this.#remove(former);
  }

  /** Returns the former file, which must stay until the new name is durable. */
  #exchange(file: LmdbFile): LmdbFile {
    const former = this.#file;
    const number = this.#number + 1;
    const path = pathOf(this.#folder, number);
    try {
      fs.renameSync(file.path, path);
      // Whoever opens the file from now on must find the lock file with its readers.
      fs.renameSync(`${file.path}-lock`, `${path}-lock`);
    } catch (error) {
      throw asDiskError(error, file.path);
    }
    file.path = path;
    this.#others.delete(file);
    this.#others.add(former);
    this.#file = file;
    this.#number = number;
    return former;
  }

  /** The name goes at once, the content with the last view. */
  #remove(file: LmdbFile): void {
    removeFile(file.path);
    file.retire(() => this.#others.delete(file));
  }
}

interface ReplacementEnd {
  adopt(): void;
  exchange(): Promise<void>;
  abandon(): void;
}

class LmdbReplacement implements Replacement {
  readonly #file: LmdbFile;
  readonly #end: ReplacementEnd;
  #isDone = false;

  constructor(file: LmdbFile, end: ReplacementEnd) {
    this.#file = file;
    this.#end = end;
  }

  table(name: string): TableReader {
    return {
      get: (key) => this.#file.table(name)?.get(key),
      scan: (range, visit) => this.#file.table(name)?.scan(range, visit),
      count: (range) => this.#file.table(name)?.count(range) ?? 0,
    };
  }

  write(batch: DurableBatch): Promise<void> {
    return this.#file.write(batch);
  }

  adopt(): void {
    if (this.#isDone) throw new Error('the replacement is gone');
    this.#end.adopt();
    this.#isDone = true;
  }

  async exchange(): Promise<void> {
    if (this.#isDone) throw new Error('the replacement is gone');
    this.#isDone = true;
    await this.#end.exchange();
  }

  abandon(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#end.abandon();
  }
}

function pathOf(folder: string, number: number): string {
  return join(folder, `${number.toString(16).padStart(16, '0')}.lmdb`);
}

function removeFile(path: string): void {
  fs.rmSync(path, { force: true });
  fs.rmSync(`${path}-lock`, { force: true });
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
