/**
 * Snapshots of the applied state: when to take one, how it is written while requests go on, what of the log it makes
 * superfluous, and how a follower that fell behind gets it.
 *
 * Invariant: the log is cut only below a snapshot that is durable and marked in the log.
 */
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { PeerNetwork, SnapshotMessage } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import type { Entry, SnapshotMetadata } from '../raft/types.ts';
import type { V2Store } from '../store/v2/types.ts';
import { AppliedVolume } from './applied-volume.ts';

/** Entries kept in memory behind a snapshot, so that a follower that is a little late needs no snapshot; and bytes of theirs. */
const CATCH_UP_ENTRIES_MAX = 5_000;
const CATCH_UP_BYTES = 32 * 1024 * 1024;
/** A snapshot is due after this many bytes of entries, too, however few they are; or after several times what the last one took. */
const SNAPSHOT_BYTES = 64 * 1024 * 1024;
const SNAPSHOT_RATIO = 4;
/** Bytes rendered in one go: well below a millisecond's worth. */
const CHUNK_BYTES = 128 * 1024;

/** Where snapshots are kept: implemented by `durable-log.ts`. */
export interface SnapshotStorage {
  /** Writes the snapshot and marks it in the log; durable when resolved. */
  saveSnapshot(metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  loadSnapshot(metadata: SnapshotMetadata): Promise<Uint8Array>;
  /** Removes old snapshots and the log before them, in the background. */
  purge(): void;
}

export interface SnapshotKeeperParts {
  readonly raft: RaftNode;
  readonly store: V2Store;
  readonly storage: SnapshotStorage;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly log: Log;
  /** Applied entries between two snapshots. */
  readonly snapshotCount: number;
  readonly onSaved: ((durationMs: number) => void) | undefined;
  readonly onFailure: (error: Error) => void;
  /** Makes the v3 state durable at least up to the entry: the log before it is about to go. */
  readonly settle: (index: number, term: number) => Promise<void>;
  /** The v3 state as it is when it begins to be read, for a peer: not older than any snapshot taken so far. */
  readonly state: () => AsyncIterable<Uint8Array>;
  /** Highest index applied. */
  readonly appliedIndex: () => number;
  /** The v3 state as etcd's database, of the entry given, which was applied last. To be read to its end or returned. */
  readonly database: (index: number, term: number) => AsyncIterable<Uint8Array>;
  /** Runs raft after it was told something. */
  readonly wake: () => void;
}

export class SnapshotKeeper {
  readonly #parts: SnapshotKeeperParts;
  readonly #catchUpEntries: number;
  readonly #volume = new AppliedVolume();
  #lastIndex: number;
  /** Of all applied entries when the last snapshot was begun, or came. */
  #lastBytes = 0;
  /** Of the v2 tree in the last snapshot. */
  #treeBytes = 0;
  #saving = false;

  constructor(parts: SnapshotKeeperParts, lastIndex: number) {
    this.#parts = parts;
    this.#catchUpEntries = Math.min(CATCH_UP_ENTRIES_MAX, parts.snapshotCount);
    this.#lastIndex = lastIndex;
  }

  get saving(): boolean {
    return this.#saving;
  }

  /** A snapshot from the leader replaced the state. */
  installed(metadata: SnapshotMetadata): void {
    this.#lastIndex = metadata.index;
    this.#lastBytes = this.#volume.bytes;
  }

  /** These were applied. */
  count(entries: readonly Entry[]): void {
    this.#volume.add(entries);
  }

  /** To be called when entries have been applied. */
  afterApply(appliedIndex: number): void {
    if (this.#saving || !this.#isDue(appliedIndex)) return;
    this.#saving = true;
    this.#lastBytes = this.#volume.bytes;
    void this.#save(appliedIndex).then(
      () => {
        this.#saving = false;
        this.#parts.wake();
      },
      (error: Error) => {
        this.#saving = false;
        this.#parts.onFailure(error);
      },
    );
  }

