/**
 * The v3 half of what the replicated server offers to the protocol adapters in `api/`: nothing here knows of gRPC. Every `done` is called once,
 * possibly before the call returns; what is read from `kv` inside it is of that moment.
 */
import type { MvccErrorCode, MvccStore, OperationResult } from '../store/mvcc/types.ts';
import type { WatchHub } from '../watch/types.ts';
import type { V3Request } from '../wire/v3/kv-types.ts';
import type { ServerError, Submitted } from './contract.ts';

/** Why applying a request changed nothing; the texts that clients match are in `api/v3/errors.ts`. */
export type V3ErrorCode =
  | MvccErrorCode
  | 'lease-exists'
  | 'lease-ttl-too-large'
  /** The quota is used up: only deletes, compactions, lease revokes and reads go on. */
  | 'no-space'
  /** A member's data was found to be corrupt. */
  | 'corrupt'
  /** A target that is no version. */
  | 'downgrade-version-format'
  | 'downgrade-target-invalid'
  | 'downgrade-in-process'
  | 'no-inflight-downgrade'
  | 'cluster-version-unavailable'
  /** A member, such as an etcd 3.4, would fail for good at the entry. */
  | 'downgrade-not-understood'
  /** A member did not answer whether it knows of downgrades. */
  | 'downgrade-member-silent'
  /** Not built yet: auth's requests. */
  | 'unimplemented';

export interface V3Failure {
  readonly kind: 'error';
  readonly code: V3ErrorCode;
}

export interface AlarmMember {
  readonly memberId: bigint;
  /** As numbered by etcd (AlarmType in wire/v3/kv-types.ts). */
  readonly alarm: number;
}

/** What applying a request gave. */
export type V3Outcome =
  | OperationResult
  | { readonly kind: 'compaction'; readonly revision: number }
  | { readonly kind: 'lease-grant'; readonly id: bigint; readonly ttl: number; readonly revision: number }
  | { readonly kind: 'lease-revoke'; readonly revision: number }
  | { readonly kind: 'alarm'; readonly alarms: readonly AlarmMember[]; readonly revision: number }
  | { readonly kind: 'none'; readonly revision: number }
  | V3Failure;

/** A request as the client encoded it, so that it needs no encoding for the log: the bytes of the message named by `V3Request.kind`. */
export type EncodedRequest = Uint8Array;

export interface LeaseTimes {
  /** Seconds left; -1: there is no such lease. */
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly Uint8Array[];
}

export interface MemberStatus {
  /** etcd's version that is announced. */
  readonly version: string;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  /** etcd's texts, e.g. 'etcdserver: no leader', 'memberID:1 alarm:NOSPACE '. */
  readonly errors: readonly string[];
  readonly isLearner: boolean;
  readonly quotaBytes: number;
}

export interface HashResult {
  readonly hash: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export type V3Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ServerError | V3Failure };

/** Takes the cluster back to an older version, as far as versions go. Answers with the cluster's present version, linearizably. */
export interface DowngradeControl {
  /** `version`: of the target, 'major.minor' or with more behind it. */
  validate(version: string, done: (answer: V3Answer<{ readonly version: string }>) => void): void;
  enable(version: string, done: (answer: V3Answer<{ readonly version: string }>) => void): void;
  cancel(done: (answer: V3Answer<{ readonly version: string }>) => void): void;
}

/** A renewal under way, which is told once what came of it. What it is belongs to who asked: so that a renewal costs no object of its own. */
export interface LeaseRenewal {
  readonly id: bigint;
  /** Seconds; 0: there is no such lease. */
  renewed(ttl: number): void;
  failed(error: ServerError): void;
}

/** What the entries applied since the start have done. */
export interface AppliedFigures {
  readonly puts: number;
  readonly deletes: number;
  /** Transactions that did more than one thing. */
  readonly txns: number;
  readonly leasesGranted: number;
  readonly leasesRevoked: number;
}

export interface V3Server {
  readonly kv: MvccStore;
  readonly watches: WatchHub;
  readonly downgrade: DowngradeControl;
  /** For metrics. */
  readonly counts: AppliedFigures;

  /**
   * Replicates a request and calls back with what applying it gave. The quota is checked before. Nothing of `request` is kept after the call. `encoded`
   * saves encoding what the client has sent encoded already; it is copied.
   */
  propose(
    request: V3Request,
    encoded: EncodedRequest | undefined,
    done: (outcome: Submitted<V3Outcome>) => void,
  ): void;
  /**
   * As `propose` of a compaction; with `physical` it calls back only once the rows are gone, too.
   */
  compact(revision: number, physical: boolean, done: (outcome: Submitted<V3Outcome>) => void): void;

  /** Chooses the id if it is 0n. */
  grantLease(id: bigint, ttl: number, done: (outcome: Submitted<V3Outcome>) => void): void;
  /** Asks the leader, wherever it is. */
  renewLease(renewal: LeaseRenewal): void;
  leaseTimes(id: bigint, withKeys: boolean, done: (answer: V3Answer<LeaseTimes>) => void): void;
  leases(done: (answer: V3Answer<readonly bigint[]>) => void): void;

  alarms(): readonly AlarmMember[];
  /** etcd's HashKV at a revision, 0: the newest. */
  hashKv(revision: number, done: (answer: V3Answer<HashResult>) => void): void;
}

/** What operators ask of one member. */
export interface V3Maintenance {
  status(): MemberStatus;
  /** etcd's Hash of the whole backend. */
  hash(done: (answer: V3Answer<HashResult>) => void): void;
  defragment(done: (answer: V3Answer<undefined>) => void): void;
  /**
   * Everything, as the file that `etcdctl snapshot` knows, then its SHA-256; every chunk tells what of the file is still to come. Ends early once
   * `isWanted` gives false.
   */
  snapshotFile(
    isWanted: () => boolean,
  ): AsyncIterable<{ readonly bytes: Uint8Array; readonly remainingBytes: number }>;
  /** Hands leadership over; only the leader can ('not-leader' otherwise). */
  moveLeader(target: bigint, done: (answer: V3Answer<undefined>) => void): void;
}
