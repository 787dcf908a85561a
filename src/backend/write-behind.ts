/**
 * The Backend: writes go to memory and are committed behind, by time or by size.
 *
 *     writes -> active memtables -(a commit, or a view, seals them)-> sealed memtables -(the commit is durable)-> dropped
 *     reads  <- active, sealed newest first, committed tables
 *
 * Invariants:
 *   - one commit at a time; it takes all layers there are, at the beginning of a turn: never half of what one turn wrote;
 *   - sealed layers never change, so that a view is the sealed layers and a view of the committed tables;
 *   - a layer is dropped only when reads of the committed tables see what it held.
 *
 * Commits are not tied to the log's writes: the sync of the tables would compete with the log's own.
 */

import type {
  Backend,
  BackendEntry,
  BackendTable,
  BackendView,
  StagedContent,
  StagedTables,
  WritesApart,
} from '../ports/backend.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { DurableBatch, DurableTables } from '../ports/durable-tables.ts';
import type { Random } from '../ports/random.ts';
import { type CommitPolicy, defaultCommitPolicy } from './commit-policy.ts';
import { defragment } from './defragment.ts';
import { KeyHash } from './key-hash.ts';
import { LayeredTables } from './layered-tables.ts';
import { SealedView } from './sealed-view.ts';
import { stage } from './stage.ts';

export interface WriteBehindOptions {
  readonly tables: DurableTables;
  readonly clock: Clock;
  /** Asked once, for the secret of the hash of keys. */
  readonly random: Pick<Random, 'bytes'>;
  readonly policy?: Partial<CommitPolicy>;
}

