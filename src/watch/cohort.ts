/**
 * Watchers that read the store's history at the same place: what is read is matched once for all of them. One cohort, the live one, reads the newest
 * revisions; those behind it follow and join it when they get there.
 *
 *   revisions   ... | delivered to all | batch: being delivered | to be read ...
 *                                      ^ batchStart             ^ position
 *
 * Invariants: no revision is read while a batch is being delivered; a batch consists of whole revisions; each group gets its batch as one array.
 */
import type { MvccEvent, RevisionEvents } from '../store/mvcc/types.ts';
import { GroupIndex } from './group-index.ts';
import { keyText, NO_DELETE, NO_PUT, PREV_KV } from './key-span.ts';
import type { WatchEvent } from './types.ts';
import { WatchGroup } from './watch-group.ts';
import type { Watcher } from './watcher.ts';

/** Looks up what a key held before a revision; bytes that stay valid. */
export type PrevKvOf = (event: MvccEvent, revision: number) => WatchEvent['prevKv'];

export class Cohort {
  readonly index = new GroupIndex();
  /** The revision to be read next. */
  position: number;
  batchStart: number;
  watcherCount = 0;
  /** Times in a row that it let a cohort behind it come nearer. */
  held = 0;
  /** Orders the cohorts behind by how long they have waited for their next step. */
  lastStep = 0;
  readonly #prevKvOf: PrevKvOf;
  #dirty: WatchGroup[] = [];
  #dirtyCursor = 0;
  // The event being matched, and the forms of it that groups share.
  #event: MvccEvent | undefined;
  #revision = 0;
  #keeps = true;
  #plain: WatchEvent | undefined;
  #withPrevKv: WatchEvent | undefined;
  readonly #offer = (group: WatchGroup): void => this.#offerTo(group);

  constructor(position: number, prevKvOf: PrevKvOf) {
    this.position = position;
    this.batchStart = position;
    this.#prevKvOf = prevKvOf;
  }

  get isDelivering(): boolean {
    return this.#dirty.length > 0;
  }

  /** The watcher wants nothing before `position`, or says so itself by its `next`. */
  add(watcher: Watcher): void {
    let group = this.index.find(watcher.span, watcher.flags);
    if (group === undefined) {
      group = new WatchGroup(watcher.span, watcher.flags, this);
      this.index.add(group);
    }
    group.add(watcher);
    this.watcherCount += 1;
  }

  /** The watcher's `next` says from then on where it was. */
  remove(watcher: Watcher): void {
    const group = watcher.group!;
    watcher.next = watcher.revision + 1;
    group.remove(watcher);
    this.watcherCount -= 1;
    if (group.size === 0 && !group.hasBatch) this.index.remove(group);
  }

  /** Moves a group here from a cohort that stands at the same position and delivers nothing; returns how many watchers that are. */
  adopt(group: WatchGroup): number {
    const from = group.cohort;
    const { size } = group;
    from.index.remove(group);
    from.watcherCount -= size;
    this.watcherCount += size;
    const own = this.index.find(group.span, group.flags);
    if (own === undefined) {
      group.cohort = this;
      this.index.add(group);
    } else {
      for (const watcher of group.members()) own.add(watcher);
    }
    return size;
  }

  /** Takes out the members that still want something below `revision`, and goes on at `position`. Only while nothing is being delivered. */
  leaveBelow(revision: number, position: number): Watcher[] {
    const gone: Watcher[] = [];
    for (const group of [...this.index.groups]) {
      for (const watcher of group.members()) {
        if (watcher.revision + 1 >= revision) continue;
        this.remove(watcher);
        gone.push(watcher);
      }
    }
    this.endRead(position);
    return gone;
  }

  /**
   * Matches the events of a revision at or behind `position`; after the last one of a batch comes `endRead`. `keeps`: the events' bytes stay valid, otherwise those that
   * are wanted are copied.
   */
  read({ revision, events }: RevisionEvents, keeps: boolean): void {
    this.#revision = revision;
    this.#keeps = keeps;
    for (const event of events) {
      this.#event = event;
      this.#plain = undefined;
      this.#withPrevKv = undefined;
      this.index.match(keyText(event.key), this.#offer);
    }
  }

  /** Everything before `position` has been read. */
  endRead(position: number): void {
    this.position = position;
    if (!this.isDelivering) this.batchStart = position;
  }

  /**
   * Delivers the batch until it is through or `allowance` is used up; returns what is left of that. A unit is about a microsecond's work.
   * `onFull` gets watchers whose sink wants no more; they are no members any longer.
   */
  deliver(allowance: number, onFull: (watcher: Watcher) => void): number {
    let left = allowance;
    while (this.#dirtyCursor < this.#dirty.length) {
      const group = this.#dirty[this.#dirtyCursor]!;
      const { batch } = group;
      const cost = 1 + batch.length + (group.batchBytes >>> 10);
      for (;;) {
        if (left <= 0) return left;
        const watcher = group.nextWaiting();
        if (watcher === undefined) break;
        left -= cost;
        this.#deliverTo(watcher, batch, onFull);
      }
      group.endBatch();
      if (group.size === 0) this.index.remove(group);
      this.#dirtyCursor += 1;
    }
    this.#dirty = [];
    this.#dirtyCursor = 0;
    this.batchStart = this.position;
    return left;
  }

  #deliverTo(watcher: Watcher, batch: readonly WatchEvent[], onFull: (watcher: Watcher) => void): void {
    const { next } = watcher;
    const { position } = this;
    if (next >= position) return;
    const wanted = next <= this.batchStart ? batch : batch.filter((event) => event.revision >= next);
    if (wanted.length === 0) return;
    const { sink } = watcher;
    if (sink.hasRoom !== undefined && !sink.hasRoom()) {
      this.remove(watcher);
      // It has not got this batch.
      watcher.next = Math.max(next, this.batchStart);
      onFull(watcher);
      return;
    }
    if (sink.events(wanted, position - 1)) return;
    // Cancelled by its own sink?
    if (watcher.group === undefined) return;
    this.remove(watcher);
    onFull(watcher);
  }

  #offerTo(group: WatchGroup): void {
    const event = this.#event!;
    const { flags } = group;
    if ((flags & (event.type === 'put' ? NO_PUT : NO_DELETE)) !== 0) return;
    if (group.offer((flags & PREV_KV) !== 0 ? this.#eventWithPrevKv(event) : this.#plainEvent(event))) {
      this.#dirty.push(group);
    }
  }

  #plainEvent({ type, kv }: MvccEvent): WatchEvent {
    this.#plain ??= {
      type,
      kv: this.#keeps ? kv : kv.slice(),
      revision: this.#revision,
      prevKv: undefined,
    };
    return this.#plain;
  }

  #eventWithPrevKv(event: MvccEvent): WatchEvent {
    if (this.#withPrevKv === undefined) {
      const plain = this.#plainEvent(event);
      const prevKv = event.isCreate ? undefined : this.#prevKvOf(event, this.#revision);
      this.#withPrevKv = prevKv === undefined ? plain : { ...plain, prevKv };
    }
    return this.#withPrevKv;
  }
}
