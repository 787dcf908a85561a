/**
 * Stores for the hub's tests. The fake one is the whole history in an array; bytes that a store lends for a turn only are spoilt by `endTurn`.
 */

import type { EncodedKeyValue, MvccEvent, RevisionEvents } from '../../src/store/mvcc/types.ts';
import type { WatchedStore } from '../../src/watch/create-watch-hub.ts';
import type { WatchRequest } from '../../src/watch/types.ts';

export interface Write {
  readonly type: 'put' | 'delete';
  readonly key: string;
}

export interface TestedStore extends WatchedStore {
  /** All revisions there were, whatever was compacted; the first one is 2. */
  readonly history: readonly RevisionEvents[];
  /** undefined: it changed nothing. */
  write(writes: readonly Write[]): RevisionEvents | undefined;
  compact(revision: number): void;
  endTurn(): void;
}

/** The KeyValue of the key before a revision, as text, from the history alone. */
export function naiveValueBefore(store: TestedStore, key: Uint8Array, revision: number): string | undefined {
  for (let past = revision - 1; past >= 2; past -= 1) {
    const event = store.history[past - 2]!.events.findLast((each) => Buffer.compare(each.key, key) === 0);
    if (event !== undefined) return event.type === 'put' ? textOf(event.kv) : undefined;
  }
  return undefined;
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export class FakeStore implements TestedStore {
  revision = 1;
  compactedRevision = -1;
  /** How often history was scanned. */
  scans = 0;
  readonly history: RevisionEvents[] = [];
  readonly #current = new Map<string, number>();
  readonly #lent: Uint8Array[] = [];

  write(writes: readonly Write[]): RevisionEvents {
    this.revision += 1;
    const events = writes.map(({ type, key }): MvccEvent => {
      const isCreate = type === 'put' && !this.#current.has(key);
      if (type === 'put') this.#current.set(key, this.revision);
      else this.#current.delete(key);
      return { type, key: Buffer.from(key), kv: Buffer.from(kvText(type, key, this.revision)), isCreate };
    });
    const made = { revision: this.revision, events };
    this.history.push(made);
    return made;
  }

  compact(revision: number): void {
    if (revision > this.compactedRevision && revision <= this.revision) this.compactedRevision = revision;
  }

  eventsFrom(fromRevision: number, bytesMax: number): ReturnType<WatchedStore['eventsFrom']> {
    if (fromRevision < this.compactedRevision) return { kind: 'error', code: 'compacted' };
    this.scans += 1;
    const batches: RevisionEvents[] = [];
    let bytes = 0;
    let next = this.revision + 1;
    for (const { revision, events } of this.history.slice(Math.max(0, fromRevision - 2))) {
      if (batches.length > 0 && bytes >= bytesMax) {
        next = revision;
        break;
      }
      for (const { kv } of events) bytes += kv.length;
      batches.push({
        revision,
        events: events.map((event) => ({ ...event, kv: this.#lend(event.kv), key: this.#lend(event.key) })),
      });
    }
    return { batches, next };
  }

  valueBefore(key: Uint8Array, revision: number): EncodedKeyValue | undefined {
    const text = naiveValueBefore(this, key, revision);
    return text === undefined || revision - 1 < this.compactedRevision
      ? undefined
      : this.#lend(Buffer.from(text));
  }

  endTurn(): void {
    for (const bytes of this.#lent) bytes.fill(0);
    this.#lent.length = 0;
  }

  #lend(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    this.#lent.push(copy);
    return copy;
  }
}

export function kvText(type: string, key: string, revision: number): string {
  return `${type} ${key} @${revision}`;
}

export function watchOf(key: string, rangeEnd = '', more: Partial<WatchRequest> = {}): WatchRequest {
  return {
    key: Buffer.from(key),
    rangeEnd: Buffer.from(rangeEnd),
    startRevision: 0,
    prevKv: false,
    noPut: false,
    noDelete: false,
    ...more,
  };
}

/** The range test as one writes it down from the protocol's text. */
export function concerns(request: WatchRequest, key: Uint8Array): boolean {
  const { rangeEnd } = request;
  if (rangeEnd.length === 0) return Buffer.compare(request.key, key) === 0;
  if (Buffer.compare(key, request.key) < 0) return false;
  return (rangeEnd.length === 1 && rangeEnd[0] === 0) || Buffer.compare(key, rangeEnd) < 0;
}