export function createWriteBehind(options: WriteBehindOptions): Backend {
  return new WriteBehind(options);
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class WriteBehind implements Backend {
  readonly #tables: DurableTables;
  readonly #clock: Clock;
  readonly #policy: CommitPolicy;
  readonly #keyHash: KeyHash;
  readonly #layers: LayeredTables;

  #timer: Timer | undefined;
  #deferred = false;
  /** Since the last commit began. */
  #freshOperations = 0;
  #freshBytes = 0;
  #committing: { operations: number; bytes: number; done: Promise<void> } | undefined;
  /** Commits wait while the tables are exchanged. */
  #held = 0;
  #due = false;
  /** For the next commit. */
  #waiters: Waiter[] = [];
  #caughtUp: (() => void)[] = [];
  /** Sees every batch that was committed, until the next one is. */
  #onCommitted: ((batch: DurableBatch) => void) | undefined;
  #onFailure: ((error: Error) => void)[] = [];
  #failure: Error | undefined;
  #defragmenting: Promise<void> = Promise.resolve();
  /** Changes when all content is exchanged: a commit of another epoch has no effect. */
  #epoch = 0;
  #closed: Promise<void> | undefined;

  constructor(options: WriteBehindOptions) {
    this.#tables = options.tables;
    this.#clock = options.clock;
    this.#policy = { ...defaultCommitPolicy, ...options.policy };
    this.#keyHash = new KeyHash(options.random);
    this.#layers = new LayeredTables(
      (name) => this.#tables.table(name),
      this.#keyHash,
      (bytes) => this.#wrote(bytes),
    );
  }

  table(name: string): BackendTable {
    return this.#layers.table(name);
  }

  get sizeBytes(): number {
    return this.#tables.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#tables.sizeInUseBytes;
  }

  get uncommitted(): { readonly operations: number; readonly bytes: number } {
    return {
      operations: this.#freshOperations + (this.#committing?.operations ?? 0),
      bytes: this.#freshBytes + (this.#committing?.bytes ?? 0),
    };
  }

  get isBehind(): boolean {
    const { operations, bytes } = this.uncommitted;
    const { operationsBehind, bytesBehind } = this.#policy;
    return this.#failure === undefined && (operations >= operationsBehind || bytes >= bytesBehind);
  }

  whenCaughtUp(callback: () => void): void {
    if (this.isBehind) this.#caughtUp.push(callback);
    else callback();
  }

  commit(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#freshOperations === 0) return this.#committing?.done ?? Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#deferCommit();
    });
  }

  view(): Promise<BackendView> {
    return new Promise((resolve) => resolve(this.viewNow()));
  }

  viewNow(): BackendView {
    this.#layers.seal();
    return new SealedView(this.#layers.sealed(), this.#tables.view());
  }

  apart(sizeHint = 0): WritesApart {
    const epoch = this.#epoch;
    return this.#layers.apart(sizeHint, (operations, bytes) => {
      if (epoch !== this.#epoch) throw new Error('what the writes stood beside was exchanged');
      this.#wrote(bytes, operations);
    });
  }

  defragment(): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Error('the backend is closed'));
    const backend = this;
    const turn = this.#defragmenting.then(() =>
      defragment(this.#tables, {
        watchCommits: (see) => {
          this.#onCommitted = see;
        },
        hold: () => this.#hold(),
        release: () => this.#release(),
        nextTurn: () => new Promise((resolve) => this.#clock.defer(resolve)),
        fail: (error) => this.#fail(error),
        get epoch() {
          return backend.#epoch;
        },
      }),
    );
    this.#defragmenting = turn.catch(() => {});
    return turn;
  }

  stage(entries: AsyncIterable<readonly BackendEntry[]>): Promise<StagedContent> {
    return this.stageBy(async function* (tables) {
      for await (const some of entries) {
        for (const { table, key, value } of some) tables.table(table).put(key, value);
        yield;
      }
    });
  }

  async stageBy(fill: (tables: StagedTables) => AsyncIterable<unknown>): Promise<StagedContent> {
    const staged = await stage(this.#tables, fill, this.#policy, this.#keyHash);
    return {
      get: (table, key) => staged.get(table, key),
      activate: () => {
        try {
          staged.replacement.adopt();
        } catch (error) {
          this.#fail(error as Error);
          throw error;
        }
        this.#exchanged();
      },
      discard: () => staged.replacement.abandon(),
    };
  }

  onFailure(callback: (error: Error) => void): void {
    if (this.#failure !== undefined) callback(this.#failure);
    else this.#onFailure.push(callback);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#defragmenting;
    try {
      while (this.#failure === undefined && this.uncommitted.operations > 0) await this.commit();
    } finally {
      this.#timer?.cancel();
      await this.#tables.close();
    }
  }

  #wrote(bytes: number, operations = 1): void {
    const isFirst = this.#freshOperations === 0;
    this.#freshBytes += bytes;
    this.#freshOperations += operations;
    if (isFirst) {
      this.#timer ??= this.#clock.schedule(this.#policy.intervalMs, () => {
        this.#timer = undefined;
        this.#commitNow();
      });
    }
    if (this.#due) return;
    const { operationsMax, bytesMax } = this.#policy;
    if (this.#freshOperations >= operationsMax || this.#freshBytes >= bytesMax) this.#deferCommit();
  }

  /** A commit as soon as this turn is over. */
  #deferCommit(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#clock.defer(() => {
      this.#deferred = false;
      this.#commitNow();
    });
  }

  /** Called at the beginning of a turn. */
  #commitNow(): void {
    if (this.#failure !== undefined || this.#freshOperations === 0) return;
    if (this.#committing !== undefined || this.#held > 0) {
      this.#due = true;
      return;
    }
    this.#due = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#layers.seal();
    const waiters = this.#waiters;
    this.#waiters = [];
    const batch = this.#layers.beginCommit();
    const epoch = this.#epoch;
    const done = this.#tables.write(batch).then(
      () => this.#committed(epoch, batch),
      (error: Error) => this.#commitFailed(epoch, error),
    );
    this.#committing = { operations: this.#freshOperations, bytes: this.#freshBytes, done };
    this.#freshOperations = 0;
    this.#freshBytes = 0;
    done.then(
      () => {
        for (const waiter of waiters) waiter.resolve();
      },
      (error: Error) => {
        for (const waiter of waiters) waiter.reject(error);
      },
    );
  }

  #committed(epoch: number, batch: DurableBatch): void {
    if (epoch !== this.#epoch) return;
    this.#layers.endCommit();
    this.#committing = undefined;
    this.#onCommitted?.(batch);
    if (!this.isBehind) for (const callback of this.#caughtUp.splice(0)) callback();
    this.#commitIfDue();
  }

  #commitFailed(epoch: number, error: Error): void {
    if (epoch !== this.#epoch) return;
    this.#fail(error);
    throw error;
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#committing = undefined;
    this.#timer?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    for (const callback of this.#caughtUp.splice(0)) callback();
    for (const callback of this.#onFailure.splice(0)) callback(error);
  }

  /** The tables are others: everything written before is gone, and with it the commit under way. */
  #exchanged(): void {
    this.#epoch++;
    this.#layers.discard();
    this.#committing = undefined;
    this.#freshOperations = 0;
    this.#freshBytes = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    for (const callback of this.#caughtUp.splice(0)) callback();
  }

  /** No commit is under way when it resolves, and none begins before the release. */
  async #hold(): Promise<void> {
    this.#held++;
    await this.#committing?.done;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #release(): void {
    this.#held--;
    this.#commitIfDue();
  }

  #commitIfDue(): void {
    if (this.#held === 0 && (this.#due || this.#waiters.length > 0)) this.#deferCommit();
  }
}