  #isDue(appliedIndex: number): boolean {
    if (appliedIndex - this.#lastIndex > this.#parts.snapshotCount) return true;
    const bytes = this.#volume.bytes - this.#lastBytes;
    return bytes > SNAPSHOT_BYTES && bytes > this.#treeBytes * SNAPSHOT_RATIO;
  }

  /** Fetches the data of the snapshot that raft wants to send, and sends it; to an etcd one that is made for it. */
  send(message: SnapshotMessage): void {
    const { network, raft, log, wake } = this.#parts;
    const sent =
      network.snapshotFormOf(message.to) === 'etcd' ? this.#sendToEtcd(message) : this.#sendSaved(message);
    sent.catch((error: Error) => {
      log.warn('a snapshot for a peer could not be made', { peer: message.to, error: error.message });
      raft.reportSnapshot(message.to, false);
      wake();
    });
  }

  async #sendSaved(message: SnapshotMessage): Promise<void> {
    const { storage, network, state } = this.#parts;
    const { metadata } = message.snapshot;
    const data = await storage.loadSnapshot(metadata);
    network.sendSnapshot({ ...message, snapshot: { metadata, data } }, state());
  }

  /**
   * etcd takes the members from the v2 tree, drops from its database those that are not there, and takes no snapshot whose configuration does not name it:
   * tree, database and configuration are of one entry, as in the snapshots that etcd itself sends.
   */
  async #sendToEtcd(message: SnapshotMessage): Promise<void> {
    const { store, network, clock, database, appliedIndex } = this.#parts;
    const metadata = this.#metadataOf(appliedIndex());
    const frozen = store.freeze();
    const state = database(metadata.index, metadata.term);
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of renderInSlices(frozen, clock)) chunks.push(chunk);
    } catch (error) {
      void state[Symbol.asyncIterator]().return?.();
      throw error;
    } finally {
      frozen.release();
    }
    network.sendSnapshot({ ...message, snapshot: { metadata, data: joined(chunks) } }, state, 'etcd');
  }

  async #save(index: number): Promise<void> {
    const { raft, store, storage, log, clock } = this.#parts;
    const metadata = this.#metadataOf(index);
    const frozen = store.freeze();
    const begunMs = clock.monotonicMs();
    try {
      await this.#parts.settle(index, metadata.term);
      let treeBytes = 0;
      const chunks = renderInSlices(frozen, clock, (bytes) => {
        treeBytes += bytes;
      });
      await storage.saveSnapshot(metadata, chunks);
      this.#treeBytes = treeBytes;
    } finally {
      frozen.release();
    }
    const tookMs = clock.monotonicMs() - begunMs;
    this.#parts.onSaved?.(tookMs);
    // A snapshot from the leader may have come meanwhile and reach further.
    if (index > this.#lastIndex) {
      this.#lastIndex = index;
      const kept = Math.max(index - this.#catchUpEntries, this.#volume.indexBefore(CATCH_UP_BYTES));
      raft.compact(metadata, Math.max(0, Math.min(index, kept)));
    }
    log.info('saved snapshot', { 'snapshot-index': index, 'took-ms': Math.round(tookMs) });
  }

  /** Of the state as it is now. */
  #metadataOf(index: number): SnapshotMetadata {
    const { raft } = this.#parts;
    const term = raft.termAt(index);
    if (term === undefined) throw new Error(`the term of the applied entry ${index} is not in the log`);
    const metadata: SnapshotMetadata = { index, term, confState: raft.configuration };
    return metadata;
  }
}

async function* renderInSlices(
  frozen: ReturnType<V2Store['freeze']>,
  clock: Clock,
  onChunk: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = frozen.nextChunk(CHUNK_BYTES);
    if (chunk === undefined) return;
    onChunk(chunk.length);
    yield chunk;
    await new Promise<void>((resolve) => clock.defer(resolve));
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
