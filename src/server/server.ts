/**
 * One member of the cluster: the replicated v2 tree, its members, and what keeps them alive. Adapters see it through
 * `QuorateServer`; everything it needs of the world comes in as ports, so that it runs in the simulator as it does here.
 */
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ClusterProbe, PeerNetwork } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import {
  type ConfChange,
  type Entry,
  type MemberId,
  NO_MEMBER,
  type Role,
  type Snapshot,
} from '../raft/types.ts';
import type { V2Outcome, V2Store } from '../store/v2/types.ts';
import { decodeLogRequest } from '../wire/internal-raft-request.ts';
import { Writer } from '../wire/protobuf.ts';
import { decodeConfChange } from '../wire/raftpb.ts';
import { decodeV2RequestId, encodeV2Request, type V2Request, v2Request } from '../wire/v2-request.ts';
import { applyV2Request } from './apply-v2.ts';
import { ClusterVersionMonitor } from './cluster-version.ts';
import type {
  FollowerStats,
  Member,
  QuorateServer,
  SelfStats,
  ServerErrorCode,
  Submitted,
} from './contract.ts';
import { serverError } from './errors.ts';
import { LinearizableReads } from './linearizable-reads.ts';
import type { LogStorage } from './log-storage.ts';
import { attributesPath, CLUSTER_VERSION_PATH, type Cluster } from './membership/cluster.ts';
import { formatId } from './membership/member-id.ts';
import { encodeAttributes } from './membership/member-json.ts';
import { HEALTH_INTERVAL_MS } from './membership/reconfigure-checks.ts';
import { Proposals, RequestIds } from './proposals.ts';
import { Reconfiguration } from './reconfiguration.ts';
import { Replicator } from './replicator.ts';
import { SnapshotKeeper, type SnapshotStorage } from './snapshot-keeper.ts';

export interface ServerSettings {
  readonly name: string;
  readonly advertisedClientURLs: readonly string[];
  readonly clusterToken: string;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly initialElectionTickAdvance: boolean;
  readonly snapshotCount: number;
  readonly strictReconfigCheck: boolean;
  /** etcd's version that this program is compatible with, e.g. '3.4.23'. */
  readonly serverVersion: string;
}

export interface ServerParts {
  readonly memberId: MemberId;
  readonly store: V2Store;
  readonly cluster: Cluster;
  readonly raft: RaftNode;
  readonly storage: LogStorage & SnapshotStorage;
  readonly network: PeerNetwork;
  readonly probe: ClusterProbe;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why a server stopped by itself. */
export type StopReason = { readonly kind: 'removed' } | { readonly kind: 'failure'; readonly error: Error };

/** An expiry is at most this much late on the leader's clock. */
const TTL_SYNC_INTERVAL_MS = 500;
/** How often overdue requests are looked for. */
const SWEEP_INTERVAL_MS = 250;
/** A read index that was not answered in this time is asked for again. */
const READ_INDEX_RETRY_MS = 500;
const HEALTH_TIMEOUT_MS = 1_000;
const PURGE_INTERVAL_MS = 30_000;
/** A removed member goes on for a moment, so that the others learn what it knows. */
const REMOVAL_DELAY_MS = 1_000;

type V2Done = (outcome: Submitted<V2Outcome>) => void;

export class Server implements QuorateServer {
  readonly memberId: MemberId;
  readonly store: V2Store;
  readonly settings: ServerSettings;
  readonly #parts: ServerParts;
  readonly #cluster: Cluster;
  readonly #raft: RaftNode;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ids: RequestIds;
  readonly #proposals = new Proposals<V2Request, Submitted<V2Outcome>>();
  readonly #reads = new LinearizableReads();
  readonly #replicator: Replicator;
  readonly #snapshots: SnapshotKeeper;
  readonly #reconfiguration: Reconfiguration;
  readonly #versions: ClusterVersionMonitor;
  readonly #writer = new Writer();
  readonly #requestTimeoutMs: number;
  readonly #timers = new Set<Timer>();
  readonly #readyCallbacks: (() => void)[] = [];
  readonly #startTimeMs: number;
  #appliedIndex: number;
  #ready = false;
  #readTurnScheduled = false;
  #stopped = false;
  #leader: MemberId = NO_MEMBER;
  #leaderSinceWallMs = 0;
  /** Monotonic time at which the present leader was first seen. */
  #leaderSinceMs = 0;
  #leaderChanges = 0;
  #failedProposals = 0;
  #onLeaderChange: (() => void) | undefined;
  #onStop: (reason: StopReason) => void = () => {};

