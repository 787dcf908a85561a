/**
 * Fills the store's tables from the rows of etcd's bucket "key", in their order: what is known of a key's version before a change, our tables note, etcd's do
 * not. Of versions that a compaction has taken away nothing is known and nothing is needed: they are not readable.
 *
 * Every row is decoded, encoded again and compared, so that what is in the tables afterwards is what the store itself would have written; and each has to
 * follow from the one before of its key, as readers of the past rely on it.
 *
 * A row without any content, as `snapshot restore --bump-revision` makes it, only holds its revision; it is kept as it is, since HashKV counts it.
 */

import type { BackendTable } from '../../ports/backend.ts';
import { compareBytes } from '../../ports/byte-order.ts';
import { DecodeError } from '../../wire/protobuf.ts';
import { decodeKeyValue, type KeyValue } from '../../wire/v3/key-value.ts';
import { ByteSlab } from './byte-slab.ts';
import { leaseKey } from './composite-key.ts';
import { indexChange, isIndexed } from './history-index.ts';
import { isTombstoneKey, mainOf, REVISION_KEY_BYTES, revisionKey, subOf } from './revision-key.ts';
import {
  blankVersion,
  encodeTombstone,
  encodeVersion,
  INLINE_VALUE_MAX,
  keyValueIn,
  readHead,
  VersionHead,
} from './row.ts';
import { saveFinishedCompaction, saveScheduledCompaction, saveState } from './tables.ts';

/** The tables to be filled: empty at first. */
export interface ImportTables {
  table(name: string): Pick<BackendTable, 'get' | 'put' | 'remove'>;
}

/** -1: there was none. */
export interface ImportedCompactions {
  readonly scheduledCompaction: number;
  readonly finishedCompaction: number;
}

/** Of the last entry of the log that the rows hold the effect of. */
export interface ImportedPosition {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
}

const NOTHING = new Uint8Array(0);

/** What is wrong with a row. */
export class BrokenRow extends Error {
  override readonly name = 'BrokenRow';
}

export class VersionImport {
  readonly #current: ReturnType<ImportTables['table']>;
  readonly #revisions: ReturnType<ImportTables['table']>;
  readonly #history: ReturnType<ImportTables['table']>;
  readonly #leaseKeys: ReturnType<ImportTables['table']>;
  readonly #meta: ReturnType<ImportTables['table']>;
  readonly #compactions: ImportedCompactions;
  /** The oldest revision that can be read. */
  readonly #compacted: number;
  readonly #slab = new ByteSlab();
  readonly #before = new VersionHead();
  readonly #version = blankVersion();
  #keyCount = 0;
  #revision = 1;

  constructor(tables: ImportTables, compactions: ImportedCompactions) {
    this.#compactions = compactions;
    this.#compacted = Math.max(compactions.scheduledCompaction, compactions.finishedCompaction);
    this.#current = tables.table('current');
    this.#revisions = tables.table('revisions');
    this.#history = tables.table('history');
    this.#leaseKeys = tables.table('lease-keys');
    this.#meta = tables.table('mvcc-meta');
  }

  /** The newest revision so far. */
  get revision(): number {
    return this.#revision;
  }

  /** To be called in the order of the keys. Bytes of `row` are not kept. Throws a BrokenRow for what etcd does not write. */
  add(key: Uint8Array, row: Uint8Array): void {
    const version = this.#version;
    const isTombstone = isTombstoneKey(key);
    if (!isRevision(key, isTombstone)) throw new BrokenRow(`a key ${hex(key)} that is no revision`);
    version.main = mainOf(key);
    version.sub = subOf(key);
    const told = revisionKey(version.main, version.sub);
    this.#revision = Math.max(this.#revision, version.main);
    if (row.length === 0) this.#revisions.put(told, NOTHING);
    else {
      const keyValue = this.#decoded(row);
      if (isTombstone) this.#delete(key.slice(), row, keyValue);
      else this.#put(told, row, keyValue);
    }
  }

