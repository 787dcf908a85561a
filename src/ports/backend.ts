import type { KeyRange, ScanRange, Visit } from './durable-tables.ts';

/**
 * State on disk in ordered tables. Writes are seen by reads at once and become durable together, in the order in which they were made, at
 * the next commit. A commit takes whole turns of the event loop: what is written within one synchronous turn is never torn apart, so
 * after a crash the tables hold exactly what they held between two turns.
 *
 * Keys are bytes of any length but 0, values bytes of any length. Table names must not contain '~'. Keys handed in are copied, values must not
 * change afterwards; bytes handed out stay as they are for as long as anyone holds them, and must not be changed.
 */
export interface Backend {
  /** Opens or creates a table. Cheap to call again. */
  table(name: string): BackendTable;
  /** Makes everything written so far durable; resolves when it is. Called by the backend itself, too, by time and by size. */
  commit(): Promise<void>;
  /** A consistent view of everything written so far, which writers do not disturb: for snapshots and hashes. Must be released. */
  view(): Promise<BackendView>;
  /** The same at once: exactly what reads would see at this point of the turn. */
  viewNow(): BackendView;
  /**
   * Begins a change that takes many turns. Whoever makes it keeps others from writing the same tables meanwhile. To give it
   * up, drop it.
   * @param sizeHint how many keys of each table will be written, more or less: room is made for them at once
   */
  apart(sizeHint?: number): WritesApart;
  /** Bytes of the file, and those of them that hold live data. */
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /** Writes not committed yet. They are in memory. */
  readonly uncommitted: { readonly operations: number; readonly bytes: number };
  /** Commits do not keep up with writes: whoever can should write less until `whenCaughtUp` calls. */
  readonly isBehind: boolean;
  /** Calls back once, as soon as commits have caught up (at once if they have). */
  whenCaughtUp(callback: () => void): void;
  /** Gives free space back to the file system while requests are served. Needs room for a second copy. */
  defragment(): Promise<void>;
  /**
   * Prepares other content beside the present one (a snapshot from the leader), in the background; rejects if `entries` does or the disk is full, and then
   * nothing is left of it. What was staged and never activated is gone after a restart.
   */
  stage(entries: AsyncIterable<readonly BackendEntry[]>): Promise<StagedContent>;
  /** The same for content that is made from what was staged before: `fill` writes, and yields wherever a batch may go to disk. */
  stageBy(fill: (tables: StagedTables) => AsyncIterable<unknown>): Promise<StagedContent>;
  /** Called once when a commit has failed: the member must stop. */
  onFailure(callback: (error: Error) => void): void;
  /** Commits and closes. */
  close(): Promise<void>;
}

/** Writes that nobody else sees and no commit takes, before they join the others all at once. */
export interface WritesApart {
  /** A table with these writes over the present content. */
  table(name: string): BackendTable;
  /** To be called now and then: does a part of the work that the first read after `join` would have to do at once. */
  arrange(): void;
  /** Makes them a part of the content, in a time that does not depend on their number. Throws if the content was exchanged since `apart`. */
  join(): void;
}

/** Other content while it is being made: empty at first, reads see every write. */
export interface StagedTables {
  table(name: string): Pick<BackendTable, 'get' | 'put' | 'remove'>;
}

export interface StagedContent {
  /** Reads a key of the staged content, to decide whether it is wanted. */
  get(table: string, key: Uint8Array): Uint8Array | undefined;
  /**
   * Replaces everything, synchronously and durably: once it returns, reads give the staged content, now and after any crash; tables that
   * were opened before stay valid. What was written before and not committed is dropped. A commit in flight ends without effect.
   */
  activate(): void;
  discard(): void;
}

export interface BackendEntry {
  readonly table: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface BackendTable {
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
  /**
   * Visits entries with start <= key < end (undefined: no bound) in bytewise order, or from the end backwards, until `visit` returns false. Nothing
   * may be written to the table during the visit.
   */
  scan(range: ScanRange, visit: Visit): void;
  /** Entries in a range; cheaper than a scan where the implementation can. */
  count(range: KeyRange): number;
}

/** A read-only moment in time. */
export interface BackendView {
  table(name: string): Pick<BackendTable, 'get' | 'scan' | 'count'>;
  /** Tables that exist, sorted. */
  tables(): string[];
  release(): void;
}