  constructor(settings: ServerSettings, parts: ServerParts) {
    const { raft, cluster, clock, network, storage } = parts;
    this.settings = settings;
    this.#parts = parts;
    this.memberId = parts.memberId;
    this.store = parts.store;
    this.#cluster = cluster;
    this.#raft = raft;
    this.#clock = clock;
    this.#log = parts.log;
    this.#ids = new RequestIds(parts.memberId, clock.wallTimeMs());
    this.#requestTimeoutMs = 5_000 + 2 * settings.electionTicks * settings.tickMs;
    this.#startTimeMs = clock.wallTimeMs();
    this.#appliedIndex = raft.status().applied;
    this.#replicator = new Replicator({
      raft,
      storage,
      network,
      clock,
      log: parts.log,
      handlers: {
        apply: (entries) => this.#apply(entries),
        installSnapshot: (snapshot) => this.#installSnapshot(snapshot),
        onLeadership: (role, leader, term) => this.#onLeadership(role, leader, term),
        onReadState: (state) => this.#reads.confirm(state.context, state.index),
        onTurn: () => this.#onTurn(),
        sendSnapshot: (message) => this.#snapshots.send(message),
        onFailure: (error) => this.#fail(error),
      },
    });
    const wake = (): void => this.#replicator.wake();
    this.#snapshots = new SnapshotKeeper(
      {
        raft,
        store: parts.store,
        storage,
        network,
        clock,
        log: parts.log,
        snapshotCount: settings.snapshotCount,
        onFailure: (error) => this.#fail(error),
        wake,
      },
      raft.firstIndex - 1,
    );
    this.#reconfiguration = new Reconfiguration({
      raft,
      cluster,
      ids: this.#ids,
      strict: settings.strictReconfigCheck,
      token: settings.clusterToken,
      reachability: () => ({
        self: this.memberId,
        nowMs: clock.monotonicMs(),
        activeSinceMs: (id) => network.activeSinceMs(id),
      }),
      wallTimeMs: () => clock.wallTimeMs(),
      wake,
    });
    this.#versions = new ClusterVersionMonitor({
      cluster,
      self: parts.memberId,
      serverVersion: settings.serverVersion,
      probe: parts.probe,
      clock,
      log: parts.log,
      isLeader: () => this.isLeader,
      propose: (version) =>
        this.#propose(v2Request({ method: 'PUT', path: CLUSTER_VERSION_PATH, value: version }), () => {}),
    });
  }

  /** Begins to take part. `onStop` is called once if the member has to stop by itself. */
  start(onStop: (reason: StopReason) => void): void {
    this.#onStop = onStop;
    const { network } = this.#parts;
    network.start({
      onMessage: (message) => this.#replicator.step(message),
      onUnreachable: (id) => {
        this.#raft.reportUnreachable(id);
        this.#replicator.wake();
      },
      onSnapshotSent: (id, ok) => {
        this.#raft.reportSnapshot(id, ok);
        this.#replicator.wake();
      },
      isRemoved: (id) => this.#cluster.isRemoved(id),
      onGone: () => this.#removed(),
    });
    for (const member of this.#cluster.members()) {
      if (member.id !== this.memberId) network.addPeer(member.id, member.peerURLs);
    }
    this.#every(this.settings.tickMs, () => this.#replicator.tick());
    this.#every(TTL_SYNC_INTERVAL_MS, () => this.#syncTtl());
    this.#every(SWEEP_INTERVAL_MS, () => this.#sweep());
    this.#every(PURGE_INTERVAL_MS, () => this.#parts.storage.purge());
    this.#versions.start();
    this.#publish();
    // Behind the first turn, in which a new member learns its configuration from the log.
    this.#clock.defer(() => this.#beSwiftToElect());
  }

  /** Calls back once this member has published itself through the log: from then on it serves clients. */
  onReady(callback: () => void): void {
    if (this.#ready) callback();
    else this.#readyCallbacks.push(callback);
  }

  /**
   * Before an orderly stop: hands the leadership to the most advanced voter and calls back when someone else leads, or
   * when that was not to be had within two election timeouts.
   */
  handOverLeadership(done: (handedOver: boolean) => void): void {
    const successor = this.isLeader ? this.#successor() : undefined;
    if (successor === undefined) {
      done(!this.isLeader);
      return;
    }
    this.#log.info('handing the leadership over', { to: formatId(successor) });
    const timer = this.#after(2 * this.settings.electionTicks * this.settings.tickMs, () => finish(false));
    const finish = (handedOver: boolean): void => {
      timer.cancel();
      this.#onLeaderChange = undefined;
      done(handedOver);
    };
    this.#onLeaderChange = () => {
      if (this.#leader !== NO_MEMBER && !this.isLeader) finish(true);
    };
    this.#raft.transferLeadership(successor);
    this.#replicator.wake();
  }

  /** Stops taking part; requests still waiting are answered as stopped. The network and the log are the caller's to close. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#versions.stop();
    this.#replicator.stop();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#failOverdue(Number.POSITIVE_INFINITY, () => 'stopped');
  }

  get clusterId(): bigint {
    return this.#cluster.id;
  }

  get raftIndex(): number {
    return this.#raft.commit;
  }

  get raftTerm(): number {
    return this.#raft.term;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get leaderId(): MemberId {
    return this.#leader;
  }

  get isLeader(): boolean {
    return this.#raft.role === 'leader';
  }

  get clusterVersion(): string {
    return this.#cluster.version ?? 'not_decided';
  }

  get counters(): {
    readonly leaderChanges: number;
    readonly proposalsPending: number;
    readonly proposalsFailed: number;
  } {
    return {
      leaderChanges: this.#leaderChanges,
      proposalsPending: this.#proposals.size,
      proposalsFailed: this.#failedProposals,
    };
  }

  selfStats(): SelfStats {
    const { stats } = this.#parts.network;
    const received = stats.receivedAppends();
    const sent = stats.sentAppends();
    return {
      name: this.settings.name,
      id: this.memberId,
      role: this.#raft.role,
      startTimeMs: this.#startTimeMs,
      leader: this.#leader,
      leaderSinceMs: this.#leaderSinceWallMs,
      receivedAppendCount: received.count,
      receivedPackageRate: received.packageRate,
      receivedBandwidthRate: received.bandwidthRate,
      sentAppendCount: sent.count,
      sentPackageRate: sent.packageRate,
      sentBandwidthRate: sent.bandwidthRate,
    };
  }

  leaderStats(): readonly FollowerStats[] | undefined {
    return this.isLeader ? this.#parts.network.stats.followers() : undefined;
  }

  nowNs(): bigint {
    return BigInt(Math.round(this.#clock.wallTimeMs())) * 1_000_000n;
  }

  submitV2(request: V2Request, done: V2Done): void {
    if (request.method === 'QGET' || request.method === 'GET') this.#read(request, done);
    else this.#propose(request, done);
  }

  members(): readonly Member[] {
    return this.#cluster.members();
  }

  member(id: MemberId): Member | undefined {
    return this.#cluster.member(id);
  }

  isMemberRemoved(id: MemberId): boolean {
    return this.#cluster.isRemoved(id);
  }

  addMember(
    peerURLs: readonly string[],
    isLearner: boolean,
    done: (outcome: Submitted<Member>) => void,
  ): void {
    this.#reconfiguration.add(peerURLs, isLearner, done);
  }

  removeMember(id: MemberId, done: (outcome: Submitted<undefined>) => void): void {
    this.#reconfiguration.remove(id, done);
  }

  updateMember(id: MemberId, peerURLs: readonly string[], done: (outcome: Submitted<Member>) => void): void {
    this.#reconfiguration.update(id, peerURLs, done);
  }

  promoteMember(id: MemberId, done: (outcome: Submitted<Member>) => void): void {
    this.#reconfiguration.promote(id, done);
  }

  checkHealth(done: (healthy: boolean, reason: string) => void): void {
    if (this.#leader === NO_MEMBER) {
      done(false, 'RAFT NO LEADER');
      return;
    }
    let answered = false;
    const answer = (healthy: boolean, reason: string): void => {
      if (answered) return;
      answered = true;
      timer.cancel();
      done(healthy, reason);
    };
    const timer = this.#after(HEALTH_TIMEOUT_MS, () => answer(false, 'QGET ERROR'));
    this.#reads.add({
      startedMs: this.#clock.monotonicMs(),
      serve: () => answer(true, ''),
      fail: () => answer(false, 'QGET ERROR'),
    });
    this.#replicator.wake();
    this.#askReadIndex();
  }

  #propose(request: V2Request, done: V2Done): void {
    if (this.#stopped) {
      done({ ok: false, error: serverError('stopped') });
      return;
    }
    const id = this.#ids.next();
    if (!this.#replicator.propose(encodeV2Request(this.#writer, id, request))) {
      this.#failedProposals++;
      done({ ok: false, error: serverError('too-many-requests') });
      return;
    }
    this.#proposals.register(id, request, this.#clock.monotonicMs(), done);
  }

  #read(request: V2Request, done: V2Done): void {
    if (this.#stopped) {
      done({ ok: false, error: serverError('stopped') });
      return;
    }
    const startedMs = this.#clock.monotonicMs();
    this.#reads.add({
      startedMs,
      serve: () =>
        done({
          ok: true,
          value: this.store.get(request.path, request.recursive, request.sorted, this.nowNs()),
        }),
      fail: () =>
        done({ ok: false, error: serverError(this.#stopped ? 'stopped' : this.#timeoutCode(startedMs)) }),
    });
    this.#askReadIndex();
  }

  /** One question a turn for all reads that wait. */
  #askReadIndex(): void {
    if (this.#readTurnScheduled) return;
    this.#readTurnScheduled = true;
    this.#clock.defer(() => {
      this.#readTurnScheduled = false;
      if (this.#stopped || !this.#reads.hasWaiting || this.#leader === NO_MEMBER) return;
      this.#raft.readIndex(this.#reads.takeContext(this.#clock.monotonicMs()));
      this.#replicator.wake();
    });
  }

  #apply(entries: readonly Entry[]): void {
    const nowNs = this.nowNs();
    for (const entry of entries) {
      if (entry.type === 'normal') this.#applyNormal(entry, nowNs);
      else if (entry.type === 'conf-change') this.#applyConfChange(decodeConfChange(entry.data));
      else
        throw new Error(
          `entry ${entry.index} changes the configuration in several steps, which no etcd member proposes`,
        );
      this.#appliedIndex = entry.index;
    }
  }

  #applyNormal(entry: Entry, nowNs: bigint): void {
    if (entry.data.length === 0) {
      this.#versions.check();
      return;
    }
    const waiter = this.#proposals.size > 0 ? this.#proposals.take(decodeV2RequestId(entry.data)) : undefined;
    if (waiter !== undefined) {
      const outcome = applyV2Request(waiter.request, this.store, this.#cluster, nowNs);
      waiter.done({ ok: true, value: outcome ?? NOTHING });
      return;
    }
    const decoded = decodeLogRequest(entry.data);
    if (decoded.kind === 'v3') {
      throw new Error(
        `entry ${entry.index} of the log holds a v3 request (field ${decoded.field} of InternalRaftRequest), which this version cannot apply: ` +
          'going on would make this member differ from the others; use only the v2 API in a cluster with this member, or remove it from the cluster',
      );
    }
    applyV2Request(decoded.request, this.store, this.#cluster, nowNs);
  }

  #applyConfChange(change: ConfChange): void {
    const { network } = this.#parts;
    const refusal = this.#cluster.validate(change);
    if (refusal !== undefined) {
      this.#log.warn('refused a change of the membership', {
        reason: serverError(refusal).message,
        'changed-member-id': formatId(change.nodeId),
      });
      this.#raft.applyConfChange({ ...change, nodeId: NO_MEMBER });
      this.#reconfiguration.finished(change.id, refusal);
      return;
    }
    this.#raft.applyConfChange(change);
    const done = this.#cluster.apply(change);
    const id = done.kind === 'removed' ? done.id : done.member.id;
    this.#log.info(`${done.kind} member`, {
      'changed-member-id': formatId(id),
      'peer-urls': done.kind === 'removed' ? undefined : done.member.peerURLs,
    });
    if (id !== this.memberId) {
      if (done.kind === 'added') network.addPeer(id, done.member.peerURLs);
      else if (done.kind === 'updated') network.updatePeer(id, done.member.peerURLs);
      else if (done.kind === 'removed') network.removePeer(id);
    }
    this.#reconfiguration.finished(change.id, undefined);
    if (id === this.memberId && done.kind === 'removed') this.#removed();
  }

  #installSnapshot(snapshot: Snapshot): void {
    const { network } = this.#parts;
    const before = new Set(this.#cluster.members().map((member) => member.id));
    this.store.recover(snapshot.data);
    this.#cluster.recover();
    this.#appliedIndex = snapshot.metadata.index;
    this.#snapshots.installed(snapshot.metadata);
    for (const member of this.#cluster.members()) {
      if (member.id === this.memberId) continue;
      if (before.has(member.id)) network.updatePeer(member.id, member.peerURLs);
      else network.addPeer(member.id, member.peerURLs);
    }
    for (const id of before)
      if (this.#cluster.member(id) === undefined && id !== this.memberId) network.removePeer(id);
    // The entry that published this member may be one of those that the snapshot stands for: nobody will report it.
    if (this.#isPublished()) this.#becomeReady();
    this.#log.info('installed a snapshot from the leader', { 'snapshot-index': snapshot.metadata.index });
  }

  #onLeadership(role: Role, leader: MemberId, term: number): void {
    if (leader !== this.#leader) {
      this.#leader = leader;
      if (leader !== NO_MEMBER) {
        this.#leaderChanges++;
        this.#leaderSinceMs = this.#clock.monotonicMs();
        this.#leaderSinceWallMs = this.#clock.wallTimeMs();
        // Questions to an earlier leader may never be answered.
        this.#reads.askAgain(Number.POSITIVE_INFINITY);
      } else {
        this.#leaderSinceWallMs = 0;
      }
      this.#log.info(leader === NO_MEMBER ? 'lost the leader' : 'elected leader', {
        role,
        term,
        leader: leader === NO_MEMBER ? undefined : formatId(leader),
      });
    }
    if (leader !== NO_MEMBER) {
      this.#reconfiguration.proposeWaiting();
      this.#askReadIndex();
      this.#replicator.wake();
    }
    this.#onLeaderChange?.();
  }

  #onTurn(): void {
    this.#reads.applied(this.#appliedIndex);
    this.#snapshots.afterApply(this.#appliedIndex);
  }

  #syncTtl(): void {
    if (!this.isLeader || !this.store.hasTtlNodes()) return;
    this.#propose(v2Request({ method: 'SYNC', path: '', timeNs: this.nowNs() }), () => {});
  }

  #publish(): void {
    const value = encodeAttributes({
      name: this.settings.name,
      clientURLs: this.settings.advertisedClientURLs,
    });
    this.#propose(v2Request({ method: 'PUT', path: attributesPath(this.memberId), value }), (outcome) => {
      if (this.#stopped || this.#ready) return;
      if (!outcome.ok) {
        this.#log.warn('could not publish this member yet', { error: outcome.error.message });
        this.#publish();
        return;
      }
      this.#becomeReady();
    });
  }

  #becomeReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#log.info('published this member to the cluster', {
      'client-urls': this.settings.advertisedClientURLs,
    });
    for (const callback of this.#readyCallbacks.splice(0)) callback();
  }

  /** Does the applied state say of this member what it would publish? */
  #isPublished(): boolean {
    const { name, advertisedClientURLs } = this.settings;
    const self = this.#cluster.member(this.memberId);
    return (
      self !== undefined &&
      encodeAttributes(self) === encodeAttributes({ name, clientURLs: advertisedClientURLs })
    );
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#failOverdue(nowMs - this.#requestTimeoutMs, (startedMs) => this.#timeoutCode(startedMs));
    this.#reads.askAgain(nowMs - READ_INDEX_RETRY_MS);
    if (this.#reads.hasWaiting) this.#askReadIndex();
    // Proposals refused for want of room wait in the replicator's queue.
    this.#replicator.wake();
  }

  #failOverdue(startedBeforeMs: number, codeFor: (startedMs: number) => ServerErrorCode): void {
    for (const waiter of this.#proposals.takeStartedBefore(startedBeforeMs)) {
      this.#failedProposals++;
      waiter.done({ ok: false, error: serverError(codeFor(waiter.startedMs)) });
    }
    this.#reads.failStartedBefore(startedBeforeMs);
    this.#reconfiguration.failStartedBefore(startedBeforeMs, codeFor);
  }

  /** What most likely kept a request from being answered. */
  #timeoutCode(startedMs: number): ServerErrorCode {
    const { network } = this.#parts;
    const leaderLostMs = this.#leaderSinceMs - 2 * this.settings.electionTicks * this.settings.tickMs;
    if (startedMs > leaderLostMs && startedMs < this.#leaderSinceMs) return 'timeout-leader-failed';
    if (this.#leader === NO_MEMBER) return 'timeout';
    const connected = (id: MemberId): boolean => {
      const since = network.activeSinceMs(id);
      return id === this.memberId || (since !== undefined && since < startedMs);
    };
    if (this.isLeader) {
      const voters = this.#cluster.votingMembers();
      const reachable = voters.filter((voter) => connected(voter.id)).length;
      return reachable >= Math.floor(voters.length / 2) + 1 ? 'timeout' : 'timeout-connection-lost';
    }
    return connected(this.#leader) ? 'timeout' : 'timeout-connection-lost';
  }

  /** The first election need not wait for a whole timeout: alone there is nobody to wait for, else most of it is skipped. */
  #beSwiftToElect(): void {
    const { electionTicks, initialElectionTickAdvance } = this.settings;
    if (this.#cluster.members().length <= 1) {
      for (let i = 1; i < electionTicks; i++) this.#raft.tick();
      return;
    }
    if (!initialElectionTickAdvance) return;
    let attempts = HEALTH_INTERVAL_MS / this.settings.tickMs;
    const look = (): void => {
      if (this.#leader !== NO_MEMBER || this.#stopped || attempts-- <= 0) return;
      const reachable = this.#cluster
        .members()
        .filter((member) => this.#parts.network.activeSinceMs(member.id) !== undefined);
      if (reachable.length === 0) {
        this.#after(this.settings.tickMs, look);
        return;
      }
      for (let i = 2; i < electionTicks; i++) this.#raft.tick();
      this.#replicator.wake();
    };
    look();
  }

  /** The reachable voter whose log is the longest. */
  #successor(): MemberId | undefined {
    let best: MemberId | undefined;
    let bestMatch = -1;
    for (const [id, progress] of this.#raft.status().progress) {
      if (id === this.memberId || progress.learner) continue;
      if (this.#parts.network.activeSinceMs(id) === undefined || progress.match <= bestMatch) continue;
      best = id;
      bestMatch = progress.match;
    }
    return best;
  }

  #removed(): void {
    this.#log.warn(
      'this member has been removed from the cluster and stops; its data directory must not be used again',
    );
    this.#after(REMOVAL_DELAY_MS, () => this.#stopBy({ kind: 'removed' }));
  }

  #fail(error: Error): void {
    this.#stopBy({ kind: 'failure', error });
  }

  #stopBy(reason: StopReason): void {
    if (this.#stopped) return;
    this.stop();
    this.#onStop(reason);
  }

  #after(delayMs: number, callback: () => void): Timer {
    const timer = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
    return timer;
  }

  #every(intervalMs: number, callback: () => void): void {
    this.#after(intervalMs, () => {
      if (this.#stopped) return;
      this.#every(intervalMs, callback);
      callback();
    });
  }
}

/** What a request without an outcome of its own answers; nobody reads it. */
const NOTHING: V2Outcome = {
  event: { action: 'set', node: { modifiedIndex: 0, createdIndex: 0 }, etcdIndex: 0 },
};
