/**
 * The functions below npm lmdb's own interface, which that package uses itself and exports without describing them; its version is pinned for
 * their sake. They read and write without an object, a closure or a promise a row: on the development machine a row of a scan costs 0.3 us
 * this way, copied, and 0.9 us through `getRange`; and a large batch can be handed over in slices.
 *
 * How they pass bytes (`keyBytes` is the buffer given to `Env.open`, the value buffer is one for the whole process):
 *
 *     key in       keyBytes[0 ..]                      its length is a parameter
 *     end key in   u32 length, bytes                   at an address that must stay until the cursor is done
 *     key out      keyBytes[32 ..]                     its length is the result
 *     value out    value buffer[0 ..]                  get: its length is the result; cursors: u32 at keyBytes[0]
 *     too large    result -30000 or -30001, or u32 at keyBytes[4] not 0; u32 at keyBytes[0] is the length
 */

import * as lmdb from 'lmdb';

export interface NativeEnv {
  open(
    options: {
      readonly path: string;
      readonly keyBytes: Uint8Array;
      readonly maxDbs: number;
      readonly maxReaders: number;
      readonly mapSize: number;
    },
    flags: number,
    jsFlags: number,
  ): void;
  close(): void;
  /** Runs the instructions on another thread as one transaction; calls back with 0 once it is durable, or an error's number. */
  startWriting(instructions: number, callback: (code: number) => void): void;
}

export interface NativeTransaction {
  readonly address: number;
  abort(): void;
}

export interface NativeDbi {
  /** LMDB's own number for the table. */
  readonly dbi: number;
  readonly address: number;
}

export interface NativeCursor {
  readonly address: number;
  close(): void;
}

export interface NativeLmdb {
  readonly Env: new () => NativeEnv;
  readonly Txn: new (env: NativeEnv, flags: number) => NativeTransaction;
  readonly Dbi: new (
    env: NativeEnv,
    flags: number,
    name: string,
    keyType: number,
    compression: undefined,
  ) => NativeDbi;
  readonly Cursor: new (dbi: NativeDbi, transaction: number) => NativeCursor;
  readonly globalBuffer: Buffer;
  setGlobalBuffer(buffer: Uint8Array): void;
  getAddress(buffer: ArrayBufferLike): number;
  /** The value's length, or an error below 0. */
  getByBinary(dbi: number, keyLength: number, ifNotTransaction: number, transaction: number): number;
  /** The key's length, 0 at the end, or an error below 0; the number of rows with COUNT_ONLY. */
  position(cursor: number, flags: number, offset: number, keyLength: number, endKey: number): number;
  iterate(cursor: number): number;
  getCurrentValue(cursor: number): number;
  resetTxn(transaction: number): void;
  /** Throws LMDB's sentence for an error's number. */
  lmdbError(code: number): never;
}

export const READ_ONLY = 0x20000;
export const NO_SUBDIRECTORY = 0x4000;
/** The kind of keys that are bytes in bytewise order. */
export const BINARY_KEYS = 3;

export const WITH_VALUES = 0x100;
export const REVERSE = 0x400;
export const COUNT_ONLY = 0x1000;
export const RENEW_CURSOR = 0x2000;
export const INCLUSIVE_END = 0x8000;
export const EXCLUSIVE_START = 0x10000;

export const NOT_FOUND = -30798;
export const TOO_LARGE = -30000;
export const TOO_LARGE_SHARED = -30001;

/** Where a key is handed out. */
export const KEY_AT = 32;
export const KEY_BUFFER_BYTES = 4096;

export const nativeLmdb: NativeLmdb = (lmdb as unknown as { readonly nativeAddon: NativeLmdb }).nativeAddon;
