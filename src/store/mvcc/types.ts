/**
 * What the multi-version store offers. It is a synchronous state machine over a `Backend`: the same requests in the same order give the same
 * revisions, answers and HashKV on every member, and on etcd's.
 *
 * KeyValues travel encoded (`mvccpb.KeyValue`: 1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value, 6 lease), because they are stored and sent like
 * that: a range answers with slices of what the tables hold. They are valid until the present turn of the event loop ends.
 */
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../../wire/v3/kv-types.ts';

/** An encoded mvccpb.KeyValue. */
export type EncodedKeyValue = Uint8Array;

export interface RangeResult {
  readonly kind: 'range';
  /** Store revision at the time of the read. */
  readonly revision: number;
  readonly kvs: readonly EncodedKeyValue[];
  readonly more: boolean;
  /** All keys in the range, whatever the limit. */
  readonly count: number;
}

export interface PutResult {
  readonly kind: 'put';
  readonly revision: number;
  readonly prevKv: EncodedKeyValue | undefined;
}

export interface DeleteRangeResult {
  readonly kind: 'delete-range';
  readonly revision: number;
  readonly deleted: number;
  /** Only if asked for. */
  readonly prevKvs: readonly EncodedKeyValue[];
}

export interface TxnResult {
  readonly kind: 'txn';
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly OperationResult[];
}

export type OperationResult = RangeResult | PutResult | DeleteRangeResult | TxnResult;

export type MvccErrorCode =
  /** The revision asked for is below the compacted one. */
  | 'compacted'
  /** The revision asked for has not happened yet. */
  | 'future-revision'
  | 'key-not-found'
  | 'lease-not-found';

/** The texts that clients match are in api/v3. */
export interface MvccError {
  readonly kind: 'error';
  readonly code: MvccErrorCode;
}

/** What the store needs to know of leases. The keys of a lease are kept by the store, in a table of its own. */
export interface LeaseRegister {
  exists(id: bigint): boolean;
}

export interface MvccEvent {
  readonly type: 'put' | 'delete';
  /** Of a delete: key and mod_revision only. */
  readonly kv: EncodedKeyValue;
  readonly key: Uint8Array;
  /** The put created the key. */
  readonly isCreate: boolean;
  /** What the key held just before the revision, where the store has it at hand anyway in bytes that stay valid; left out: ask `valueBefore`. */
  readonly prevKv?: EncodedKeyValue | undefined;
}

/** All events of one revision, in the order in which they were made. */
export interface RevisionEvents {
  readonly revision: number;
  readonly events: readonly MvccEvent[];
}

export interface MvccStore {
  /** The newest revision; 1 while nothing was ever written. */
  readonly revision: number;
  /** What was compacted away last: reads at this revision still work, below it they do not. -1: nothing ever was. */
  readonly compactedRevision: number;

  range(request: RangeRequest): RangeResult | MvccError;
  put(request: PutRequest): PutResult | MvccError;
  deleteRange(request: DeleteRangeRequest): DeleteRangeResult | MvccError;
  /** The same in slices, for a range that holds many keys; undefined: there are few, and they can be deleted at once. */
  deletionJob(request: DeleteRangeRequest): DeletionJob | undefined;
  /** Gives up the deletion that is under way, if there is one: as if it had never begun. */
  dropDeletion(): void;
  txn(request: TxnRequest): TxnResult | MvccError;
  /**
   * Marks everything before `revision` as compacted at once; the rows go in slices (`compactSlice`). Errors: 'compacted' if it was before,
   * 'future-revision'.
   */
  compact(request: CompactionRequest): { readonly kind: 'compacted' } | MvccError;
  /** Does a slice of the pending compaction's work (well below 10 ms); true while more is left that can be done now. */
  compactSlice(): boolean;
  /** Some rows of a compaction are still there: work is left, or waits for a job that reads an older revision. */
  readonly compactionPending: boolean;
  /** Called when `compactSlice` has work: after `compact`, and after a job's end that it waited for. After opening, look at `compactionPending`. */
  onCompactionWork(callback: () => void): void;
  /**
   * Does a slice of the work by which ranges are counted without walking over their keys; true while more is left. To be called after opening and when
   * `onCountWork` calls; without it every answer is right, but counting costs time in proportion to the keys.
   */
  countSlice(): boolean;
  /** Called when `countSlice` has work again: after a reload, and when many keys were added. One callback. */
  onCountWork(callback: () => void): void;
  /** Deletes the keys of a lease in one revision (in key order, as etcd's revoke); returns the revision after it. */
  deleteLeaseKeys(lease: bigint): number;
  /** The keys attached to a lease, in key order. */
  leaseKeys(lease: bigint): Uint8Array[];
  leaseOf(key: Uint8Array): bigint;

