/**
 * What a simulated run looks like from outside: one stream of observations, in the order in which things happened, from which
 * the checkers judge the run and the digest is made. An observation is plain data and never changed after it was made.
 *
 * A `member` is a host's name ('m1'). Each start of a process on it counts `life` up by one; what a process held in memory ends with
 * its life. The data directory of a host may be lost and the host join again as another member: then `memberId` differs.
 */
import type { ConfState, EntryType, MemberId } from '../raft/types.ts';
import type { V2Action } from '../store/v2/types.ts';
import type { V3Observation } from './v3-observation.ts';

/** One slot of a log; `hash` stands for type and data (16 hexadecimal digits). */
export interface EntryDigest {
  readonly index: number;
  readonly term: number;
  readonly type: EntryType;
  readonly hash: string;
}

interface OfProcess {
  /** Virtual time in milliseconds since the beginning of the run. */
  readonly atMs: number;
  readonly member: string;
  /** 0 when the process died before it knew its id. */
  readonly memberId: MemberId;
  readonly life: number;
}

/** A process begins, with what its disk gave back. Comes before all else of this life; for each life that got as far as a raft core. */
export interface MemberStarted extends OfProcess {
  readonly kind: 'member-started';
  readonly term: number;
  readonly vote: MemberId;
  readonly commit: number;
  /** 0 for none. The log begins behind it. */
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  readonly entries: readonly EntryDigest[];
  /** In force at `applied`. */
  readonly configuration: ConfState;
  readonly applied: number;
  /** As of --force-new-cluster: what other members had committed or voted binds this one no more. */
  readonly forcedNewCluster: boolean;
}

export interface MemberEnded extends OfProcess {
  readonly kind: 'member-ended';
  /**
   * crashed: power lost, unsynced work may be gone; killed: only the process is gone; stopped: in order; removed: the cluster told it so;
   * failed: it stopped by itself with an error; refused: it would not start, with an error.
   */
  readonly how: 'crashed' | 'killed' | 'stopped' | 'removed' | 'failed' | 'refused';
  /** Of 'failed' and 'refused': the error. */
  readonly reason: string;
}

/** The data directory is gone for good. What was durable in it counts no more; the member may only return as another one. */
export interface DataLost extends OfProcess {
  readonly kind: 'data-lost';
}

export interface LeaderElected extends OfProcess {
  readonly kind: 'leader-elected';
  readonly term: number;
  /** Of its log at that moment. */
  readonly lastIndex: number;
}

/** A member's configuration changed: it applied a change, or a snapshot that holds another one. */
export interface ConfigurationChanged extends OfProcess {
  readonly kind: 'configuration-changed';
  readonly configuration: ConfState;
}

/** Entries are in the member's log, in memory: they replace whatever it held from `entries[0].index` on. */
export interface EntriesAppended extends OfProcess {
  readonly kind: 'entries-appended';
  readonly entries: readonly EntryDigest[];
}

/** A received snapshot replaces the log up to `index`, in memory. */
export interface SnapshotInstalled extends OfProcess {
  readonly kind: 'snapshot-installed';
  readonly index: number;
  readonly term: number;
}

/** A batch handed to the log is durable: what `entries-appended` and `snapshot-installed` told, with the hard state. In their order. */
export interface LogDurable extends OfProcess {
  readonly kind: 'log-durable';
  /** Replace what is durable from `entries[0].index` on. May be empty. */
  readonly entries: readonly EntryDigest[];
  readonly hardState: { readonly term: number; readonly vote: MemberId; readonly commit: number } | undefined;
  readonly snapshot: { readonly index: number; readonly term: number } | undefined;
}

/** Entries the core calls committed, on their way to the state machine; consecutive, after a restart from what was applied on. */
export interface EntriesCommitted extends OfProcess {
  readonly kind: 'entries-committed';
  readonly entries: readonly EntryDigest[];
}

