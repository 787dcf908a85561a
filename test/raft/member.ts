/**
 * One member around a raft node, as small as can be: a disk that knows what is durable, writes that are under way, and a state
 * machine that is the list of all values applied. Used by the transcripts and by the random runs.
 */
import assert from 'node:assert/strict';
import type { RaftInitialState, RaftNode, RaftOptions } from '../../src/raft/node.ts';
import { createRaftNode } from '../../src/raft/raft-node.ts';
import type {
  ConfState,
  Entry,
  HardState,
  Message,
  PersistBatch,
  Ready,
  SnapshotMetadata,
} from '../../src/raft/types.ts';
import { decodeConfChange, decodeConfChangeV2 } from '../../src/wire/raftpb.ts';

export const NO_CONF: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export const DEFAULT_OPTIONS: Omit<RaftOptions, 'id' | 'random'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  maxMessageBytes: 1_000_000,
  maxInflightMessages: 256,
  maxInflightBytes: 100_000_000,
  maxUncommittedBytes: 100_000_000,
  maxCommittedBytesPerReady: 100_000_000,
};

/** What survives a crash. */
export class MemberDisk {
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  snapshot: SnapshotMetadata;
  /** The values applied up to the snapshot. */
  snapshotState: readonly string[] = [];
  entries: Entry[] = [];

  constructor(confState: ConfState) {
    this.snapshot = { index: 0, term: 0, confState };
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot.index;
  }

  termAt(index: number): number | undefined {
    if (index === this.snapshot.index) return this.snapshot.term;
    return this.entries[index - this.snapshot.index - 1]?.term;
  }

  /** Entries come before the hard state, as they must in a log that a crash can cut anywhere. */
  write(batch: PersistBatch, snapshotState: readonly string[] | undefined): void {
    if (batch.snapshot !== undefined) {
      assert.ok(snapshotState, 'a received snapshot without its data');
      this.snapshot = batch.snapshot.metadata;
      this.snapshotState = snapshotState;
      this.entries = [];
    }
    this.writeEntries(batch.entries);
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
  }

  writeEntries(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    assert.ok(first.index <= this.lastIndex + 1, 'the log on disk would get a gap');
    this.entries = this.entries.filter((entry) => entry.index < first.index);
    this.entries.push(...entries.filter((entry) => entry.index > this.snapshot.index));
  }

  saveSnapshot(metadata: SnapshotMetadata, state: readonly string[]): void {
    assert.ok(metadata.index <= this.lastIndex, 'a snapshot ahead of the log on disk');
    this.entries = this.entries.filter((entry) => entry.index > metadata.index);
    this.snapshot = metadata;
    this.snapshotState = state;
  }

  initialState(): RaftInitialState {
    const { hardState, snapshot, entries } = this;
    return { hardState, snapshot, confState: snapshot.confState, entries, applied: snapshot.index };
  }
}

interface Write {
  readonly batch: PersistBatch;
  readonly snapshotState: readonly string[] | undefined;
}

export class Member {
  readonly id: bigint;
  readonly options: RaftOptions;
  readonly disk: MemberDisk;
  node: RaftNode;
  /** Handed out, not durable yet. */
  writes: Write[] = [];
  /** Handed out as committed, not applied yet. */
  toApply: Entry[] = [];
  /** Values of all applied entries that carry one, in order. */
  state: string[];
  appliedIndex: number;
  /** Data of snapshots received but not handed out by the node yet, by index. */
  readonly #received = new Map<number, readonly string[]>();

  constructor(options: RaftOptions, disk: MemberDisk) {
    this.id = options.id;
    this.options = options;
    this.disk = disk;
    this.node = createRaftNode(options, disk.initialState());
    this.state = [...disk.snapshotState];
    this.appliedIndex = disk.snapshot.index;
  }

  /** A new process on the same disk. */
  restarted(): Member {
    return new Member(this.options, this.disk);
  }

  receive(message: Message): void {
    if (message.type === 'snapshot') {
      const { metadata, data } = message.snapshot;
      this.#received.set(metadata.index, JSON.parse(new TextDecoder().decode(data)) as string[]);
    }
    this.node.step(message);
  }

  /** Takes a Ready: its writes are queued, its snapshot is applied, its entries wait in `toApply`. */
  takeReady(): Ready {
    const ready = this.node.ready();
    const { persist } = ready;
    if (persist !== undefined) {
      let snapshotState: readonly string[] | undefined;
      if (persist.snapshot !== undefined) {
        const { index } = persist.snapshot.metadata;
        snapshotState = this.#received.get(index);
        assert.ok(snapshotState, 'the node took a snapshot nobody sent');
        this.#received.clear();
        this.toApply = [];
        this.state = [...snapshotState];
        this.appliedIndex = index;
        this.node.applied(index);
      }
      this.writes.push({ batch: persist, snapshotState });
    }
    this.toApply.push(...ready.committed);
    return ready;
  }

  /** The messages of a Ready as they leave: snapshots with their data, and only if it is at hand. */
  outgoing(ready: Pick<Ready, 'messages'>): Message[] {
    return ready.messages.map((message) => {
      if (message.type !== 'snapshot') return message;
      assert.equal(message.snapshot.metadata.index, this.disk.snapshot.index);
      const data = new TextEncoder().encode(JSON.stringify(this.disk.snapshotState));
      return { ...message, snapshot: { ...message.snapshot, data } };
    });
  }

  /** The oldest write under way is durable. */
  syncNext(): void {
    const write = this.writes.shift();
    assert.ok(write, 'nothing to sync');
    this.disk.write(write.batch, write.snapshotState);
    this.node.persisted(write.batch.sequence);
  }

  /** Applies up to `count` committed entries. */
  apply(count: number): readonly Entry[] {
    const entries = this.toApply.splice(0, count);
    for (const entry of entries) {
      assert.equal(entry.index, this.appliedIndex + 1, 'applied out of order');
      this.appliedIndex = entry.index;
      if (entry.type === 'conf-change') this.node.applyConfChange(decodeConfChange(entry.data));
      else if (entry.type === 'conf-change-v2') this.node.applyConfChange(decodeConfChangeV2(entry.data));
      else if (entry.data.length > 0) this.state.push(new TextDecoder().decode(entry.data));
    }
    if (entries.length > 0) this.node.applied(this.appliedIndex);
    return entries;
  }

  /** Keeps a snapshot of what is applied, and of the log the last `keep` entries before it. */
  compact(keep: number): void {
    const index = this.appliedIndex;
    const term = this.node.termAt(index);
    assert.ok(term !== undefined);
    const metadata = { index, term, confState: this.node.configuration };
    this.disk.saveSnapshot(metadata, [...this.state]);
    this.node.compact(metadata, Math.max(0, index - keep));
  }
}
