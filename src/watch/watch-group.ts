/**
 * Watchers of one cohort that watch the same keys in the same way, and the events that wait for them: one array for all. While a batch is being delivered the
 * group remembers who has got it: members before `cursor` have, members from there up to `limit` have not, members behind that came later and do
 * not want it. Members that leave meanwhile leave a hole, so that nobody moves.
 */
import type { Cohort } from './cohort.ts';
import type { KeySpan } from './key-span.ts';
import type { WatchEvent } from './types.ts';
import type { Watcher } from './watcher.ts';

export class WatchGroup {
  readonly span: KeySpan;
  readonly flags: number;
  cohort: Cohort;
  #members: (Watcher | undefined)[] = [];
  #size = 0;
  #batch: WatchEvent[] | undefined;
  #batchBytes = 0;
  #cursor = 0;
  #limit = 0;

  constructor(span: KeySpan, flags: number, cohort: Cohort) {
    this.span = span;
    this.flags = flags;
    this.cohort = cohort;
  }

  get size(): number {
    return this.#size;
  }

  get hasBatch(): boolean {
    return this.#batch !== undefined;
  }

  get batch(): WatchEvent[] {
    return this.#batch ?? [];
  }

  get batchBytes(): number {
    return this.#batchBytes;
  }

  add(watcher: Watcher): void {
    watcher.group = this;
    watcher.place = this.#members.length;
    this.#members.push(watcher);
    this.#size += 1;
  }

  remove(watcher: Watcher): void {
    const { place } = watcher;
    watcher.group = undefined;
    this.#size -= 1;
    if (this.#batch !== undefined) {
      this.#members[place] = undefined;
      return;
    }
    const last = this.#members.pop()!;
    if (last === watcher) return;
    this.#members[place] = last;
    last.place = place;
  }

  /** The revision up to which (without it) the cohort has brought this member. */
  reachedBy(watcher: Watcher): number {
    const isWaiting =
      this.#batch !== undefined && watcher.place >= this.#cursor && watcher.place < this.#limit;
    return isWaiting ? this.cohort.batchStart : this.cohort.position;
  }

  /** Adds an event to the batch; true if it is the batch's first. */
  offer(event: WatchEvent): boolean {
    this.#batchBytes += event.kv.length + (event.prevKv?.length ?? 0);
    if (this.#batch !== undefined) {
      this.#batch.push(event);
      return false;
    }
    this.#batch = [event];
    this.#cursor = 0;
    this.#limit = this.#members.length;
    return true;
  }

  /** The next member that has not got the batch; undefined: all have. */
  nextWaiting(): Watcher | undefined {
    while (this.#cursor < this.#limit) {
      const watcher = this.#members[this.#cursor];
      this.#cursor += 1;
      if (watcher !== undefined) return watcher;
    }
    return undefined;
  }

  endBatch(): void {
    this.#batch = undefined;
    this.#batchBytes = 0;
    if (this.#members.length === this.#size) return;
    this.#members = this.#members.filter((watcher) => watcher !== undefined);
    for (let place = 0; place < this.#members.length; place += 1) this.#members[place]!.place = place;
  }

  /** The members; only while no batch is being delivered. */
  members(): Watcher[] {
    return this.#members.filter((watcher) => watcher !== undefined);
  }
}
