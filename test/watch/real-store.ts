/** The multi-version store on a naive backend, for the hub's tests: what it told its listeners is the history. */

import { createMvccStore } from '../../src/store/mvcc/create-mvcc-store.ts';
import type { EncodedKeyValue, RevisionEvents } from '../../src/store/mvcc/types.ts';
import type { RequestOp } from '../../src/wire/v3/kv-types.ts';
import { NaiveBackend } from '../store/mvcc/naive-backend.ts';
import { deleteRequest, putRequest } from '../store/mvcc/requests.ts';
import type { TestedStore, Write } from './fake-store.ts';

export class RealStore implements TestedStore {
  readonly history: RevisionEvents[] = [];
  readonly #store = createMvccStore(new NaiveBackend(), { leases: { exists: () => false } });

  constructor() {
    this.#store.onRevision((events) => this.history.push(events));
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  write(writes: readonly Write[]): RevisionEvents | undefined {
    const { revision } = this.#store;
    const success = writes.map(
      ({ type, key }): RequestOp =>
        type === 'put'
          ? { kind: 'put', request: putRequest(key, `written after ${revision}`) }
          : { kind: 'delete-range', request: deleteRequest(key) },
    );
    this.#store.txn({ compare: [], success, failure: [] });
    return this.#store.revision > revision ? this.history.at(-1) : undefined;
  }

  compact(revision: number): void {
    this.#store.compact({ revision, physical: false });
  }

  eventsFrom(fromRevision: number, bytesMax: number): ReturnType<TestedStore['eventsFrom']> {
    return this.#store.eventsFrom(fromRevision, bytesMax);
  }

  valueBefore(key: Uint8Array, revision: number): EncodedKeyValue | undefined {
    return this.#store.valueBefore(key, revision);
  }

  endTurn(): void {
    this.#store.compactSlice();
  }
}
