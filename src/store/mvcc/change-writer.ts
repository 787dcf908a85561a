/**
 * Writes the changes of one revision. A put that creates a key writes two rows, any other put three, a deletion removes one and writes
 * two; a lease adds one.
 *
 * Invariants: all changes of a revision are made in one turn of the event loop; listeners hear of it when it is complete.
 */

import { encodeKeyValue } from '../../wire/v3/key-value.ts';
import type { ByteSlab } from './byte-slab.ts';
import { historyKey, leaseKey, shortRevision } from './composite-key.ts';
import { REVISION_KEY_BYTES, writeRevisionKey, writeTombstoneKey } from './revision-key.ts';
import { encodeTombstone, encodeVersion, readHead, VersionHead } from './row.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { MvccEvent, RevisionEvents } from './types.ts';

const NOTHING = new Uint8Array(0);

export class ChangeWriter {
  readonly #tables: MvccTables;
  readonly #state: MvccState;
  readonly #slab: ByteSlab;
  readonly #emit: (events: RevisionEvents) => void;
  readonly #before = new VersionHead();
  readonly #version = { createRevision: 0, version: 0, lease: 0n, prevMain: 0, prevSub: 0 };
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
    const version = this.#version;
    const main = this.#begin();
    const sub = this.#events.length;
    let leaseBefore = 0n;
    if (row === undefined) {
      this.#state.keyCount++;
      version.createRevision = main;
      version.version = 1;
      version.prevMain = 0;
      version.prevSub = 0;
    } else {
      const before = this.#before;
      readHead(row, before);
      version.createRevision = before.createRevision;
      version.version = before.version + 1;
      version.prevMain = before.modRevision;
      version.prevSub = before.sub;
      leaseBefore = before.lease;
      tables.history.put(historyKey(key, before.modRevision, before.sub), shortRevision(main, sub));
    }
    version.lease = lease;
    const encoded = encodeVersion(this.#slab, key, value, main, sub, version);
    const revision = this.#slab.take(REVISION_KEY_BYTES);
    writeRevisionKey(revision, 0, main, sub);
    tables.revisions.put(revision, encoded.revision);
    tables.current.put(key, encoded.current);
    if (lease !== leaseBefore) {
      if (leaseBefore !== 0n) tables.leaseKeys.remove(leaseKey(leaseBefore, key));
      if (lease !== 0n) tables.leaseKeys.put(leaseKey(lease, key), NOTHING);
    }
    this.#events.push({ type: 'put', kv: encoded.kv, key, isCreate: row === undefined });
  }

  /** @param row the key's row in `current` */
  delete(key: Uint8Array, row: Uint8Array): void {
    const tables = this.#tables;
    const main = this.#begin();
    const sub = this.#events.length;
    const before = this.#before;
    readHead(row, before);
    this.#state.keyCount--;
    tables.history.put(historyKey(key, before.modRevision, before.sub), shortRevision(main, sub));
    const revision = this.#slab.take(REVISION_KEY_BYTES + 1);
    writeTombstoneKey(revision, 0, main, sub);
    tables.revisions.put(revision, encodeTombstone(this.#slab, key, sub, before.modRevision, before.sub));
    tables.current.remove(key);
    if (before.lease !== 0n) tables.leaseKeys.remove(leaseKey(before.lease, key));
    this.#events.push({
      type: 'delete',
      kv: encodeKeyValue(key, 0, main, 0, NOTHING, 0n),
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

  #begin(): number {
    const main = this.#state.revision + 1;
    this.#state.newest = main;
    return main;
  }
}
