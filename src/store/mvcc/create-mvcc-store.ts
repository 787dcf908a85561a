/**
 * The multi-version store: a synchronous state machine over the backend's tables (tables.ts). This file ties its parts together; what each
 * operation means stands in the file named after it.
 */

import type { Backend } from '../../ports/backend.ts';
import { peekLease } from '../../wire/v3/key-value.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../../wire/v3/kv-types.ts';
import { ByteSlab } from './byte-slab.ts';
import { ChangeWriter } from './change-writer.ts';
import { Compaction } from './compaction.ts';
import { keyOfLeaseKey, leaseBounds } from './composite-key.ts';
import { HashJob } from './hash-job.ts';
import { type EventHistory, eventsFrom, valueBefore } from './history-events.ts';
import { boundsOf, isEmptyBounds } from './key-bounds.ts';
import { LargeDeletion } from './large-deletion.ts';
import { Pins } from './pins.ts';
import { range } from './range.ts';
import { createRangeJob } from './range-job.ts';
import { planRange } from './range-plan.ts';
import { createReadTxnJob } from './read-txn-job.ts';
import { valuelessIn } from './row.ts';
import { loadState, type MvccState, type MvccTables, openMvccTables, saveState } from './tables.ts';
import { type TransactionParts, transact } from './transaction.ts';
import type {
  DeleteRangeResult,
  DeletionJob,
  EncodedKeyValue,
  HashKvJob,
  LeaseRegister,
  MvccError,
  MvccStore,
  PutResult,
  RangeJob,
  RangeResult,
  ReadTxnJob,
  RevisionEvents,
  TxnResult,
} from './types.ts';
import { currentRows, deleteKeys, putKey } from './write-operations.ts';

export interface MvccStoreOptions {
  readonly leases: LeaseRegister;
  /** Keys deleted in one slice, and without slices at most; 1,024 if not given, less is for tests. */
  readonly deletionSliceKeys?: number;
  /** Keys to an entry of the index by which ranges are counted; 512 if not given, less is for tests. */
  readonly countBucketKeys?: number;
}

/** Opens the store that the backend holds; it reads a handful of rows, however many keys there are. */
export function createMvccStore(backend: Backend, options: MvccStoreOptions): MvccStore {
  return new Store(backend, options);
}

const DELETION_SLICE_KEYS = 1024;
const NO_ERROR = { kind: 'compacted' } as const;

