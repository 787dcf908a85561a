/** The log and the snapshots of this member on disk, behind what the replicator and the snapshot keeper need of them. */
import type { Disk } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import type { SnapshotMetadata } from '../raft/types.ts';
import type { DataLayout } from '../wal/data-directory.ts';
import { loadSnapshot, purgeSnapshots, saveSnapshot, snapshotName } from '../wal/snapshot-file.ts';
import type { Wal } from '../wal/wal.ts';
import type { LogBatch, LogStorage } from './log-storage.ts';
import type { SnapshotStorage } from './snapshot-keeper.ts';

export interface Retention {
  /** Segments kept, 0: all. */
  readonly maxWals: number;
  /** Snapshot files kept, 0: all. */
  readonly maxSnapshots: number;
}

export class DurableLog implements LogStorage, SnapshotStorage {
  readonly #disk: Disk;
  readonly #layout: DataLayout;
  readonly #wal: Wal;
  readonly #log: Log;
  readonly #retention: Retention;
  /** Batches behind a received snapshot that is being written: they must not overtake it. Undefined: nothing is. */
  #behindSnapshot: ((error: Error | undefined) => void)[] | undefined;
  /** A received snapshot could not be written: what follows it in the log would follow a gap. */
  #failure: Error | undefined;
  #newest: { readonly term: number; readonly index: number };
  #purging = false;

  constructor(parts: {
    readonly disk: Disk;
    readonly layout: DataLayout;
    readonly wal: Wal;
    readonly log: Log;
    readonly retention: Retention;
    /** The snapshot the log starts after. */
    readonly newest: { readonly term: number; readonly index: number };
  }) {
    this.#disk = parts.disk;
    this.#layout = parts.layout;
    this.#wal = parts.wal;
    this.#log = parts.log;
    this.#retention = parts.retention;
    this.#newest = parts.newest;
  }

  save(batch: LogBatch, done: (error: Error | undefined) => void): void {
    if (this.#behindSnapshot !== undefined) {
      this.#behindSnapshot.push((error) => (error === undefined ? this.save(batch, done) : done(error)));
      return;
    }
    const failure = this.#failure;
    if (failure !== undefined) {
      queueMicrotask(() => done(failure));
      return;
    }
    const { snapshot, entries, hardState, mustSync } = batch;
    if (snapshot === undefined) {
      this.#wal.append({ entries, hardState }, mustSync, done);
      return;
    }
    this.#behindSnapshot = [];
    const { metadata, data } = snapshot;
    saveSnapshot(this.#disk, this.#layout.snap, metadata, [data]).then(
      () => {
        this.#wal.append({ entries, hardState, snapshotMark: markOf(metadata) }, true, (error) => {
          if (error === undefined) this.#marked(metadata);
          done(error);
        });
        this.#goOn(undefined);
      },
      (error: Error) => {
        this.#failure = error;
        done(error);
        this.#goOn(error);
      },
    );
  }

  flush(): void {
    this.#wal.flush();
  }

  async saveSnapshot(metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await saveSnapshot(this.#disk, this.#layout.snap, metadata, chunks);
    // The entries it stands for must be in the log before its mark is.
    await this.#snapshotInLine();
    await new Promise<void>((resolve, reject) =>
      this.#wal.saveSnapshotMark(metadata.index, metadata.term, (error) =>
        error === undefined ? resolve() : reject(error),
      ),
    );
    this.#marked(metadata);
  }

  async loadSnapshot(metadata: SnapshotMetadata): Promise<Uint8Array> {
    const path = `${this.#layout.snap}/${snapshotName(metadata.term, metadata.index).name}`;
    const loaded = await loadSnapshot(this.#disk, path);
    if ('broken' in loaded) throw new Error(`${path}: ${loaded.broken}`);
    return loaded.snapshot.data;
  }

  /** Removes what a restart does not need any more. Called from time to time. */
  purge(): void {
    if (this.#purging) return;
    this.#purging = true;
    const { maxWals, maxSnapshots } = this.#retention;
    Promise.all([
      this.#wal.purge(maxWals),
      purgeSnapshots(this.#disk, this.#layout.snap, maxSnapshots, this.#newest, this.#log),
    ])
      .catch((error: Error) => this.#log.warn('old log files could not be removed', { error: error.message }))
      .finally(() => {
        this.#purging = false;
      });
  }

  /** Writes what waits and lets go of the files. */
  async close(): Promise<void> {
    await this.#snapshotInLine().catch(() => {});
    await this.#wal.close();
  }

  #marked(metadata: SnapshotMetadata): void {
    if (metadata.index > this.#newest.index) this.#newest = markOf(metadata);
    this.#wal.releaseBefore(metadata.index);
  }

  /** Resolves when no received snapshot is being written any more and all behind it has gone to the log. */
  async #snapshotInLine(): Promise<void> {
    while (this.#behindSnapshot !== undefined) {
      const line = this.#behindSnapshot;
      await new Promise<void>((resolve, reject) =>
        line.push((error) => (error === undefined ? resolve() : reject(error))),
      );
    }
  }

  #goOn(error: Error | undefined): void {
    const waiting = this.#behindSnapshot ?? [];
    this.#behindSnapshot = undefined;
    // One of them may hold a snapshot, too; `save` then puts the rest in line again.
    for (const next of waiting) next(error);
  }
}

function markOf({ term, index }: SnapshotMetadata): { readonly term: number; readonly index: number } {
  return { term, index };
}
