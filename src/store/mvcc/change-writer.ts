/**
 * Writes the changes of one revision. A put writes two rows, in every so many versions a third (history-index.ts); a deletion removes
 * one and writes two; a lease adds one.
 *
 * Invariants: all changes of a revision are made in one turn of the event loop; listeners hear of it when it is complete.
 */

import { encodeKeyValue } from '../../wire/v3/key-value.ts';
import type { ByteSlab } from './byte-slab.ts';
import { leaseKey } from './composite-key.ts';
import { indexChange, isIndexed } from './history-index.ts';
import { REVISION_KEY_BYTES, writeRevisionKey, writeTombstoneKey } from './revision-key.ts';
import {
  encodeTombstone,
  encodeVersion,
  INLINE_VALUE_MAX,
  type NewVersion,
  readHead,
  VersionHead,
} from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { MvccEvent, RevisionEvents } from './types.ts';

const NOTHING = new Uint8Array(0);

export class ChangeWriter {
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #slab: ByteSlab;
  readonly #emit: (events: RevisionEvents) => void;
  readonly #before = new VersionHead();
  readonly #version: NewVersion = {
    main: 0,
    sub: 0,
    createRevision: 0,
    version: 0,
    lease: 0n,
    prevMain: 0,
    prevSub: 0,
    isBeforeIndexed: false,
  };
  #events: MvccEvent[] = [];

  constructor(tables: MvccTables, state: MvccState, slab: ByteSlab, emit: (events: RevisionEvents) => void) {
    this.#tables = tables;
    this.#state = state;
    this.#slab = slab;
    this.#emit = emit;
  }

  /** The revision that the next change belongs to. */
  get main(): number {
    return this.#state.revision + 1;
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
    const encoded = encodeVersion(this.#slab, key, value, version);
    const revision = this.#slab.take(REVISION_KEY_BYTES);
    writeRevisionKey(revision, 0, version.main, version.sub);
    tables.revisions.put(revision, encoded.revision);
    tables.current.put(key, encoded.current);
    if (row === undefined) tables.counts.added(key);
    if (isIndexed(version.version, value.length > INLINE_VALUE_MAX)) {
      indexChange(tables, this.#slab, key, version);
    }
    if (lease !== leaseBefore) {
      if (leaseBefore !== 0n) tables.leaseKeys.remove(leaseKey(leaseBefore, key));
      if (lease !== 0n) tables.leaseKeys.put(leaseKey(lease, key), NOTHING);
    }
    this.#events.push({ type: 'put', kv: encoded.kv, key, isCreate: row === undefined });
  }

  /** @param row the key's row in `current` */
  delete(key: Uint8Array, row: Uint8Array): void {
    const tables = this.#tables;
    const version = this.#begin(row);
    this.#state.keyCount--;
    const revision = this.#slab.take(REVISION_KEY_BYTES + 1);
    writeTombstoneKey(revision, 0, version.main, version.sub);
    tables.revisions.put(revision, encodeTombstone(this.#slab, key, version));
    tables.current.remove(key);
    tables.counts.removed(key);
    indexChange(tables, this.#slab, key, version);
    if (version.lease !== 0n) tables.leaseKeys.remove(leaseKey(version.lease, key));
    this.#events.push({
      type: 'delete',
      kv: encodeKeyValue(key, 0, version.main, 0, NOTHING, 0n),
      key,
      isCreate: false,
    });
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
