/**
 * Reads of one LMDB file in one read transaction: the latest commit, looked for anew after `refresh`, or a moment that is held. Everything handed out
 * is copied, small things into shared slabs.
 *
 * A reader is a second handle on an environment that is open in this process: the library shares what is below by the lock file's inode.
 */

import type { DiskError } from '../ports/disk.ts';
import type { KeyRange, ScanRange, TableReader, Visit } from '../ports/durable-tables.ts';
import { lmdbFailure } from './lmdb-failure.ts';
import {
  BINARY_KEYS,
  COUNT_ONLY,
  EXCLUSIVE_START,
  INCLUSIVE_END,
  KEY_AT,
  KEY_BUFFER_BYTES,
  type NativeCursor,
  type NativeDbi,
  type NativeEnv,
  type NativeTransaction,
  NO_SUBDIRECTORY,
  NOT_FOUND,
  nativeLmdb,
  READ_ONLY,
  RENEW_CURSOR,
  REVERSE,
  TOO_LARGE,
  TOO_LARGE_SHARED,
  WITH_VALUES,
} from './lmdb-native.ts';

/** What all handles on an environment must say alike. */
export const TABLES_MAX = 64;
export const READERS_MAX = 1024;
/** Address space, not memory: so much that the map never has to move. */
export const MAP_BYTES = 0x40_0000_0000;

const SLAB_BYTES = 0x1_0000;
const OWN_BUFFER_FROM = 0x2000;

const { getByBinary, position, iterate } = nativeLmdb;

export class LmdbReader {
  readonly #env: NativeEnv;
  #transaction: NativeTransaction;
  readonly #keyBytes = Buffer.allocUnsafeSlow(KEY_BUFFER_BYTES);
  readonly #numbers = new DataView(this.#keyBytes.buffer);
  readonly #tables = new Map<string, ReaderTable>();
  /** Cursors may be used again in a later transaction. */
  readonly #renews: boolean;
  readonly #path: string;

  /** @param holds reads what is committed now for good, otherwise what is committed at the time of each read after `refresh` */
  constructor(path: string, tables: Iterable<string>, holds: boolean) {
    this.#renews = !holds;
    this.#path = path;
    this.#env = new nativeLmdb.Env();
    this.#env.open(
      { path, keyBytes: this.#keyBytes, maxDbs: TABLES_MAX, maxReaders: READERS_MAX, mapSize: MAP_BYTES },
      NO_SUBDIRECTORY,
      0,
    );
    this.#transaction = new nativeLmdb.Txn(this.#env, READ_ONLY);
    for (const name of tables) this.#open(name);
  }

  /** The handle: for writes. */
  get env(): NativeEnv {
    return this.#env;
  }

  table(name: string): TableReader | undefined {
    return this.#tables.get(name);
  }