  /** After the last row: writes the store's numbers. */
  finish({ appliedIndex, appliedTerm }: ImportedPosition): void {
    const { scheduledCompaction, finishedCompaction } = this.#compactions;
    const meta = { meta: this.#meta };
    if (scheduledCompaction >= 0) saveScheduledCompaction(meta, scheduledCompaction);
    if (finishedCompaction >= 0) saveFinishedCompaction(meta, finishedCompaction);
    const revision = Math.max(this.#revision, this.#compacted);
    saveState(meta, { revision, keyCount: this.#keyCount, appliedIndex, appliedTerm });
  }

  #put(revision: Uint8Array, row: Uint8Array, { key, value, ...numbers }: KeyValue): void {
    const version = this.#version;
    if (numbers.modRevision !== version.main || numbers.version < 1)
      throw new BrokenRow(
        `a row at ${this.#place()} that says it is version ${numbers.version} of ${numbers.modRevision}`,
      );
    const hadLease = this.#readBefore(key);
    version.createRevision = numbers.createRevision;
    version.version = numbers.version;
    version.lease = numbers.lease;
    const encoded = encodeVersion(this.#slab, key, value, version);
    this.#check(encoded.kv, row);
    if (!this.#follows())
      throw new BrokenRow(`a row at ${this.#place()} that does not follow from the one before`);
    this.#revisions.put(revision, encoded.revision);
    const ownKey = key.slice();
    this.#current.put(ownKey, encoded.current);
    // Without the version before there is nothing that an entry could lead to.
    if (version.prevMain !== 0 && isIndexed(version.version, value.length > INLINE_VALUE_MAX))
      indexChange({ history: this.#history }, this.#slab, ownKey, version);
    if (version.prevMain === 0) this.#keyCount++;
    if (hadLease !== version.lease) {
      if (hadLease !== 0n) this.#leaseKeys.remove(leaseKey(hadLease, ownKey));
      if (version.lease !== 0n) this.#leaseKeys.put(leaseKey(version.lease, ownKey), NOTHING);
    }
  }

  #delete(revision: Uint8Array, row: Uint8Array, { key }: KeyValue): void {
    const version = this.#version;
    const hadLease = this.#readBefore(key);
    const tombstone = encodeTombstone(this.#slab, key, version);
    this.#check(keyValueIn(tombstone), row);
    this.#revisions.put(revision, tombstone);
    const ownKey = key.slice();
    if (version.prevMain === 0) return;
    this.#current.remove(ownKey);
    indexChange({ history: this.#history }, this.#slab, ownKey, version);
    if (hadLease !== 0n) this.#leaseKeys.remove(leaseKey(hadLease, ownKey));
    this.#keyCount--;
  }

  /** Fills in what the change supersedes; returns the lease that the key hung on. */
  #readBefore(key: Uint8Array): bigint {
    const version = this.#version;
    const before = this.#before;
    const row = this.#current.get(key);
    if (row === undefined) {
      version.createRevision = 0;
      version.prevMain = 0;
      version.prevSub = 0;
      version.isBeforeIndexed = false;
      return 0n;
    }
    readHead(row, before);
    version.createRevision = before.createRevision;
    version.prevMain = before.modRevision;
    version.prevSub = before.sub;
    version.isBeforeIndexed = isIndexed(before.version, before.isValueElsewhere);
    return before.lease;
  }

  /** Whether a put belongs to the life of the version before, or begins one; where a compaction has been, that version may be gone. */
  #follows(): boolean {
    const { main, prevMain, createRevision } = this.#version;
    if (prevMain !== 0) return createRevision === this.#before.createRevision;
    return createRevision === main || (createRevision < main && main <= this.#compacted);
  }

  #decoded(row: Uint8Array): KeyValue {
    try {
      const keyValue = decodeKeyValue(row);
      if (keyValue.key.length > 0) return keyValue;
    } catch (error) {
      if (error instanceof DecodeError) throw new BrokenRow(`a row at ${this.#place()}: ${error.message}`);
      throw error;
    }
    throw new BrokenRow(`a row at ${this.#place()} without a key`);
  }

  #check(encoded: Uint8Array, row: Uint8Array): void {
    if (compareBytes(encoded, row) !== 0)
      throw new BrokenRow(`a row at ${this.#place()} that is not as etcd encodes one`);
  }

  #place(): string {
    return `revision ${this.#version.main}.${this.#version.sub}`;
  }
}

/** Whether the bytes are what a revision is written as, and one that the tables have room for. */
function isRevision(key: Uint8Array, isTombstone: boolean): boolean {
  const end = REVISION_KEY_BYTES;
  if (key.length !== (isTombstone ? end + 1 : end) || (isTombstone && key[end] !== TOMBSTONE_MARK))
    return false;
  const main = mainOf(key);
  const sub = subOf(key);
  if (!Number.isSafeInteger(main) || sub > SUB_MAX) return false;
  return compareBytes(key.subarray(0, end), revisionKey(main, sub)) === 0;
}

const TOMBSTONE_MARK = 0x74;
/** Changes of one revision. */
const SUB_MAX = 0xffff_ffff;

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
