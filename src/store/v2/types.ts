/**
 * The nouns of the v2 tree. A path is normalised: starts with '/', no empty, '.' or '..' parts, no slash at the end but for the root.
 * Times are nanoseconds since the epoch as bigint (only nodes with a TTL have one); indexes are safe integers.
 */

/** A node as a client sees it. Absent fields are left out of the JSON. */
export interface V2Node {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  readonly dir?: boolean | undefined;
  readonly expirationNs?: bigint | undefined;
  /** Whole seconds left at the time of the event, rounded up. */
  readonly ttlSeconds?: number | undefined;
  readonly nodes?: readonly V2Node[] | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

export type V2Action =
  | 'get'
  | 'create'
  | 'set'
  | 'update'
  | 'delete'
  | 'compareAndSwap'
  | 'compareAndDelete'
  | 'expire';

export interface V2Event {
  readonly action: V2Action;
  readonly node: V2Node;
  readonly prevNode?: V2Node | undefined;
  /** The store's index when the event was made: the X-Etcd-Index header. */
  readonly etcdIndex: number;
  /** A TTL refresh: kept in history, not told to watchers. */
  readonly refresh?: boolean;
}

/** A refused operation, by etcd's error codes (100, 101, ...; the catalogue is `errors.ts`). A value, not thrown. */
export interface V2Error {
  readonly errorCode: number;
  readonly message: string;
  readonly cause: string;
  /** The store's index at the time. */
  readonly index: number;
}

export type V2Outcome =
  | { readonly event: V2Event; readonly error?: undefined }
  | { readonly error: V2Error; readonly event?: undefined };

/** TTL of a write: never expires, keep what is there while renewing the time (`refresh`), or expires at. */
export interface V2Ttl {
  readonly expireTimeNs: bigint | undefined;
  readonly refresh: boolean;
}

export interface V2Watcher {
  /** First index that may still be delivered, for X-Etcd-Index: the store's index when the watch began. */
  readonly startIndex: number;
  /** Idempotent. No event is delivered after it. */
  remove(): void;
}

export type V2WatchOutcome =
  | { readonly watcher: V2Watcher; readonly error?: undefined }
  | { readonly error: V2Error; readonly watcher?: undefined };

/** etcd's counters under /v2/stats/store. */
export interface V2StoreStats {
  getsSuccess: number;
  getsFail: number;
  setsSuccess: number;
  setsFail: number;
  deleteSuccess: number;
  deleteFail: number;
  updateSuccess: number;
  updateFail: number;
  createSuccess: number;
  createFail: number;
  compareAndSwapSuccess: number;
  compareAndSwapFail: number;
  compareAndDeleteSuccess: number;
  compareAndDeleteFail: number;
  expireCount: number;
  watchers: number;
}

/**
 * The v2 tree of one member: a pure, synchronous state machine. `now` is always the caller's time in nanoseconds
 * (only TTLs are computed from it). Implemented by `createV2Store`.
 */
export interface V2Store {
  /** X-Etcd-Index: grows by one with each change. */
  readonly currentIndex: number;
  readonly stats: Readonly<V2StoreStats>;
  get(path: string, recursive: boolean, sorted: boolean, nowNs: bigint): V2Outcome;
  set(path: string, dir: boolean, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome;
  /** `unique`: appends the next index, padded to 20 digits, as an in-order key. */
  create(path: string, dir: boolean, value: string, unique: boolean, ttl: V2Ttl, nowNs: bigint): V2Outcome;
  update(path: string, value: string, ttl: V2Ttl, nowNs: bigint): V2Outcome;
  /** prevValue '' and prevIndex 0 mean "any". */
  compareAndSwap(
    path: string,
    prevValue: string,
    prevIndex: number,
    value: string,
    ttl: V2Ttl,
    nowNs: bigint,
  ): V2Outcome;
  compareAndDelete(path: string, prevValue: string, prevIndex: number, nowNs: bigint): V2Outcome;
  delete(path: string, dir: boolean, recursive: boolean, nowNs: bigint): V2Outcome;
  /** Removes what expired up to `untilNs`, in order of expiry; each is an 'expire' event with an index of its own. */
  deleteExpired(untilNs: bigint): void;
  hasTtlNodes(): boolean;
  /**
   * `onEvent` is called synchronously while a change is applied (or, for history, before this returns); once unless `stream`. `sinceIndex` 0 = from now on. Past the history of 1000
   * events: error 401.
   */
  watch(
    path: string,
    recursive: boolean,
    stream: boolean,
    sinceIndex: number,
    onEvent: (event: V2Event) => void,
    nowNs: bigint,
  ): V2WatchOutcome;
  /** Freezes the tree at O(1) cost; rendering goes on in slices while writes continue (copy on write). */
  freeze(): V2FrozenTree;
  /** Replaces the whole state by what `V2FrozenTree` wrote (etcd's own JSON, too). Throws V2SnapshotError on malformed input. */
  recover(json: Uint8Array): void;
}

export interface V2FrozenTree {
  readonly index: number;
  /** The next piece of etcd's snapshot JSON, about `budgetBytes` long; undefined when all was handed out. */
  nextChunk(budgetBytes: number): Uint8Array | undefined;
  /** Lets the store forget the frozen version. Idempotent; implied by the end of the chunks. */
  release(): void;
}
