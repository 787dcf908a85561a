/**
 * Ordered tables on disk that change by whole batches: what stands below the Backend's memory of uncommitted writes. A batch is durable
 * as a whole or not at all; batches become durable in the order in which they were given. Reads see committed batches only.
 *
 * Keys are 1 to DURABLE_KEY_BYTES_MAX bytes long and ordered bytewise. Bytes handed out belong to the caller.
 */
export const DURABLE_KEY_BYTES_MAX = 1970;

export interface KeyRange {
  /** Inclusive; undefined: from the first key. */
  readonly start?: Uint8Array | undefined;
  /** Exclusive; undefined: to the last key. */
  readonly end?: Uint8Array | undefined;
}

export interface ScanRange extends KeyRange {
  /** From the end of the range to its start. */
  readonly reverse?: boolean | undefined;
}

/** Returns false to end the scan. */
export type Visit = (key: Uint8Array, value: Uint8Array) => boolean;

export interface TableReader {
  get(key: Uint8Array): Uint8Array | undefined;
  scan(range: ScanRange, visit: Visit): void;
  count(range: KeyRange): number;
}

export interface DurableEntry {
  readonly key: Uint8Array;
  /** Undefined: the key is removed. */
  readonly value: Uint8Array | undefined;
}

/** Where a key or a value stands. */
export interface BytesPlace {
  bytes: Uint8Array;
  start: number;
  length: number;
}

/** In any order, no key twice; to be iterated as often as one likes. */
export interface DurableEntries extends Iterable<DurableEntry> {
  readonly size: number;
  /** Without an object made: writes where key and value of an entry (0 <= entry < size) are into the places; false: the key is removed. */
  read(entry: number, key: BytesPlace, value: BytesPlace): boolean;
}

/** Entries that stand in an array. */
export function listedEntries(entries: readonly DurableEntry[]): DurableEntries {
  return {
    size: entries.length,
    read(entry, keyPlace, valuePlace) {
      const { key, value } = entries[entry]!;
      placeAll(keyPlace, key);
      if (value !== undefined) placeAll(valuePlace, value);
      return value !== undefined;
    },
    [Symbol.iterator]: () => entries[Symbol.iterator](),
  };
}

/** All of the bytes. */
export function placeAll(place: BytesPlace, bytes: Uint8Array): void {
  place.bytes = bytes;
  place.start = 0;
  place.length = bytes.length;
}

/** Changes of one table. Several of a batch are about the same table, then in order. */
export interface TableChanges {
  readonly table: string;
  readonly entries: DurableEntries;
}

export type DurableBatch = readonly TableChanges[];

export interface DurableTables {
  /** What is committed in a table now; an empty table if there is none of that name. Stays valid whatever happens to the tables. */
  table(name: string): TableReader;
  /** Names of the tables that exist, sorted. */
  names(): string[];
  /**
   * Makes the whole batch durable. Values must not change until it resolves. Not to be called while another write is under way.
   * Rejects with a DiskError, after which nothing more may be written.
   */
  write(batch: DurableBatch): Promise<void>;
  /** What is committed now, for as long as it is not released. */
  view(): DurableView;
  /** Size of the file that holds the tables. */
  readonly sizeBytes: number;
  /** The part of it that holds live data. */
  readonly sizeInUseBytes: number;
  /**
   * Other tables beside these: empty, or without the free space and holding what is committed at some moment between this call and its end.
   * They are gone after a crash unless they were adopted.
   */
  replacement(content: 'empty' | 'copy'): Promise<Replacement>;
  /** No write may be under way. Views and replacements that are left end with it. */
  close(): Promise<void>;
}

export interface DurableView {
  table(name: string): TableReader;
  names(): string[];
  release(): void;
}

export interface Replacement {
  /** What is committed in it. */
  table(name: string): TableReader;
  write(batch: DurableBatch): Promise<void>;
  /**
   * Takes the place of the tables at once, durably: after any crash from now on it is there, and the former tables are gone. Views of the former
   * tables stay valid; a write to them that is under way ends without effect, and the next need not wait for it. No write to the replacement may
   * be under way. Throws a DiskError, after which nothing more may be written.
   */
  adopt(): void;
  /**
   * The same, in effect at once and durable when it resolves: nothing may be written before that, and if it rejects never again. For content that is
   * equal to the former.
   */
  exchange(): Promise<void>;
  /** Idempotent; does nothing if it was adopted. */
  abandon(): void;
}