/** All up to `index` is applied. */
export interface Applied extends OfProcess {
  readonly kind: 'applied';
  readonly index: number;
  /** X-Etcd-Index of its tree. */
  readonly etcdIndex: number;
  /** Over tree, events and membership; sampled at the same indexes on all members, undefined at the others. */
  readonly stateHash: string | undefined;
}

/** A vote or pre-vote is asked for or given, on the wire. Given votes and append answers depend on durable state. */
export interface MessageSent extends OfProcess {
  readonly kind: 'message-sent';
  readonly message:
    | { readonly type: 'vote-granted'; readonly to: MemberId; readonly term: number }
    /** The sender vouches that its log up to `index` matches the leader's of `term` and is durable. */
    | {
        readonly type: 'append-accepted';
        readonly to: MemberId;
        readonly term: number;
        readonly index: number;
      };
}

/** A change of a member's tree as it was applied: below '/1', clients' keys only, without the '/1'. */
export interface StoreChanged extends OfProcess {
  readonly kind: 'store-changed';
  readonly event: TreeEvent;
}

export interface TreeEvent {
  readonly action: V2Action;
  readonly key: string;
  /** Undefined of directories and of what is gone. */
  readonly value: string | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
  readonly previousValue: string | undefined;
}

/** A leader tells the log the time up to which keys have expired. */
export interface ExpiryProposed extends OfProcess {
  readonly kind: 'expiry-proposed';
  readonly untilNs: bigint;
  /** The proposer's wall clock at that moment. */
  readonly wallTimeNs: bigint;
}

/** A member's tree let go of a key whose time was `expirationNs`. Only by a proposed expiry that is not before it. */
export interface KeyExpired extends OfProcess {
  readonly kind: 'key-expired';
  readonly key: string;
  readonly expirationNs: bigint;
  readonly modifiedIndex: number;
}

/** What a client asks for. Keys are without the '/1'. Values are never written twice in one run. */
export type ClientOperation =
  /** From the member's own tree: may be old. */
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'quorum-get'; readonly key: string }
  /** Unconditional. A key with a TTL is never touched by other kinds of writes than this. */
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly ttlMs: number | undefined }
  /** prevExist=false. */
  | { readonly kind: 'create'; readonly key: string; readonly value: string }
  /** prevExist=true. */
  | { readonly kind: 'update'; readonly key: string; readonly value: string }
  /** '' and 0: any. */
  | {
      readonly kind: 'compare-and-swap';
      readonly key: string;
      readonly value: string;
      readonly prevValue: string;
      readonly prevIndex: number;
    }
  | {
      readonly kind: 'compare-and-delete';
      readonly key: string;
      readonly prevValue: string;
      readonly prevIndex: number;
    }
  | { readonly kind: 'delete'; readonly key: string }
  /** POST: `key` is the directory. */
  | { readonly kind: 'append'; readonly key: string; readonly value: string };

export type ClientOutcome =
  | {
      readonly kind: 'done';
      readonly action: V2Action;
      /** Of the node: of 'append' the key that was made. */
      readonly key: string;
      /** After the operation; undefined for deletes and directories. */
      readonly value: string | undefined;
      readonly modifiedIndex: number;
      readonly createdIndex: number;
      readonly previousValue: string | undefined;
      /** 0 where there was nothing. */
      readonly previousModifiedIndex: number;
      /** X-Etcd-Index. */
      readonly etcdIndex: number;
      /** Of a write: the index of its entry in the replicated log. 0 for reads. */
      readonly logIndex: number;
    }
  /** Refused by the state machine (a failed comparison, a missing key): a certain answer, at its place in the order like any other. */
  | {
      readonly kind: 'refused';
      /** etcd's: 100 key not found, 101 compare failed, 102 not a file, 105 key exists, ... */
      readonly errorCode: number;
      readonly cause: string;
      readonly etcdIndex: number;
      readonly logIndex: number;
    }
  /** No answer, or that of a server that does not know: it may have happened, may happen later, or never. */
  | { readonly kind: 'unknown'; readonly reason: string };

