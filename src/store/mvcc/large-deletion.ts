/**
 * The deletion of a range of many keys, in slices. Its changes stand apart from the tables until the last slice: whoever reads meanwhile reads the
 * revision before, no commit takes half of it, and to give it up is to forget it.
 *
 * Invariant: nothing else changes the store from the beginning to the end, compactions included.
 */

import type { WritesApart } from '../../ports/backend.ts';
import type { DeleteRangeRequest } from '../../wire/v3/kv-types.ts';
import type { ByteSlab } from './byte-slab.ts';
import { ChangeWriter } from './change-writer.ts';
import type { KeyBounds } from './key-bounds.ts';
import { keyAfter } from './revision-key.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { DeleteRangeResult, DeletionJob, EncodedKeyValue, RevisionEvents } from './types.ts';
import { keyValueOfCurrent } from './versions.ts';
import { currentRows } from './write-operations.ts';

export interface LargeDeletionParts {
  readonly tables: MvccTables;
  readonly state: MvccState;
  readonly slab: ByteSlab;
  readonly apart: WritesApart;
  /** Keys to a slice. */
  readonly sliceKeys: number;
  /** The deletion is whole; called before listeners may read. */
  readonly onDone: (events: RevisionEvents) => void;
}

/** Keys are counted when the deletion is whole. */
const NO_COUNTS = { added: () => {}, removed: () => {} };
/** Nobody looks up single keys in the writes that stand apart. */
const NO_NEWEST = { changed: () => {} };

export class LargeDeletion implements DeletionJob {
  readonly kind = 'job';
  readonly #parts: LargeDeletionParts;
  readonly #request: DeleteRangeRequest;
  readonly #bounds: KeyBounds;
  readonly #generation: number;
  /** The store's numbers as they will be. */
  readonly #draft: Pick<MvccState, 'revision' | 'newest' | 'keyCount'>;
  readonly #writer: ChangeWriter;
  readonly #prevKvs: EncodedKeyValue[] = [];
  #next: Uint8Array | undefined;
  #deleted = 0;

  constructor(parts: LargeDeletionParts, request: DeleteRangeRequest, bounds: KeyBounds) {
    const { apart, state } = parts;
    this.#parts = parts;
    this.#request = request;
    this.#bounds = bounds;
    this.#generation = state.generation;
    this.#draft = { revision: state.revision, newest: state.newest, keyCount: state.keyCount };
    this.#next = bounds.start;
    const tables = {
      current: apart.table('current'),
      revisions: apart.table('revisions'),
      history: apart.table('history'),
      leaseKeys: apart.table('lease-keys'),
      newest: NO_NEWEST,
      counts: NO_COUNTS,
    };
    this.#writer = new ChangeWriter(tables, this.#draft, parts.slab, (events) => this.#join(events));
  }

  run(): DeleteRangeResult | undefined {
    const { tables, state, sliceKeys, apart } = this.#parts;
    if (state.generation !== this.#generation) throw new Error('a deletion goes on in another state');
    const { keys, rows } = currentRows(tables, { start: this.#next, end: this.#bounds.end }, sliceKeys);
    for (let i = 0; i < keys.length; i++) {
      // Copied: it is answered in a later turn.
      if (this.#request.prevKv) this.#prevKvs.push(keyValueOfCurrent(tables, rows[i]!).slice());
      this.#writer.delete(keys[i]!, rows[i]!);
    }
    this.#deleted += keys.length;
    apart.arrange();
    if (keys.length === sliceKeys) {
      this.#next = keyAfter(keys.at(-1)!);
      return undefined;
    }
    const revision = this.#writer.finish();
    return { kind: 'delete-range', revision, deleted: this.#deleted, prevKvs: this.#prevKvs };
  }

  #join(events: RevisionEvents): void {
    const { apart, tables, state, onDone } = this.#parts;
    apart.join();
    Object.assign(state, this.#draft);
    tables.newest.changed();
    tables.counts.cleared(this.#bounds);
    onDone(events);
  }
}
