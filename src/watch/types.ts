/**
 * Watches on the multi-version store: one shared log of recent events, a cursor per watcher, fair turns for those that are behind. Pure: somebody
 * calls `turn` when there is work.
 */
import type { EncodedKeyValue, RevisionEvents } from '../store/mvcc/types.ts';
import type { KeyRange } from '../wire/v3/kv-types.ts';

export interface WatchRequest extends KeyRange {
  /** 0: from now on. Above the present revision: from then on. */
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  /** Of a delete: key and mod_revision only. */
  readonly kv: EncodedKeyValue;
  readonly revision: number;
  /** Only if asked for, and undefined where there was none or where it has been compacted. */
  readonly prevKv: EncodedKeyValue | undefined;
}

/** Whoever owns a watch. Events of one revision are never split between two calls. */
export interface WatchSink {
  /**
   * `revision`: all events up to it that concern this watch have been delivered with this call. Returns false when its buffer is full: nothing more is delivered
   * before `Watch.resume`. Watches with equal requests get the same array, so what is encoded once can be sent to all of them. It must not be changed. Never
   * called from within `WatchHub.watch` or `Watch.resume`. From within, any watch may be made, resumed or cancelled.
   */
  events(events: readonly WatchEvent[], revision: number): boolean;
  /**
   * Asked before each delivery, if it is there: false pauses the watch where it is, and nothing is handed over. For sinks that share a buffer, of which each would
   * otherwise learn only by filling it further. Must not touch the hub.
   */
  hasRoom?(): boolean;
  /** The revision to go on from was compacted away: the watch is over. */
  compacted(compactRevision: number): void;
}

export interface Watch {
  /** True while it is not paused and holds everything up to the store's revision. */
  readonly synced: boolean;
  /**
   * Everything up to this revision that concerns the watch has been given to its sink, or lies before its start: what a progress notification may say. Above the
   * store's revision only while the start lies in the future.
   */
  readonly revision: number;
  /** Goes on after a sink returned false. Nothing happens otherwise. */
  resume(): void;
  /** At any time, more than once, too. Nothing is delivered after it. */
  cancel(): void;
}

export interface WatchHub {
  watch(request: WatchRequest, sink: WatchSink): Watch;
  /** To be called for every revision, in order. */
  append(events: RevisionEvents): void;
  /** A slice of delivery (well below 10 ms); true while more is left. */
  turn(): boolean;
  /**
   * Delivers what is new to watches that are up to date, as far as that takes no longer than a fraction of a millisecond: called where revisions
   * were appended, it lets their events leave with the answers to who made them. The rest is for `turn`.
   */
  deliverNew(): void;
  /** Called when `turn` has work again. */
  onWork(callback: () => void): void;
  /** Highest revision that has been offered to every synced watcher. */
  readonly revision: number;
  /** The store was replaced by a snapshot: every watcher goes on from where it was, by history. */
  reset(): void;
  readonly watchCount: number;
  /** Those that are paused or read history. */
  readonly slowWatchCount: number;
}