interface OfClient {
  readonly atMs: number;
  readonly client: number;
  /** The member asked. */
  readonly member: string;
  readonly life: number;
}

export interface OperationInvoked extends OfClient {
  readonly kind: 'operation-invoked';
  /** Grows by one with each operation of the run. */
  readonly operationId: number;
  readonly operation: ClientOperation;
}

/** Once for each invoked operation at most; the rest never returned. A client has one operation at a time. */
export interface OperationReturned extends OfClient {
  readonly kind: 'operation-returned';
  readonly operationId: number;
  readonly operation: ClientOperation;
  readonly outcome: ClientOutcome;
}

/** A watch of a key or of all below it. A watcher goes on at another member with a new watch: same `watcherId`. */
export interface WatchBegun extends OfClient {
  readonly kind: 'watch-begun';
  readonly watcherId: number;
  readonly path: string;
  readonly recursive: boolean;
  /** waitIndex asked for; 0: from now on. A resumed watch asks for the index after the last it saw. */
  readonly sinceIndex: number;
  /** X-Etcd-Index of the member when the watch began. */
  readonly startIndex: number;
  /** False where the history did not reach back (error 401): the watcher begins anew and may have missed events. */
  readonly resumes: boolean;
}

export interface WatchDelivered extends OfClient {
  readonly kind: 'watch-delivered';
  readonly watcherId: number;
  readonly event: TreeEvent;
}

/** The connection broke, or the client left. */
export interface WatchEnded extends OfClient {
  readonly kind: 'watch-ended';
  readonly watcherId: number;
}

export interface FaultBegun {
  readonly kind: 'fault-begun' | 'fault-ended';
  readonly atMs: number;
  /** 'partition-split', 'disk-full', 'clock-jump', ...; counted by it. */
  readonly fault: string;
  /** Whom it befalls and how hard, for readers. */
  readonly detail: string;
}

/** From 'liveness' on no fault begins any more; 'end' comes after the last observation of a member or a client. */
export interface PhaseBegun {
  readonly kind: 'phase-begun';
  readonly atMs: number;
  readonly phase: 'safety' | 'liveness' | 'end';
}

/** At the end, of each member that runs: what its tree holds of the clients' keys. */
export interface FinalTree extends OfProcess {
  readonly kind: 'final-tree';
  readonly etcdIndex: number;
  readonly applied: number;
  readonly nodes: readonly {
    readonly key: string;
    readonly value: string;
    readonly modifiedIndex: number;
    readonly createdIndex: number;
    readonly hasTtl: boolean;
  }[];
}

export type Observation =
  | MemberStarted
  | MemberEnded
  | DataLost
  | LeaderElected
  | ConfigurationChanged
  | EntriesAppended
  | SnapshotInstalled
  | LogDurable
  | EntriesCommitted
  | Applied
  | MessageSent
  | StoreChanged
  | ExpiryProposed
  | KeyExpired
  | OperationInvoked
  | OperationReturned
  | WatchBegun
  | WatchDelivered
  | WatchEnded
  | FaultBegun
  | PhaseBegun
  | FinalTree
  | V3Observation;

/** Watches a run for one property. Throws CheckFailure as soon as it is broken. Deterministic; one object a run. */
export interface Checker {
  readonly name: string;
  observe(observation: Observation): void;
  /** After the last observation. */
  finish(): void;
}

/** A property does not hold: the run is wrong. */
export class CheckFailure extends Error {
  readonly checker: string;
  /** For readers: a picture of the failure in HTML, where there is one. */
  readonly html: string | undefined;
  constructor(checker: string, message: string, html?: string) {
    super(`${checker}: ${message}`);
    this.name = 'CheckFailure';
    this.checker = checker;
    this.html = html;
  }
}
