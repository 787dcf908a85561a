/**
 * State on disk in ordered tables. Writes are seen by reads at once and become durable together, in the order in which they were made, at
 * the next commit: after a crash the tables hold exactly what they held at some moment between two turns at which `commit` was
 * possible (see `atomically` in the implementations: what is written within one synchronous turn is never torn apart).
 *
 * Keys and values are bytes; keys are at most 1,900 bytes long in LMDB, longer user keys are the caller's to map (see store/mvcc).
 * Bytes handed in must not change afterwards; bytes handed out are valid until the present turn of the event loop ends unless
 * copied, and must not be changed.
 */
export interface Backend {
  /** Opens or creates a table. Cheap to call again. */
  table(name: string): BackendTable;
  /** Makes everything written so far durable; resolves when it is. Called by the backend itself, too, by time and by size. */
  commit(): Promise<void>;
  /** A consistent view of everything written so far, which writers do not disturb: for snapshots and hashes. Must be released. */
  view(): Promise<BackendView>;
  /** Bytes of the file, and those of them that hold live data. */
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /** Gives free space back to the file system while requests are served. */
  defragment(): Promise<void>;
  /**
   * Prepares other content beside the present one (a snapshot from the leader), in the background; rejects if `entries` does or the disk is full, and then
   * nothing is left of it. What was staged and never activated is gone after a restart.
   */
  stage(entries: AsyncIterable<readonly BackendEntry[]>): Promise<StagedContent>;
  /** Called once when a commit has failed: the member must stop. */
  onFailure(callback: (error: Error) => void): void;
  /** Commits and closes. */
  close(): Promise<void>;
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
  scan(
    range: { readonly start?: Uint8Array; readonly end?: Uint8Array; readonly reverse?: boolean },
    visit: (key: Uint8Array, value: Uint8Array) => boolean,
  ): void;
  /** Entries in a range; cheaper than a scan where the implementation can. */
  count(range: { readonly start?: Uint8Array; readonly end?: Uint8Array }): number;
}

/** A read-only moment in time. */
export interface BackendView {
  table(name: string): Pick<BackendTable, 'get' | 'scan' | 'count'>;
  /** Tables that exist, sorted. */
  tables(): string[];
  release(): void;
}
