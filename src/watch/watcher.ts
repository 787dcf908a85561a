/**
 * One watch. Invariant: it is in exactly one of these states: in a group of a cohort (and delivered to), paused, on its way to being told that its revision was
 * compacted away, or over.
 */

import type { KeySpan } from './key-span.ts';
import type { Watch, WatchSink } from './types.ts';
import type { WatchGroup } from './watch-group.ts';

/** What a watch asks of its hub. */
export interface WatcherOwner {
  readonly storeRevision: number;
  resume(watcher: Watcher): void;
  cancel(watcher: Watcher): void;
}

export class Watcher implements Watch {
  readonly span: KeySpan;
  readonly flags: number;
  readonly sink: WatchSink;
  readonly #owner: WatcherOwner;
  state: 'active' | 'paused' | 'over' = 'active';
  /** Nothing below this revision is delivered (any more). In a group, the cohort's position tells where the watch is, if that is higher. */
  next: number;
  group: WatchGroup | undefined;
  /** Place in the group. */
  place = -1;

  constructor(span: KeySpan, flags: number, next: number, sink: WatchSink, owner: WatcherOwner) {
    this.span = span;
    this.flags = flags;
    this.next = next;
    this.sink = sink;
    this.#owner = owner;
  }

  get synced(): boolean {
    return this.state === 'active' && this.revision >= this.#owner.storeRevision;
  }

  get revision(): number {
    const reached = this.group?.reachedBy(this) ?? 0;
    return Math.max(reached, this.next) - 1;
  }

  resume(): void {
    if (this.state === 'paused') this.#owner.resume(this);
  }

  cancel(): void {
    if (this.state !== 'over') this.#owner.cancel(this);
  }
}
