/**
 * The hub: where every watch is, and whose turn it is.
 *
 *   store ---append---> log of recent revisions -----> live cohort ------> sinks
 *     |                          |                        ^ joins when it has caught up
 *     +--------history-----------+----> cohorts behind ---+
 *
 * Invariants: the live cohort stands at least where every other one does; cohorts behind are sorted by position and none overtakes another: when one
 * arrives where the next one stands, they become one. Nothing is kept for a paused watch but the revision to go on from. Sinks are
 * called from `turn` and `deliverNew` alone.
 *
 * A cohort reads what the log holds from there, older things from the store's history. Watchers with similar starts form one cohort; "similar" is wider
 * the further they are behind, so that there are few cohorts and nobody's way grows by much.
 */
import type { MvccEvent, MvccStore, RevisionEvents } from '../store/mvcc/types.ts';
import { Cohort } from './cohort.ts';
import { EventLog } from './event-log.ts';
import { flagsOf, spanOf } from './key-span.ts';
import { RevisionReader } from './revision-reader.ts';
import type { Watch, WatchEvent, WatchHub, WatchRequest, WatchSink } from './types.ts';
import { Watcher, type WatcherOwner } from './watcher.ts';

export interface WatchHubOptions {
  /** Bounds of the log of recent revisions. */
  readonly logEventsMax?: number;
  readonly logBytesMax?: number;
  /** Units of work in a turn, about a microsecond each. */
  readonly turnWork?: number;
  /** Bytes of events read at once. */
  readonly readBytes?: number;
  /** Watches whose starts are no further apart catch up together. */
  readonly similarRevisions?: number;
}

/** The part of the store that the hub needs. */
export type WatchedStore = Pick<MvccStore, 'revision' | 'compactedRevision' | 'eventsFrom' | 'valueBefore'>;

const LOG_EVENTS_MAX = 20_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const TURN_WORK = 3000;
const READ_BYTES = 128 * 1024;
/** Work after which others have a go within a turn. */
const STEP_WORK = 1000;
/** Work that may be done at once where a revision is made. */
const NEW_WORK = 500;
const SIMILAR_REVISIONS = 1000;
/** Or this part of the way that is left. */
const SIMILAR_PART = 1 / 8;
/** How often in a row a cohort waits for one that comes up from behind. */
const HELD_MAX = 8;
/** Watches told of a compaction at once. */
const TOLD_MAX = 200;

export function createWatchHub(store: WatchedStore, options: WatchHubOptions): WatchHub {
  return new StoreWatchHub(store, options);
}

