/**
 * The last 1000 changes, for watches that begin in the past. A ring: event i stands at (i - start) from the front, since
 * every change has an index of its own and no index is left out.
 */

import { EVENT_INDEX_CLEARED, v2Error } from './errors.ts';
import type { V2Error, V2Event } from './types.ts';

export const HISTORY_EVENTS_MAX = 1000;

/** What a look into the history says: an event, a refusal, or (both undefined) that it is still to come. */
export interface HistoryFinding {
  readonly event: V2Event | undefined;
  readonly error: V2Error | undefined;
}

const NOTHING_YET: HistoryFinding = { event: undefined, error: undefined };

export class EventHistory {
  #ring: V2Event[] = [];
  /** Place of the oldest event once the ring is full. */
  #front = 0;

  get size(): number {
    return this.#ring.length;
  }

  /** Index of the oldest event; 0 while there is none. */
  get startIndex(): number {
    return this.#ring[this.#front]?.node.modifiedIndex ?? 0;
  }

  /** Index of the newest event; 0 while there is none. */
  get lastIndex(): number {
    return this.#at(this.#ring.length - 1)?.node.modifiedIndex ?? 0;
  }

  add(event: V2Event): void {
    if (this.#ring.length < HISTORY_EVENTS_MAX) {
      this.#ring.push(event);
      return;
    }
    this.#ring[this.#front] = event;
    this.#front = this.#front + 1 === HISTORY_EVENTS_MAX ? 0 : this.#front + 1;
  }

  /** The events from the oldest to the newest, as a copy. */
  toArray(): V2Event[] {
    return this.#front === 0
      ? this.#ring.slice()
      : this.#ring.slice(this.#front).concat(this.#ring.slice(0, this.#front));
  }

  /** Starts over with these, oldest first. */
  reset(events: readonly V2Event[]): void {
    this.#ring = events.slice(-HISTORY_EVENTS_MAX);
    this.#front = 0;
  }

  /**
   * The first event at or after `sinceIndex` that a watch on `path` is told of. As in etcd, and unlike live watches, hidden
   * keys below the path count, and so does the removal of any directory whose path is a textual prefix of `path`.
   */
  find(path: string, recursive: boolean, sinceIndex: number, storeIndex: number): HistoryFinding {
    const startIndex = this.startIndex;
    if (sinceIndex < startIndex) {
      const cause = `the requested history has been cleared [${startIndex}/${sinceIndex}]`;
      return { event: undefined, error: v2Error(EVENT_INDEX_CLEARED, cause, storeIndex) };
    }
    if (sinceIndex > this.lastIndex) return NOTHING_YET;
    const below = path === '/' ? '/' : `${path}/`;
    for (let at = sinceIndex - startIndex; at < this.#ring.length; at += 1) {
      const event = this.#at(at)!;
      if (event.refresh === true) continue;
      const key = event.node.key ?? '';
      if (key === path || (recursive && key.startsWith(below)) || removesDirAbove(event, path)) {
        return { event, error: undefined };
      }
    }
    return NOTHING_YET;
  }

  #at(offset: number): V2Event | undefined {
    const place = this.#front + offset;
    return this.#ring[place < HISTORY_EVENTS_MAX ? place : place - HISTORY_EVENTS_MAX];
  }
}

function removesDirAbove(event: V2Event, path: string): boolean {
  if (event.action !== 'delete' && event.action !== 'expire') return false;
  return event.prevNode?.dir === true && path.startsWith(event.prevNode.key ?? '');
}