  /** Called after every write that made a revision, in order, within the turn of the write. These events' bytes stay valid: they may be kept. */
  onRevision(listener: (events: RevisionEvents) => void): void;
  /**
   * History for watchers: events of whole revisions from `fromRevision` on, in order, at most about `bytesMax` of them (always at least one revision if
   * there is one). `next`: where to go on; `revision + 1` when all was delivered.
   */
  eventsFrom(
    fromRevision: number,
    bytesMax: number,
  ): { readonly batches: readonly RevisionEvents[]; readonly next: number } | MvccError;
  /** The key's value just before `revision`, for prev_kv; undefined if there was none or it is compacted. */
  valueBefore(key: Uint8Array, revision: number): EncodedKeyValue | undefined;

  /** etcd's HashKV of all revisions up to `revision` (0: the newest), in slices. */
  hashKv(revision: number): HashKvJob | MvccError;

  /**
   * The same as `range`, in slices: for answers that may be large. It reads at one revision, whatever is written or compacted meanwhile. To be released when it
   * is not run to its end.
   */
  rangeJob(request: RangeRequest): RangeJob | MvccError;

  /**
   * The same as `txn` for a transaction that holds nothing but ranges, in slices. It reads at one revision, whatever is written or compacted meanwhile. To be
   * released when it is not run to its end.
   */
  readTxnJob(request: TxnRequest): ReadTxnJob;

  /** Applied index and term of the log, kept in the same transactions as the data. */
  readonly appliedIndex: number;
  setApplied(index: number, term: number): void;

  /** The backend's content was replaced by a snapshot: reads revisions and the like again. Jobs begun before end with an error. */
  reload(): void;

  /** Number of keys at the newest revision, for metrics. */
  readonly keyCount: number;
}

export interface HashKvResult {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export interface HashKvJob {
  /** A slice of the work; undefined while more is left. Error 'compacted': the store was replaced by a snapshot meanwhile. */
  run(): HashKvResult | MvccError | undefined;
  /** Gives up: to be called when `run` is not called to its end, since compactions wait for it. */
  release(): void;
}

/**
 * A deletion that takes many turns. Nothing of it is seen or becomes durable before it is whole; nothing else may be written until then. To give it up, drop
 * it by `dropDeletion`.
 */
export interface DeletionJob {
  readonly kind: 'job';
  /** A slice of the work (about 5 ms); undefined while more is left. */
  run(): DeleteRangeResult | undefined;
}

export interface RangeSlice {
  readonly kind: 'slice';
  readonly kvs: readonly EncodedKeyValue[];
  /** The last slice. */
  readonly done: boolean;
  /** Known in the last slice only; false before. */
  readonly more: boolean;
  /** Known in the last slice only; 0 before. */
  readonly count: number;
}

export interface RangeJob {
  readonly kind: 'job';
  /** Store revision at the beginning, for the answer's header. */
  readonly revision: number;
  /**
   * A slice of at most about `bytesMax` bytes, and of a bounded amount of work: it may be empty without being the last. Error 'compacted': the store was replaced
   * by a snapshot meanwhile.
   */
  run(bytesMax: number): RangeSlice | MvccError;
  /** Gives up: to be called when `run` is not called to its end, since compactions wait for it. */
  release(): void;
}

export interface ReadTxnSlice {
  readonly kind: 'slice';
  /** Undefined: not known yet, and there are no ranges before it is. */
  readonly succeeded: boolean | undefined;
  /** Slices of the branch's ranges, one range after the other: one that is done ends its range. */
  readonly ranges: readonly RangeSlice[];
  /** The last slice. */
  readonly done: boolean;
}

export interface ReadTxnJob {
  readonly kind: 'job';
  /** Store revision at the beginning, for the answer's headers. */
  readonly revision: number;
  /**
   * A slice of at most about `bytesMax` bytes, and of a bounded amount of work. Errors: what `txn` answers for the branch taken; 'compacted': the store
   * was replaced by a snapshot meanwhile. After an error it is released.
   */
  run(bytesMax: number): ReadTxnSlice | MvccError;
  /** Gives up: to be called when `run` is not called to its end, since compactions wait for it. */
  release(): void;
}
