import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  HardState,
  MemberId,
  Message,
  ProposeOutcome,
  Ready,
  Role,
  SnapshotMetadata,
} from './types.ts';

export interface RaftOptions {
  readonly id: MemberId;
  /** Ticks without hearing from a leader before campaigning; the actual timeout is drawn from [electionTicks, 2 electionTicks). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Bytes of entries in one append message; at least one entry goes always. */
  readonly maxMessageBytes: number;
  /** Append messages in flight to one replicating follower. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Bytes of proposals a leader holds uncommitted before it refuses more. */
  readonly maxUncommittedBytes: number;
  /** Bytes of entries handed out in one Ready.committed. */
  readonly maxCommittedBytesPerReady: number;
  /** Uniform in [0, 1); the only randomness of the core. */
  readonly random: () => number;
}

/** What survived the restart. A new cluster's first members start with their bootstrap conf-change entries as committed log. */
export interface RaftInitialState {
  readonly hardState: HardState;
  /** The snapshot the log starts after; index 0 and an empty confState for none. */
  readonly snapshot: SnapshotMetadata;
  /** Configuration at `applied`. */
  readonly confState: ConfState;
  /** Contiguous from snapshot.index + 1. */
  readonly entries: readonly Entry[];
  /**
   * Entries up to here are not handed out as committed again. At least snapshot.index, at most the last entry: what the state
   * machine keeps on disk must never be ahead of the log on disk (`RaftNode.durableIndex`), or a crash in between leaves a
   * state that is made of entries which the log does not have, or has otherwise.
   */
  readonly applied: number;
}

export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly leader: MemberId;
  readonly term: number;
  /** Given in this term. */
  readonly vote: MemberId;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly confState: ConfState;
  readonly transferee: MemberId;
  /** On a leader: each peer's replication progress. */
  readonly progress: ReadonlyMap<
    MemberId,
    {
      readonly match: number;
      readonly next: number;
      readonly state: 'probe' | 'replicate' | 'snapshot';
      readonly recentlyActive: boolean;
      readonly learner: boolean;
    }
  >;
}

/** The consensus core of one member: deterministic, without IO, clock or promises. Implemented by `createRaftNode`. */
export interface RaftNode {
  /** One unit of logical time. */
  tick(): void;
  step(message: Message): void;
  /** Appends (leader) or forwards (follower) one entry for each element, all or none. */
  propose(data: readonly Uint8Array[]): ProposeOutcome;
  proposeConfChange(change: ConfChange | ConfChangeV2): ProposeOutcome;
  /** Asks for a read index; the answer comes in Ready.readStates with the same context. Dropped while there is no leader. */
  readIndex(context: Uint8Array): void;
  campaign(): void;
  transferLeadership(to: MemberId): void;
  reportUnreachable(id: MemberId): void;
  /** The outcome of sending a snapshot message. */
  reportSnapshot(id: MemberId, sent: boolean): void;
  /**
   * To be called when a conf-change entry is applied, before `applied`; returns the configuration now in force. Throws a
   * ConfChangeError, and changes nothing, if the one in force does not allow the change.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState;
  hasReady(): boolean;
  /** Takes the next batch; call only when hasReady(). */
  ready(): Ready;
  /** The persist batch `sequence` and all before it are durable. */
  persisted(sequence: number): void;
  /** Everything up to `index` is applied. */
  applied(index: number): void;
  /**
   * A snapshot at `metadata.index` (<= applied) is kept; the log up to `compactIndex` (<= metadata.index) may be forgotten. On disk
   * the snapshot must not become durable before the log up to its index (`durableIndex`).
   */
  compact(metadata: SnapshotMetadata, compactIndex: number): void;
  status(): RaftStatus;
  /** Cheap reads for hot paths. */
  readonly leader: MemberId;
  readonly role: Role;
  readonly term: number;
  readonly commit: number;
  readonly lastIndex: number;
  /** First index that is not compacted away; lastIndex + 1 for an empty log. */
  readonly firstIndex: number;
  /** The log up to here is durable on this member's own disk, whatever writes are in flight. */
  readonly durableIndex: number;
  /** In force now: changed by applyConfChange, and by `applied` for a received snapshot. */
  readonly configuration: ConfState;
  /** The term of the entry at `index`; undefined if it is compacted away or not there yet. */
  termAt(index: number): number | undefined;
}