class Store implements MvccStore {
  readonly #backend: Pick<Backend, 'apart'>;
  readonly #deletionSliceKeys: number;
  readonly #tables: MvccTables;
  readonly #leases: LeaseRegister;
  readonly #state: MvccState = {
    revision: 1,
    newest: 1,
    keyCount: 0,
    compactedRevision: -1,
    finishedCompactRevision: -1,
    appliedIndex: 0,
    appliedTerm: 0,
    generation: 0,
  };
  readonly #pins = new Pins();
  readonly #compaction: Compaction;
  readonly #slab = new ByteSlab();
  readonly #writer: ChangeWriter;
  readonly #transactionParts: TransactionParts;
  readonly #listeners: ((events: RevisionEvents) => void)[] = [];
  readonly #compactionListeners: (() => void)[] = [];

  /** Not whole yet: nothing else may change the store. */
  #deletion: LargeDeletion | undefined;

  constructor(backend: Backend, { leases, countBucketKeys, deletionSliceKeys }: MvccStoreOptions) {
    const tables = openMvccTables(backend, countBucketKeys);
    this.#backend = backend;
    this.#deletionSliceKeys = deletionSliceKeys ?? DELETION_SLICE_KEYS;
    this.#tables = tables;
    this.#leases = leases;
    loadState(tables, this.#state);
    this.#compaction = new Compaction(tables, this.#state, this.#pins);
    this.#pins.onRelease = () => this.#offerCompaction();
    this.#writer = new ChangeWriter(tables, this.#state, this.#slab, (events) => this.#emit(events));
    this.#transactionParts = { tables, state: this.#state, writer: this.#writer, leases };
  }

  get revision(): number {
    return this.#state.revision;
  }

  get compactedRevision(): number {
    return this.#state.compactedRevision;
  }

  get keyCount(): number {
    return this.#state.keyCount;
  }

  get appliedIndex(): number {
    return this.#state.appliedIndex;
  }

  range(request: RangeRequest): RangeResult | MvccError {
    return range(this.#tables, this.#state, request);
  }

  rangeJob(request: RangeRequest): RangeJob | MvccError {
    const plan = planRange(request, this.#state);
    if (plan.kind === 'error') return plan;
    return createRangeJob(this.#tables, this.#state, request, plan, this.#pins.pin(plan.revision));
  }

  put(request: PutRequest): PutResult | MvccError {
    if (request.lease !== 0n && !this.#leases.exists(request.lease)) {
      return { kind: 'error', code: 'lease-not-found' };
    }
    const result = putKey(this.#tables, this.#writer, request);
    this.#writer.finish();
    return result;
  }

  deleteRange(request: DeleteRangeRequest): DeleteRangeResult {
    const result = deleteKeys(this.#tables, this.#state, this.#writer, request);
    this.#writer.finish();
    return result;
  }

  deletionJob(request: DeleteRangeRequest): DeletionJob | undefined {
    const bounds = boundsOf(request);
    if (bounds === undefined || isEmptyBounds(bounds)) return undefined;
    const sliceKeys = this.#deletionSliceKeys;
    if (currentRows(this.#tables, bounds, sliceKeys + 1).keys.length <= sliceKeys) return undefined;
    const { counts } = this.#tables;
    const parts = {
      ...{ tables: this.#tables, state: this.#state, slab: this.#slab, sliceKeys },
      // As many keys in each table as are deleted, where that is known at once.
      apart: this.#backend.apart(counts.isComplete ? counts.count(bounds) : 0),
      onDone: (events: RevisionEvents) => {
        this.#endDeletion();
        this.#emit(events);
        this.#offerCompaction();
      },
    };
    this.#deletion = new LargeDeletion(parts, request, bounds);
    this.#writer.isHeld = true;
    return this.#deletion;
  }

  dropDeletion(): void {
    this.#endDeletion();
    this.#offerCompaction();
  }

  txn(request: TxnRequest): TxnResult | MvccError {
    const result = transact(this.#transactionParts, request);
    this.#writer.finish();
    return result;
  }

  readTxnJob(request: TxnRequest): ReadTxnJob {
    const parts = {
      tables: this.#tables,
      state: this.#state,
      pin: (revision: number) => this.#pins.pin(revision),
      rangeJob: (each: RangeRequest) => this.rangeJob(each),
    };
    return createReadTxnJob(parts, request);
  }

  compact(request: CompactionRequest): { readonly kind: 'compacted' } | MvccError {
    if (this.#deletion !== undefined) throw new Error('a compaction begins while a deletion is under way');
    const error = this.#compaction.schedule(request.revision);
    if (error !== undefined) return error;
    this.#offerCompaction();
    return NO_ERROR;
  }

  compactSlice(): boolean {
    // It would change rows that the deletion has read.
    return this.#deletion === undefined && this.#compaction.slice();
  }

  get compactionPending(): boolean {
    return this.#compaction.isPending;
  }

  onCompactionWork(callback: () => void): void {
    this.#compactionListeners.push(callback);
  }

  countSlice(): boolean {
    return this.#tables.counts.slice();
  }

  onCountWork(callback: () => void): void {
    this.#tables.counts.onWork = callback;
  }

  deleteLeaseKeys(lease: bigint): number {
    for (const key of this.leaseKeys(lease)) {
      const row = this.#tables.current.get(key);
      if (row === undefined) throw new Error('a key of a lease is missing');
      this.#writer.delete(key, row);
    }
    return this.#writer.finish();
  }

  leaseKeys(lease: bigint): Uint8Array[] {
    const { start, end } = leaseBounds(lease);
    const keys: Uint8Array[] = [];
    this.#tables.leaseKeys.scan(end === undefined ? { start } : { start, end }, (key) => {
      keys.push(keyOfLeaseKey(key));
      return true;
    });
    return keys;
  }

  leaseOf(key: Uint8Array): bigint {
    const row = this.#tables.current.get(key);
    return row === undefined ? 0n : peekLease(valuelessIn(row));
  }

  onRevision(listener: (events: RevisionEvents) => void): void {
    this.#listeners.push(listener);
  }

  eventsFrom(fromRevision: number, bytesMax: number): EventHistory | MvccError {
    return eventsFrom(this.#tables, this.#state, fromRevision, bytesMax);
  }

  valueBefore(key: Uint8Array, revision: number): EncodedKeyValue | undefined {
    return valueBefore(this.#tables, this.#state, key, revision);
  }

  hashKv(revision: number): HashKvJob | MvccError {
    const state = this.#state;
    if (revision > 0 && revision < state.compactedRevision) return { kind: 'error', code: 'compacted' };
    if (revision > state.revision) return { kind: 'error', code: 'future-revision' };
    const unpin = this.#pins.pin(state.compactedRevision);
    return new HashJob(this.#tables, state, revision > 0 ? revision : state.revision, unpin);
  }

  setApplied(index: number, term: number): void {
    this.#state.appliedIndex = index;
    this.#state.appliedTerm = term;
    saveState(this.#tables, this.#state);
  }

  reload(): void {
    this.#endDeletion();
    loadState(this.#tables, this.#state);
    this.#compaction.reset();
    this.#tables.counts.reset();
    this.#offerCompaction();
  }

  #endDeletion(): void {
    this.#deletion = undefined;
    this.#writer.isHeld = false;
  }

  #emit(events: RevisionEvents): void {
    for (const listener of this.#listeners) listener(events);
  }

  #offerCompaction(): void {
    if (this.#deletion === undefined && this.#compaction.hasWork)
      for (const callback of this.#compactionListeners) callback();
  }
}
