/**
 * The nouns of consensus. Ids are 64-bit and so bigint (0n = nobody); terms and indexes are safe integers.
 * Thesis = Ongaro, "Consensus: Bridging Theory and Practice", 2014.
 */
export type MemberId = bigint;

/** `none`: no leader, no vote. */
export const NO_MEMBER: MemberId = 0n;

/** 'normal' carries opaque data; 'conf-change' a raftpb.ConfChange; 'conf-change-v2' a raftpb.ConfChangeV2. */
export type EntryType = 'normal' | 'conf-change' | 'conf-change-v2';

/** One slot of the replicated log. Immutable once made. `data` is empty in the entry a new leader appends. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before any message that depends on it is sent (thesis 3.8). */
export interface HardState {
  readonly term: number;
  readonly vote: MemberId;
  readonly commit: number;
}

export interface ConfState {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** The outgoing voters while a joint configuration is in force, else empty. */
  readonly votersOutgoing: readonly MemberId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  readonly autoLeave: boolean;
}

export interface SnapshotMetadata {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** The core handles metadata only; whoever sends or saves a snapshot fetches `data` from where it is kept. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  /** Empty inside the core. */
  readonly data: Uint8Array;
}

export type ConfChangeType = 'add-node' | 'remove-node' | 'update-node' | 'add-learner-node';

/** raftpb.ConfChange: one step. `id` identifies the proposal; `context` is opaque (etcd: the member as JSON). */
export interface ConfChange {
  readonly id: bigint;
  readonly type: ConfChangeType;
  readonly nodeId: MemberId;
  readonly context: Uint8Array;
}

export type ConfChangeTransition = 'auto' | 'joint-implicit' | 'joint-explicit';

/** raftpb.ConfChangeV2: several steps through a joint configuration (thesis 4.3); no changes = leave the joint one. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly { readonly type: ConfChangeType; readonly nodeId: MemberId }[];
  readonly context: Uint8Array;
}

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
}

/** What members say to each other. Encoded as raftpb.Message; each variant names the fields it means. */
export type Message =
  | (Envelope & {
      readonly type: 'append';
      readonly previousIndex: number;
      readonly previousTerm: number;
      readonly entries: readonly Entry[];
      readonly commit: number;
    })
  | (Envelope & {
      readonly type: 'append-response' /** accepted: last index held; rejected: the previousIndex refused */;
      readonly index: number;
      readonly reject: boolean;
      readonly rejectHint: number;
      readonly hintTerm: number;
    })
  | (Envelope & { readonly type: 'heartbeat'; readonly commit: number; readonly context: Uint8Array })
  | (Envelope & { readonly type: 'heartbeat-response'; readonly context: Uint8Array })
  | (Envelope & {
      readonly type: 'vote' | 'pre-vote';
      readonly lastIndex: number;
      readonly lastTerm: number /** campaign for a leadership transfer */;
      readonly transfer: boolean;
    })
  | (Envelope & { readonly type: 'vote-response' | 'pre-vote-response'; readonly reject: boolean })
  | (Envelope & { readonly type: 'snapshot'; readonly snapshot: Snapshot })
  | (Envelope & { readonly type: 'propose'; readonly entries: readonly Pick<Entry, 'type' | 'data'>[] })
  | (Envelope & { readonly type: 'read-index'; readonly context: Uint8Array })
  | (Envelope & {
      readonly type: 'read-index-response';
      readonly index: number;
      readonly context: Uint8Array;
    })
  | (Envelope & { readonly type: 'transfer-leader' /** who shall lead */; readonly transferee: MemberId })
  | (Envelope & { readonly type: 'timeout-now' });

export type MessageType = Message['type'];

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** A linearizable read may be served once `index` is applied (thesis 6.4). */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

export type ProposeOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason:
        | 'no-leader'
        | 'leader-transfer-in-progress'
        | 'too-many-uncommitted-bytes'
        | 'not-in-configuration'
        /** Another configuration change is not applied yet (only known to a leader). */
        | 'conf-change-in-progress'
        /** The configuration in force does not allow the change (only known to a leader). */
        | 'conf-change-not-allowed';
    };

/**
 * One batch of work that the core hands out. The caller may do all parts at once and in any order, except that:
 * `persist` batches become durable in the order of their sequence numbers and are reported with `RaftNode.persisted`;
 * `committed` entries are applied in order and reported with `RaftNode.applied`.
 */
export interface Ready {
  /** Set when role, leader or term changed. */
  readonly softState: { readonly role: Role; readonly leader: MemberId; readonly term: number } | undefined;
  /** Must be written and synced before `persisted(sequence)`; messages that depend on it come in a later Ready. */
  readonly persist: PersistBatch | undefined;
  /** Send now; nothing in here waits for this member's own disk. */
  readonly messages: readonly Message[];
  /** Apply now, in order. Each is durable on a quorum. May not be durable on THIS member's disk yet. */
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
}

export interface PersistBatch {
  /** Grows by one a batch. */
  readonly sequence: number;
  readonly hardState: HardState | undefined;
  /** Replace whatever the log holds from `entries[0].index` on. */
  readonly entries: readonly Entry[];
  /** Received from the leader: replaces the log up to its index; apply it before any `committed` of later Readies. */
  readonly snapshot: Snapshot | undefined;
  /** False when only the commit index changed: it may be written without a sync of its own. */
  readonly mustSync: boolean;
}
