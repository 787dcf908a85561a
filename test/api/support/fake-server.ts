/**
 * A server of one member without a cluster: writes are applied to a real v2 store at once, in the order they come. Time stands still unless
 * moved. Its store begins as a one-member etcd's does, at index 3.
 */
import type {
  Member,
  QuorateServer,
  ServerError,
  ServerErrorCode,
  Submitted,
} from '../../../src/server/contract.ts';
import { serverError } from '../../../src/server/errors.ts';
import type { V2Outcome, V2Store, V2Ttl } from '../../../src/store/v2/types.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';
import type { V2Request } from '../../../src/wire/v2-request.ts';

const NEVER: V2Ttl = { expireTimeNs: undefined, refresh: false };

export const SELF: Member = {
  id: 0x8e9e05c52164694dn,
  name: 'default',
  peerURLs: ['http://127.0.0.1:2380'],
  clientURLs: ['http://127.0.0.1:2379'],
  isLearner: false,
};

export class FakeServer implements QuorateServer {
  readonly clusterId = 0x1c45a069f3a1d796n;
  readonly memberId = SELF.id;
  readonly clusterVersion: string = '3.4.0';
  readonly store: V2Store = createV2Store(['/0', '/1']);
  readonly removed = new Set<bigint>();
  list: Member[] = [SELF];
  raftIndex = 4;
  raftTerm = 2;
  leaderId: bigint = SELF.id;
  /** Every submission and change of members fails with it. */
  failure: ServerErrorCode | undefined;
  /** 2026-01-02T03:04:05.006007008Z unless moved. */
  timeNs = 1_767_323_045_006_007_008n;
  healthy = true;
  readonly counters = { leaderChanges: 3, proposalsPending: 2, proposalsFailed: 1 };
  readonly requests: V2Request[] = [];
  /** Reads that asked for one. */
  readIndexes = 0;

  constructor() {
    for (const path of ['/0/members/x/raftAttributes', '/0/members/x/attributes', '/0/version']) {
      this.store.create(path, false, '', false, NEVER, this.timeNs);
    }
  }

  get appliedIndex(): number {
    return this.raftIndex;
  }
  get isLeader(): boolean {
    return this.leaderId === this.memberId;
  }
  nowNs(): bigint {
    return this.timeNs;
  }

  submitV2(request: V2Request, done: (outcome: Submitted<V2Outcome>) => void): void {
    this.requests.push(request);
    if (this.failure !== undefined) {
      done({ ok: false, error: serverError(this.failure) });
      return;
    }
    this.raftIndex++;
    done({ ok: true, value: this.#apply(request) });
  }

  awaitReadIndex(done: (error: ServerError | undefined) => void): void {
    this.readIndexes++;
    done(this.failure === undefined ? undefined : serverError(this.failure));
  }

  #apply(request: V2Request): V2Outcome {
    const { store, timeNs } = this;
    const { path, value, dir, prevValue, prevIndex } = request;
    const expireTimeNs = request.expirationNs === 0n ? undefined : request.expirationNs;
    const ttl: V2Ttl = { expireTimeNs, refresh: request.refresh === true };
    const compares = prevIndex > 0 || prevValue !== '';
    switch (request.method) {
      case 'POST':
        return store.create(path, dir, value, true, ttl, timeNs);
      case 'PUT':
        if (request.prevExist === false) return store.create(path, dir, value, false, ttl, timeNs);
        if (compares) return store.compareAndSwap(path, prevValue, prevIndex, value, ttl, timeNs);
        if (request.prevExist === true) return store.update(path, value, ttl, timeNs);
        return store.set(path, dir, value, ttl, timeNs);
      case 'DELETE':
        return compares
          ? store.compareAndDelete(path, prevValue, prevIndex, timeNs)
          : store.delete(path, dir, request.recursive, timeNs);
      default:
        return store.get(path, request.recursive, request.sorted, timeNs);
    }
  }

  members(): readonly Member[] {
    return this.list;
  }
  member(id: bigint): Member | undefined {
    return this.list.find((member) => member.id === id);
  }
  isMemberRemoved(id: bigint): boolean {
    return this.removed.has(id);
  }

  addMember(
    peerURLs: readonly string[],
    isLearner: boolean,
    done: (outcome: Submitted<Member>) => void,
  ): void {
    const known = this.list.some((member) => member.peerURLs.some((url) => peerURLs.includes(url)));
    const code = this.failure ?? (known ? 'peer-url-exists' : undefined);
    if (code !== undefined) {
      done({ ok: false, error: serverError(code) });
      return;
    }
    const member: Member = { id: 0xabcn, name: '', peerURLs, clientURLs: [], isLearner };
    this.list.push(member);
    done({ ok: true, value: member });
  }

  removeMember(id: bigint, done: (outcome: Submitted<undefined>) => void): void {
    const code = this.failure ?? this.#unknown(id);
    if (code !== undefined) {
      done({ ok: false, error: serverError(code) });
      return;
    }
    this.list = this.list.filter((member) => member.id !== id);
    this.removed.add(id);
    done({ ok: true, value: undefined });
  }

  updateMember(id: bigint, peerURLs: readonly string[], done: (outcome: Submitted<Member>) => void): void {
    const code = this.failure ?? this.#unknown(id);
    const old = this.member(id);
    if (code !== undefined || old === undefined) {
      done({ ok: false, error: serverError(code ?? 'member-id-not-found') });
      return;
    }
    const member: Member = { ...old, peerURLs };
    this.list = this.list.map((each) => (each.id === id ? member : each));
    done({ ok: true, value: member });
  }

  promoteMember(_id: bigint, done: (outcome: Submitted<Member>) => void): void {
    done({ ok: false, error: serverError('not-learner') });
  }

  #unknown(id: bigint): ServerErrorCode | undefined {
    if (this.removed.has(id)) return 'member-id-removed';
    return this.member(id) === undefined ? 'member-id-not-found' : undefined;
  }

  checkHealth(done: (healthy: boolean, reason: string) => void): void {
    done(this.healthy, this.healthy ? '' : 'RAFT NO LEADER');
  }

  selfStats(): ReturnType<QuorateServer['selfStats']> {
    const startMs = Number(this.timeNs / 1_000_000n) - 3_723_004.5;
    return {
      name: SELF.name,
      id: SELF.id,
      role: this.isLeader ? 'leader' : 'follower',
      startTimeMs: startMs,
      leader: this.leaderId,
      leaderSinceMs: startMs,
      receivedAppendCount: 0,
      receivedPackageRate: 0,
      receivedBandwidthRate: 0,
      sentAppendCount: 12,
      sentPackageRate: 1.25,
      sentBandwidthRate: Number.POSITIVE_INFINITY,
    };
  }

  leaderStats(): ReturnType<QuorateServer['leaderStats']> {
    if (!this.isLeader) return undefined;
    const zero = {
      latencyCurrentMs: 0,
      latencyAverageMs: 0,
      latencyStandardDeviationMs: 0,
      latencyMinimumMs: Number.POSITIVE_INFINITY,
      latencyMaximumMs: 0,
      successCount: 0,
      failCount: 3,
    };
    const busy = {
      latencyCurrentMs: 0.5,
      latencyAverageMs: 0.75,
      latencyStandardDeviationMs: 0.25,
      latencyMinimumMs: 0.5,
      latencyMaximumMs: 1,
      successCount: 2,
      failCount: 0,
    };
    return [
      { id: 0xbn, ...zero },
      { id: 0xan, ...busy },
    ];
  }
}