class StoreWatchHub implements WatchHub, WatcherOwner {
  readonly #store: WatchedStore;
  readonly #log: EventLog;
  readonly #reader: RevisionReader;
  readonly #turnWork: number;
  readonly #similarRevisions: number;
  #live: Cohort;
  readonly #behind: Cohort[] = [];
  /** Counts the steps of those. */
  #steps = 0;
  /** Watches whose revision was compacted away, to be told. */
  readonly #compacted: Watcher[] = [];
  #watchCount = 0;
  #isWorking = false;
  #isTurning = false;
  #callback: (() => void) | undefined;
  readonly #onFull = (watcher: Watcher): void => {
    watcher.state = 'paused';
  };
  readonly #prevKvOf = (event: MvccEvent, revision: number): WatchEvent['prevKv'] =>
    event.prevKv ?? this.#store.valueBefore(event.key, revision)?.slice();

  constructor(store: WatchedStore, options: WatchHubOptions) {
    this.#store = store;
    this.#turnWork = options.turnWork ?? TURN_WORK;
    this.#similarRevisions = options.similarRevisions ?? SIMILAR_REVISIONS;
    const end = store.revision + 1;
    const { logEventsMax = LOG_EVENTS_MAX, logBytesMax = LOG_BYTES_MAX, readBytes = READ_BYTES } = options;
    this.#log = new EventLog(logEventsMax, logBytesMax, end);
    this.#reader = new RevisionReader(store, this.#log, readBytes);
    this.#live = new Cohort(end, this.#prevKvOf);
  }

  get storeRevision(): number {
    return this.#store.revision;
  }

  get revision(): number {
    const live = this.#live;
    return live.watcherCount === 0 ? this.#log.end - 1 : live.batchStart - 1;
  }

  get watchCount(): number {
    return this.#watchCount;
  }

  get slowWatchCount(): number {
    return this.#watchCount - this.#live.watcherCount;
  }

  onWork(callback: () => void): void {
    this.#callback = callback;
    if (this.#isWorking) callback();
  }

  watch(request: WatchRequest, sink: WatchSink): Watch {
    const next = request.startRevision > 0 ? request.startRevision : this.#store.revision + 1;
    const watcher = new Watcher(spanOf(request), flagsOf(request), next, sink, this);
    this.#watchCount += 1;
    this.#place(watcher);
    return watcher;
  }

  append(events: RevisionEvents): void {
    if (this.#watchCount === 0) this.#log.pass(events);
    else this.#log.append(events);
    this.#wake();
  }

  reset(): void {
    const end = this.#store.revision + 1;
    const live = this.#live;
    if (live.position > end) {
      throw new Error(`the store went back from revision ${live.position - 1} to ${end - 1}`);
    }
    this.#log.reset(end);
    if (live.position === end) return;
    this.#live = new Cohort(end, this.#prevKvOf);
    this.#behind.push(live);
    this.#wake();
  }

  deliverNew(): void {
    const live = this.#live;
    // What has to be read from history first is not new any more.
    if (this.#isTurning || live.position < this.#log.start) return;
    this.#isTurning = true;
    try {
      this.#step(live, NEW_WORK);
    } finally {
      // Whoever was told of work still owes a turn, which may find none.
      this.#isTurning = false;
    }
  }

  turn(): boolean {
    if (this.#isTurning) return true;
    this.#isTurning = true;
    try {
      let left = this.#turnWork;
      while (left > 0 && this.#hasWork()) {
        left -= this.#tellCompacted();
        left -= this.#step(this.#live, Math.min(left, STEP_WORK));
        // Whatever the others needed: no turn passes by those behind.
        left -= this.#stepBehind(Math.max(1, Math.min(left, STEP_WORK)));
      }
    } finally {
      this.#isTurning = false;
      this.#isWorking = this.#hasWork();
    }
    return this.#isWorking;
  }

  resume(watcher: Watcher): void {
    watcher.state = 'active';
    this.#place(watcher);
  }

  cancel(watcher: Watcher): void {
    watcher.state = 'over';
    this.#watchCount -= 1;
    watcher.group?.cohort.remove(watcher);
  }

  #place(watcher: Watcher): void {
    const { next } = watcher;
    const live = this.#live;
    // It stood still while it had no watchers.
    if (live.watcherCount === 0 && !live.isDelivering) live.endRead(this.#log.end);
    if (next < this.#store.compactedRevision) this.#compacted.push(watcher);
    else if (next >= live.position) live.add(watcher);
    else this.#cohortBehind(next).add(watcher);
    this.#wake();
  }

  /** The cohort behind the live one for a watch that goes on with `next`. */
  #cohortBehind(next: number): Cohort {
    const behind = this.#behind;
    let place = behind.length;
    while (place > 0 && behind[place - 1]!.position > next) place -= 1;
    const nearest = behind[place - 1];
    if (nearest !== undefined && this.#isSimilar(nearest.position, next)) return nearest;
    const cohort = new Cohort(next, this.#prevKvOf);
    cohort.lastStep = this.#steps;
    behind.splice(place, 0, cohort);
    return cohort;
  }

  #isSimilar(lower: number, upper: number): boolean {
    return upper - lower <= Math.max(this.#similarRevisions, (this.#live.position - lower) * SIMILAR_PART);
  }

  #hasWork(): boolean {
    const live = this.#live;
    if (live.isDelivering || (live.watcherCount > 0 && live.position < this.#log.end)) return true;
    return this.#behind.length > 0 || this.#compacted.length > 0;
  }

  #wake(): void {
    if (this.#isWorking || !this.#hasWork()) return;
    this.#isWorking = true;
    this.#callback?.();
  }

  /** The cohort behind that has waited longest takes a step; returns the work done. */
  #stepBehind(allowance: number): number {
    const behind = this.#behind;
    while (behind.length > 0) {
      let place = 0;
      for (let i = 1; i < behind.length; i += 1) {
        if (behind[i]!.lastStep < behind[place]!.lastStep) place = i;
      }
      const cohort = behind[place]!;
      cohort.lastStep = this.#steps;
      this.#steps += 1;
      if (this.#waitsForOther(cohort, behind[place - 1])) continue;
      const used = this.#step(cohort, allowance);
      if (cohort.watcherCount === 0 && !cohort.isDelivering) behind.splice(behind.indexOf(cohort), 1);
      return used;
    }
    return 0;
  }

  /** Lets a cohort that is near behind come up, so that they read on as one; but not for long, lest newcomers keep it for ever. */
  #waitsForOther(cohort: Cohort, lower: Cohort | undefined): boolean {
    const waits =
      lower !== undefined &&
      !cohort.isDelivering &&
      cohort.held < HELD_MAX &&
      this.#isSimilar(lower.position, cohort.position);
    cohort.held = waits ? cohort.held + 1 : 0;
    return waits;
  }

  /** Reads and delivers for a cohort; returns the work done. */
  #step(cohort: Cohort, allowance: number): number {
    let left = allowance;
    while (left > 0 && (cohort.watcherCount > 0 || cohort.isDelivering)) {
      // Looked up each time: a sink may have made a watch in between.
      const ahead = this.#aheadOf(cohort);
      const end = ahead?.position ?? this.#log.end;
      if (cohort.isDelivering) left = cohort.deliver(left, this.#onFull);
      else if (cohort.position < end) left -= this.#read(cohort, end);
      else if (ahead !== undefined) left -= merge(cohort, ahead, left);
      else break;
    }
    return allowance - left;
  }

  /** The cohort that this one must not overtake; none for the live one. */
  #aheadOf(cohort: Cohort): Cohort | undefined {
    if (cohort === this.#live) return undefined;
    return this.#behind[this.#behind.indexOf(cohort) + 1] ?? this.#live;
  }

  #read(cohort: Cohort, end: number): number {
    const work = this.#reader.read(cohort, end);
    if (work !== 'compacted') return work;
    // A store that keeps less than it says must not keep us here.
    const compacted = Math.max(this.#store.compactedRevision, cohort.position + 1);
    const gone = cohort.leaveBelow(compacted, Math.min(compacted, end));
    for (const watcher of gone) this.#compacted.push(watcher);
    return 1 + gone.length;
  }

  #tellCompacted(): number {
    const told = this.#compacted.splice(0, TOLD_MAX);
    for (const watcher of told) {
      if (watcher.state === 'over') continue;
      watcher.state = 'over';
      this.#watchCount -= 1;
      watcher.sink.compacted(this.#store.compactedRevision);
    }
    return told.length;
  }
}

/** Brings groups into the cohort that stands at the same position, as many as `allowance` lets; returns the work done. */
function merge(from: Cohort, into: Cohort, allowance: number): number {
  if (from.position !== into.position) {
    throw new Error(`watches at revision ${from.position} cannot join those at ${into.position}`);
  }
  let used = 1;
  for (const group of from.index.groups) {
    if (used > allowance) break;
    used += 1 + (into.adopt(group) >>> 4);
  }
  return used;
}