  /** LMDB's numbers for the tables. */
  numbers(): ReadonlyMap<string, number> {
    return new Map([...this.#tables].map(([name, table]) => [name, table.dbi]));
  }

  names(): string[] {
    return [...this.#tables.keys()].sort();
  }

  /** The tables were made after this reader: a transaction of before does not know them. */
  add(fresh: Iterable<string>): void {
    const names = [...this.#tables.keys(), ...fresh];
    for (const table of this.#tables.values()) table.close();
    this.#tables.clear();
    this.#transaction.abort();
    this.#transaction = new nativeLmdb.Txn(this.#env, READ_ONLY);
    for (const name of names) this.#open(name);
  }

  /** The next read sees what is committed by then. */
  refresh(): void {
    nativeLmdb.resetTxn(this.#transaction.address);
  }

  close(): void {
    for (const table of this.#tables.values()) table.close();
    this.#transaction.abort();
    this.#env.close();
  }

  #open(name: string): void {
    const dbi = new nativeLmdb.Dbi(this.#env, 0, name, BINARY_KEYS, undefined);
    const table = new ReaderTable({
      dbi,
      transaction: this.#transaction.address,
      keyBytes: this.#keyBytes,
      numbers: this.#numbers,
      renews: this.#renews,
      path: this.#path,
    });
    this.#tables.set(name, table);
  }
}

/** A cursor and the memory in which it finds the end of its range. */
interface Walker {
  readonly cursor: NativeCursor;
  readonly end: Buffer;
  readonly endAddress: number;
  used: boolean;
}

interface ReaderTableParts {
  readonly dbi: NativeDbi;
  readonly transaction: number;
  readonly keyBytes: Buffer;
  readonly numbers: DataView;
  readonly renews: boolean;
  readonly path: string;
}

class ReaderTable implements TableReader {
  readonly dbi: number;
  readonly #handle: NativeDbi;
  readonly #address: number;
  readonly #transaction: number;
  readonly #keyBytes: Buffer;
  readonly #numbers: DataView;
  readonly #renews: boolean;
  readonly #path: string;
  readonly #idle: Walker[] = [];
  /** The transaction is over: LMDB must not be asked any more. */
  #isClosed = false;

  constructor(parts: ReaderTableParts) {
    this.dbi = parts.dbi.dbi;
    this.#handle = parts.dbi;
    this.#address = parts.dbi.address;
    this.#transaction = parts.transaction;
    this.#keyBytes = parts.keyBytes;
    this.#numbers = parts.numbers;
    this.#renews = parts.renews;
    this.#path = parts.path;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#isClosed) throw closedError();
    this.#keyBytes.set(key, 0);
    const length = getByBinary(this.#address, key.length, 0, this.#transaction);
    if (length >= 0) return take(length);
    if (length === NOT_FOUND) return undefined;
    if (length !== TOO_LARGE && length !== TOO_LARGE_SHARED) throw this.#error(length);
    return this.#takeLarge(this.#numbers.getUint32(0, true), () => {
      this.#keyBytes.set(key, 0);
      return getByBinary(this.#address, key.length, 0, this.#transaction);
    });
  }

  scan(range: ScanRange, visit: Visit): void {
    if (isEmpty(range)) return;
    const walker = this.#walker();
    const keyBytes = this.#keyBytes;
    const numbers = this.#numbers;
    const cursor = walker.cursor.address;
    try {
      let keyLength = this.#start(walker, range, WITH_VALUES);
      while (keyLength > 0) {
        const valueLength = numbers.getUint32(0, true);
        const isLarge = numbers.getUint32(4, true) !== 0 || valueLength > valueBytes.length;
        const key = copyOf(keyBytes.buffer, keyBytes.byteOffset + KEY_AT, keyLength);
        const value = isLarge
          ? this.#takeLarge(valueLength, () => nativeLmdb.getCurrentValue(cursor))
          : take(valueLength);
        if (!visit(key, value)) return;
        if (this.#isClosed) throw closedError();
        keyLength = iterate(cursor);
      }
      if (keyLength < 0 && keyLength !== NOT_FOUND) throw this.#error(keyLength);
    } finally {
      this.#done(walker);
    }
  }

  count(range: KeyRange): number {
    if (isEmpty(range)) return 0;
    const walker = this.#walker();
    try {
      const count = this.#start(walker, range, COUNT_ONLY);
      if (count < 0) throw this.#error(count);
      return count;
    } finally {
      this.#done(walker);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const walker of this.#idle.splice(0)) walker.cursor.close();
  }

  /** A cursor that outlives its transaction is left to itself: LMDB takes no more calls about it. */
  #done(walker: Walker): void {
    if (!this.#isClosed) this.#idle.push(walker);
  }

  #walker(): Walker {
    if (this.#isClosed) throw closedError();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const end = Buffer.allocUnsafeSlow(KEY_BUFFER_BYTES);
    return {
      cursor: new nativeLmdb.Cursor(this.#handle, this.#transaction),
      end,
      endAddress: nativeLmdb.getAddress(end.buffer),
      used: false,
    };
  }

  /** Reads again into a buffer that is large enough. */
  #takeLarge(length: number, read: () => number): Uint8Array {
    const own = Buffer.allocUnsafeSlow(length);
    nativeLmdb.setGlobalBuffer(own);
    try {
      const result = read();
      if (result < 0) throw this.#error(result);
    } finally {
      nativeLmdb.setGlobalBuffer(valueBytes);
    }
    return own;
  }

  #error(code: number): DiskError {
    return lmdbFailure(code, this.#path);
  }

  #start(walker: Walker, range: ScanRange, mode: number): number {
    let flags = mode;
    let from = range.start;
    let to = range.end;
    if (range.reverse === true) {
      flags |= REVERSE | EXCLUSIVE_START | INCLUSIVE_END;
      from = range.end;
      to = range.start;
    }
    if (walker.used && this.#renews) flags |= RENEW_CURSOR;
    walker.used = true;
    if (from !== undefined) this.#keyBytes.set(from, 0);
    if (to !== undefined) {
      walker.end.writeUInt32LE(to.length, 0);
      walker.end.set(to, 4);
    }
    return position(
      walker.cursor.address,
      flags,
      0,
      from?.length ?? 0,
      to === undefined ? 0 : walker.endAddress,
    );
  }
}

function closedError(): Error {
  return new Error('a read of tables that were closed, or of a view that was released');
}

/** LMDB takes an empty end for none. */
function isEmpty({ start, end }: KeyRange): boolean {
  if (end === undefined) return false;
  return end.length === 0 || (start !== undefined && Buffer.compare(start, end) >= 0);
}

const valueBytes = nativeLmdb.globalBuffer;
const valueMemory = valueBytes.buffer;
const valueAt = valueBytes.byteOffset;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabUsed = 0;

/** A copy of what the value buffer holds. */
function take(length: number): Uint8Array {
  return copyOf(valueMemory, valueAt, length);
}

function copyOf(memory: ArrayBufferLike, at: number, length: number): Uint8Array {
  const source = new Uint8Array(memory, at, length);
  if (length >= OWN_BUFFER_FROM) {
    const own = Buffer.allocUnsafeSlow(length);
    own.set(source);
    return own;
  }
  if (slabUsed + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  const from = slabUsed;
  slabUsed += length;
  slab.set(source, from);
  return slab.subarray(from, slabUsed);
}
