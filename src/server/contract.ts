/**
 * What the replicated server offers to the protocol adapters in `api/`: nothing here knows of HTTP.
 */

import type { FollowerTraffic } from '../ports/peer-network.ts';
import type { MemberId, Role } from '../raft/types.ts';
import type { V2Outcome, V2Store } from '../store/v2/types.ts';
import type { V2Request } from '../wire/v2-request.ts';

export interface Member {
  readonly id: MemberId;
  /** '' until the member has started for the first time. */
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

/** Why the server could not answer; the texts clients match are in `errors.ts`. */
export type ServerErrorCode =
  | 'timeout'
  | 'timeout-leader-failed'
  | 'timeout-connection-lost'
  | 'timeout-leader-transfer'
  | 'no-leader'
  | 'stopped'
  | 'too-many-requests'
  | 'not-enough-started-members'
  | 'unhealthy'
  | 'member-id-exists'
  | 'member-id-not-found'
  | 'member-id-removed'
  | 'peer-url-exists'
  | 'not-learner'
  | 'not-leader'
  | 'learner-not-ready'
  | 'too-many-learners';

export interface ServerError {
  readonly code: ServerErrorCode;
  /** etcd's text, e.g. 'etcdserver: request timed out'. */
  readonly message: string;
}

export type Submitted<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ServerError };

/** `/v2/stats/self` and `/v2/stats/leader`, as figures. */
export interface SelfStats {
  readonly name: string;
  readonly id: MemberId;
  readonly role: Role;
  readonly startTimeMs: number;
  readonly leader: MemberId;
  /** Milliseconds of wall time at which the present leader was first seen. */
  readonly leaderSinceMs: number;
  readonly receivedAppendCount: number;
  readonly receivedPackageRate: number;
  readonly receivedBandwidthRate: number;
  readonly sentAppendCount: number;
  readonly sentPackageRate: number;
  readonly sentBandwidthRate: number;
}

/** For metrics, as of now. */
export interface ServerCounters {
  /** Since the start. */
  readonly leaderChanges: number;
  readonly proposalsPending: number;
  /** Since the start. */
  readonly proposalsFailed: number;
}

/** A leader's view of one follower. */
export type FollowerStats = FollowerTraffic;

export interface QuorateServer {
  readonly clusterId: bigint;
  readonly memberId: MemberId;
  /** X-Raft-Index: the highest committed index this member knows. */
  readonly raftIndex: number;
  readonly raftTerm: number;
  /** Highest index applied to the store. */
  readonly appliedIndex: number;
  readonly leaderId: MemberId;
  readonly isLeader: boolean;
  /** The tree, for local reads and watches only. Clients' keys live below '/1', the cluster's own below '/0'. */
  readonly store: V2Store;
  /** Wall time in nanoseconds. */
  nowNs(): bigint;
  /**
   * Replicates a v2 write and calls back once with what applying it gave; a read (GET, QGET) is answered as after awaitReadIndex. `path` in
   * the request is the full store path ('/1/...'). The request's id is assigned here.
   */
  submitV2(request: V2Request, done: (outcome: Submitted<V2Outcome>) => void): void;
  /**
   * Calls back once `store` holds everything that any member acknowledged before now (a read index, thesis 6.4): what is read in
   * the callback is linearizable.
   */
  awaitReadIndex(done: (error: ServerError | undefined) => void): void;
  /** Members in the order in which etcd lists them: by id. */
  members(): readonly Member[];
  member(id: MemberId): Member | undefined;
  isMemberRemoved(id: MemberId): boolean;
  addMember(
    peerURLs: readonly string[],
    isLearner: boolean,
    done: (outcome: Submitted<Member>) => void,
  ): void;
  removeMember(id: MemberId, done: (outcome: Submitted<undefined>) => void): void;
  updateMember(id: MemberId, peerURLs: readonly string[], done: (outcome: Submitted<Member>) => void): void;
  promoteMember(id: MemberId, done: (outcome: Submitted<Member>) => void): void;
  /** '3.4.0' once decided, 'not_decided' before. */
  readonly clusterVersion: string;
  /** Resolves health as etcd 3.4's /health does: a leader is known and a quorum read passes. */
  checkHealth(done: (healthy: boolean, reason: string) => void): void;
  readonly counters: ServerCounters;
  selfStats(): SelfStats;
  /** Undefined unless this member leads. */
  leaderStats(): readonly FollowerStats[] | undefined;
}
