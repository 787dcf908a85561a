/**
 * Writes the changes of one revision. A put writes two rows, in every so many versions a third (history-index.ts); a deletion removes
 * one and writes two; a lease adds one.
 *
 * Invariants: all changes of a revision are made in one turn of the event loop, or apart from the tables (large-deletion.ts); listeners hear of it when it is
 * complete.
 */

import type { BackendTable } from '../../ports/backend.ts';
import { encodeKeyValue } from '../../wire/v3/key-value.ts';
import type { ByteSlab } from './byte-slab.ts';
import { leaseKey } from './composite-key.ts';
import { indexChange, isIndexed } from './history-index.ts';
import { REVISION_KEY_BYTES, writeRevisionKey, writeTombstoneKey } from './revision-key.ts';
import {
  blankVersion,
  type EncodedVersion,
  encodeTombstone,
  encodeVersionInto,
  INLINE_VALUE_MAX,
  keyValueIn,
  type NewVersion,
  readHead,
  VersionHead,
} from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { EncodedKeyValue, MvccEvent, PutResult, RevisionEvents } from './types.ts';

const NOTHING = new Uint8Array(0);

/** A put as listeners see it; most are never looked at. */
class PutEvent implements MvccEvent {
  readonly type = 'put';
  readonly key: Uint8Array;
  readonly isCreate: boolean;
  readonly #row: Uint8Array;
  #kv: EncodedKeyValue | undefined;

  /** @param row of `revisions` */
  constructor(key: Uint8Array, row: Uint8Array, isCreate: boolean) {
    this.key = key;
    this.isCreate = isCreate;
    this.#row = row;
  }

  get kv(): EncodedKeyValue {
    this.#kv ??= keyValueIn(this.#row);
    return this.#kv;
  }
}

/** A deletion as listeners see it. */
class DeleteEvent implements MvccEvent {
  readonly type = 'delete';
  readonly key: Uint8Array;
  readonly isCreate = false;
  readonly #main: number;
  #kv: EncodedKeyValue | undefined;

  constructor(key: Uint8Array, main: number) {
    this.key = key;
    this.#main = main;
  }

  get kv(): EncodedKeyValue {
    this.#kv ??= encodeKeyValue(this.key, 0, this.#main, 0, NOTHING, 0n);
    return this.#kv;
  }
}

/** What a writer needs of the tables. */
export interface WrittenTables {
  readonly current: Pick<BackendTable, 'put' | 'remove'>;
  readonly revisions: Pick<BackendTable, 'put'>;
  readonly history: Pick<BackendTable, 'put'>;
  readonly leaseKeys: Pick<BackendTable, 'put' | 'remove'>;
  readonly newest: Pick<MvccTables['newest'], 'changed'>;
  readonly counts: Pick<MvccTables['counts'], 'added' | 'removed'>;
}

export class ChangeWriter {
  /** Another one is at work: this one must not write. */
  isHeld = false;
  readonly #tables: WrittenTables;
  readonly #state: Pick<MvccState, 'revision' | 'newest' | 'keyCount'>;
  readonly #slab: ByteSlab;
  readonly #emit: (events: RevisionEvents) => void;
  readonly #before = new VersionHead();
  readonly #version = blankVersion();
  readonly #encoded: EncodedVersion = { current: NOTHING, revision: NOTHING };
  /** Tables copy their keys. */
  readonly #revisionKey = new Uint8Array(REVISION_KEY_BYTES);
  readonly #tombstoneKey = new Uint8Array(REVISION_KEY_BYTES + 1);
  #events: MvccEvent[] = [];
  #putResult: PutResult = { kind: 'put', revision: 0, prevKv: undefined };

  constructor(
    tables: WrittenTables,
    state: Pick<MvccState, 'revision' | 'newest' | 'keyCount'>,
    slab: ByteSlab,
    emit: (events: RevisionEvents) => void,
  ) {
    this.#tables = tables;
    this.#state = state;
    this.#slab = slab;
    this.#emit = emit;
  }

  /** The revision that the next change belongs to. */
  get main(): number {
    return this.#state.revision + 1;
  }

  /** What a put of this revision answers that was not asked for what was there before: the same object for all. */
  get putResult(): PutResult {
    if (this.#putResult.revision !== this.main) {
      this.#putResult = { kind: 'put', revision: this.main, prevKv: undefined };
    }
    return this.#putResult;
  }

  /** @param row the key's row in `current` */
  put(key: Uint8Array, value: Uint8Array, lease: bigint, row: Uint8Array | undefined): void {
    const tables = this.#tables;
    const version = this.#begin(row);
    if (row === undefined) {
      this.#state.keyCount++;
      version.createRevision = version.main;
    }
    version.version++;
    const leaseBefore = version.lease;
    version.lease = lease;
    const encoded = this.#encoded;
    encodeVersionInto(this.#slab, key, value, version, encoded);
    writeRevisionKey(this.#revisionKey, 0, version.main, version.sub);
    tables.revisions.put(this.#revisionKey, encoded.revision);
    tables.current.put(key, encoded.current);
    if (row === undefined) tables.counts.added(key);
    if (isIndexed(version.version, value.length > INLINE_VALUE_MAX)) {
      indexChange(tables, this.#slab, key, version);
    }
    if (lease !== leaseBefore) {
      if (leaseBefore !== 0n) tables.leaseKeys.remove(leaseKey(leaseBefore, key));
      if (lease !== 0n) tables.leaseKeys.put(leaseKey(lease, key), NOTHING);
    }
    this.#events.push(new PutEvent(key, encoded.revision, row === undefined));
  }

  /** @param row the key's row in `current` */
  delete(key: Uint8Array, row: Uint8Array): void {
    const tables = this.#tables;
    const version = this.#begin(row);
    this.#state.keyCount--;
    writeTombstoneKey(this.#tombstoneKey, 0, version.main, version.sub);
    tables.revisions.put(this.#tombstoneKey, encodeTombstone(this.#slab, key, version));
    tables.current.remove(key);
    tables.counts.removed(key);
    indexChange(tables, this.#slab, key, version);
    if (version.lease !== 0n) tables.leaseKeys.remove(leaseKey(version.lease, key));
    this.#events.push(new DeleteEvent(key, version.main));
  }

  /** Ends the revision, if there was any change; returns the newest one. */
  finish(): number {
    const state = this.#state;
    if (this.#events.length > 0) {
      state.revision = state.newest;
      const events = this.#events;
      this.#events = [];
      this.#emit({ revision: state.revision, events });
    }
    return state.revision;
  }

  /** A version that stands for the one before, numbered as the next change. */
  #begin(row: Uint8Array | undefined): NewVersion {
    if (this.isHeld) throw new Error('the store is changed while a deletion is under way');
    const version = this.#version;
    version.main = this.#state.revision + 1;
    version.sub = this.#events.length;
    this.#state.newest = version.main;
    this.#tables.newest.changed();
    if (row === undefined) {
      version.createRevision = 0;
      version.version = 0;
      version.lease = 0n;
      version.prevMain = 0;
      version.prevSub = 0;
      version.isBeforeIndexed = false;
    } else {
      const before = this.#before;
      readHead(row, before);
      version.createRevision = before.createRevision;
      version.version = before.version;
      version.lease = before.lease;
      version.prevMain = before.modRevision;
      version.prevSub = before.sub;
      version.isBeforeIndexed = isIndexed(before.version, before.isValueElsewhere);
    }
    return version;
  }
}
