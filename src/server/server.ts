/**
 * One member of the cluster: the replicated v2 tree, its members, and what keeps them alive. Adapters see it through
 * `QuorateServer`; everything it needs of the world comes in as ports, so that it runs in the simulator as it does here.
 */
import { type MemberId, NO_MEMBER, type Role, type Snapshot } from '../raft/types.ts';
import type { V2Outcome, V2Store } from '../store/v2/types.ts';
import { type V2Request, v2Request } from '../wire/v2-request.ts';
import { Applier } from './applier.ts';
import { ClusterVersionMonitor } from './cluster-version.ts';
import type {
  FollowerStats,
  Member,
  QuorateServer,
  SelfStats,
  ServerCounters,
  ServerError,
  ServerErrorCode,
  Submitted,
} from './contract.ts';
import { serverError } from './errors.ts';
import { Leadership } from './leadership.ts';
import { CLUSTER_VERSION_PATH } from './membership/cluster.ts';
import { RequestIds } from './proposals.ts';
import { Publication } from './publication.ts';
import { QuorumReads } from './quorum-reads.ts';
import { ReceivedSnapshots } from './received-snapshots.ts';
import { Reconfiguration } from './reconfiguration.ts';
import { Replicator } from './replicator.ts';
import type { RequestsInLog } from './requests-in-log.ts';
import { selfStatsOf } from './self-stats.ts';
import type { ServerParts, ServerSettings, StopReason } from './server-parts.ts';
import { SnapshotKeeper } from './snapshot-keeper.ts';
import { Timers } from './timers.ts';
import { V2Service } from './v2-service.ts';
import { Maintenance } from './v3/maintenance.ts';
import { StateTransfer } from './v3/state-transfer.ts';
import { V3Service } from './v3/v3-service.ts';
import type { V3Maintenance } from './v3-contract.ts';

/** An expiry is at most this much late on the leader's clock. */
const TTL_SYNC_INTERVAL_MS = 500;
/** How often overdue requests are looked for. */
const SWEEP_INTERVAL_MS = 250;
const PURGE_INTERVAL_MS = 30_000;
/** A removed member goes on for a moment, so that the others learn what it knows. */
const REMOVAL_DELAY_MS = 1_000;

export class Server implements QuorateServer {
  readonly memberId: MemberId;
  readonly store: V2Store;
  readonly v3: V3Service;
  readonly maintenance: V3Maintenance;
  readonly #settings: ServerSettings;
  readonly #parts: ServerParts;
  readonly #timers: Timers;
  readonly #ids: RequestIds;
  readonly #v2: V2Service;
  readonly #leadership: Leadership;
  readonly #reads: QuorumReads;
  readonly #reconfiguration: Reconfiguration;
  readonly #versions: ClusterVersionMonitor;
  readonly #snapshots: SnapshotKeeper;
  readonly #received: ReceivedSnapshots;
  readonly #publication: Publication;
  readonly #applier: Applier;
  readonly #replicator: Replicator;
  readonly #requestTimeoutMs: number;
  readonly #startTimeMs: number;
  #stopped = false;
  #failedProposals = 0;
  #onStop: (reason: StopReason) => void = () => {};

  constructor(settings: ServerSettings, parts: ServerParts) {
    const { memberId, store, raft, cluster, clock, network, storage, log, probe } = parts;
    const { tickMs, electionTicks } = settings;
    this.#settings = settings;
    this.#parts = parts;
    this.memberId = memberId;
    this.store = store;
    this.#timers = new Timers(clock);
    this.#ids = new RequestIds(memberId, clock.wallTimeMs());
    this.#requestTimeoutMs = 5_000 + 2 * electionTicks * tickMs;
    this.#startTimeMs = clock.wallTimeMs();

    const wake = (): void => this.#replicator.wake();
    const onFailure = (error: Error): void => this.#stopBy({ kind: 'failure', error });
    this.#leadership = new Leadership({
      self: memberId,
      raft,
      cluster,
      network,
      clock,
      timers: this.#timers,
      log,
      tickMs,
      electionTicks,
      wake,
    });
    this.#reads = new QuorumReads({
      raft,
      clock,
      ids: this.#ids,
      timers: this.#timers,
      leadership: this.#leadership,
      wake,
    });
    this.#reconfiguration = new Reconfiguration({
      raft,
      cluster,
      ids: this.#ids,
      strict: settings.strictReconfigCheck,
      token: settings.clusterToken,
      reachability: () => ({
        self: memberId,
        nowMs: clock.monotonicMs(),
        activeSinceMs: (id) => network.activeSinceMs(id),
      }),
      wallTimeMs: () => clock.wallTimeMs(),
      wake,
    });
    const isLeader = (): boolean => this.isLeader;
    const inLog: RequestsInLog = {
      ...{ clock, ids: this.#ids, isLeader },
      isStopped: () => this.#stopped,
      replicate: (data, startedMs) => this.#replicator.propose(data, startedMs),
      replicateLeading: (entries) => this.#replicator.proposeLeading(entries),
      awaitReadIndex: (done) => this.awaitReadIndex(done),
    };
    this.#v2 = new V2Service({ ...inLog, store });
    this.v3 = new V3Service({
      ...inLog,
      ...{ settings: settings.v3, state: parts.v3, self: memberId, cluster, network, probe, log },
      ...{ timers: this.#timers, leadership: this.#leadership },
      electionTimeoutMs: electionTicks * tickMs,
      requestTimeoutMs: this.#requestTimeoutMs,
      readQuestions: () => this.#reads.questions,
      onFinished: () => {
        this.#applier.finish();
        this.#replicator.finished();
      },
      onFailure,
    });
    this.#versions = new ClusterVersionMonitor({
      cluster,
      self: memberId,
      serverVersion: settings.serverVersion,
      downgradeTarget: () => this.v3.downgrade.target,
      ...{ probe, clock, log },
      isLeader,
      propose: (version) =>
        this.#v2.propose(v2Request({ method: 'PUT', path: CLUSTER_VERSION_PATH, value: version }), () => {}),
    });
    this.#publication = new Publication({
      self: memberId,
      attributes: { name: settings.name, clientURLs: settings.advertisedClientURLs },
      cluster,
      log,
      propose: (request, done) => this.#v2.propose(request, done),
    });
    const transfer = new StateTransfer({ ...{ state: parts.v3, cluster, raft, clock }, files: parts.files });
    this.#snapshots = new SnapshotKeeper(
      {
        raft,
        store,
        storage,
        network,
        clock,
        log,
        snapshotCount: settings.snapshotCount,
        onSaved: parts.onSnapshotSaved,
        settle: (index, term) => this.v3.settle(index, term),
        state: () => transfer.stream(),
        appliedIndex: () => this.appliedIndex,
        database: (index, term) => transfer.database(index, term),
        onFailure,
        wake,
      },
      raft.firstIndex - 1,
    );
    this.#received = new ReceivedSnapshots({
      stage: (state, form, snapshot) => transfer.stage(state, form, snapshot),
      step: (message) => this.#replicator.step(message),
    });
    this.#applier = new Applier(
      {
        self: memberId,
        store,
        v3: this.v3,
        cluster,
        raft,
        network,
        log,
        proposals: this.#v2.proposals,
        nowNs: () => this.#v2.nowNs(),
        onTermBegun: () => this.#versions.check(),
        onConfChange: (changeId, refusal) => this.#reconfiguration.finished(changeId, refusal),
        onSelfRemoved: () => this.#removed(),
      },
      raft.status().applied,
    );
    this.maintenance = new Maintenance({
      ...{ state: parts.v3, raft, cluster, leadership: this.#leadership, clock, self: memberId },
      serverVersion: settings.serverVersion,
      quotaBytes: this.v3.quota.limitBytes,
      appliedIndex: () => this.appliedIndex,
    });
    this.#replicator = new Replicator({
      raft,
      storage,
      network,
      clock,
      log,
      handlers: {
        apply: (entries) => {
          this.#applier.apply(entries);
          this.#snapshots.count(entries);
        },
        isApplying: () => this.#applier.isBusy,
        appliedIndex: () => this.appliedIndex,
        installSnapshot: (snapshot) => this.#installSnapshot(snapshot),
        onLeadership: (role, leader, term) => this.#onLeadership(role, leader, term),
        onReadState: (state) => this.#reads.confirm(state),
        onSnapshotsDropped: () => this.#received.drop(),
        onTurn: () => this.#onTurn(),
        sendSnapshot: (message) => this.#snapshots.send(message),
        onFailure,
      },
    });
  }

  /** Begins to take part. `onStop` is called once if the member has to stop by itself. */
  start(onStop: (reason: StopReason) => void): void {
    this.#onStop = onStop;
    const { network, raft, cluster, storage, clock } = this.#parts;
    network.start({
      onMessage: (message) => this.#replicator.step(message),
      onSnapshot: (message, state, form) => this.#received.receive(message, state, form),
      onQuestion: (method, path, body, reply) => this.v3.answer(method, path, body, reply),
      onUnreachable: (id) => this.#tell(() => raft.reportUnreachable(id)),
      onSnapshotSent: (id, ok) => this.#tell(() => raft.reportSnapshot(id, ok)),
      isRemoved: (id) => cluster.isRemoved(id),
      onGone: () => this.#removed(),
    });
    for (const member of cluster.members()) {
      if (member.id !== this.memberId) network.addPeer(member.id, member.peerURLs);
    }
    this.#timers.every(this.#settings.tickMs, () => this.#replicator.tick());
    this.#timers.every(TTL_SYNC_INTERVAL_MS, () => this.#v2.syncTtl());
    this.#timers.every(SWEEP_INTERVAL_MS, () => this.#sweep());
    // At once, too: a member whose disk is full may not live until the next time.
    storage.purge();
    this.#timers.every(PURGE_INTERVAL_MS, () => storage.purge());
    this.v3.start();
    this.#versions.start();
    this.#publication.start();
    // Behind the first turn, in which a new member learns its configuration from the log.
    clock.defer(() => this.#leadership.hurryFirstElection(this.#settings.initialElectionTickAdvance));
  }

  /** Calls back once this member has published itself through the log: from then on it serves clients. */
  onReady(callback: () => void): void {
    this.#publication.onDone(callback);
  }

  /** Before an orderly stop; see Leadership.handOver. */
  handOverLeadership(done: (handedOver: boolean) => void): void {
    this.#leadership.handOver(done);
  }

  /** Stops taking part; requests still waiting are answered as stopped. The network and the log are the caller's to close. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#leadership.stop();
    this.#reconfiguration.stop();
    this.#versions.stop();
    this.#replicator.stop();
    this.#received.stop();
    this.v3.stop();
    this.#timers.stop();
    this.#failOverdue(Number.POSITIVE_INFINITY, () => 'stopped');
  }

  get clusterId(): bigint {
    return this.#parts.cluster.id;
  }

  get raftIndex(): number {
    return this.#parts.raft.commit;
  }

  get raftTerm(): number {
    return this.#parts.raft.term;
  }

  get appliedIndex(): number {
    return this.#applier.appliedIndex;
  }

  get leaderId(): MemberId {
    return this.#leadership.leader;
  }

  get isLeader(): boolean {
    return this.#parts.raft.role === 'leader';
  }

  get clusterVersion(): string {
    return this.#parts.cluster.version ?? 'not_decided';
  }

  get counters(): ServerCounters {
    return {
      leaderChanges: this.#leadership.changes,
      proposalsPending: this.#v2.pending + this.v3.pending,
      proposalsFailed: this.#failedProposals + this.#v2.refused,
    };
  }

  selfStats(): SelfStats {
    return selfStatsOf(this.#parts, this.#settings.name, this.#leadership, this.#startTimeMs);
  }

  leaderStats(): readonly FollowerStats[] | undefined {
    return this.isLeader ? this.#parts.network.stats.followers() : undefined;
  }

  nowNs(): bigint {
    return this.#v2.nowNs();
  }

  submitV2(request: V2Request, done: (outcome: Submitted<V2Outcome>) => void): void {
    this.#v2.submit(request, done);
  }

  awaitReadIndex(done: (error: ServerError | undefined) => void): void {
    if (this.#stopped) {
      done(serverError('stopped'));
      return;
    }
    this.#reads.submit(
      () => done(undefined),
      (startedMs) => done(serverError(this.#stopped ? 'stopped' : this.#leadership.timeoutCode(startedMs))),
    );
  }

  members(): readonly Member[] {
    return this.#parts.cluster.members();
  }

  member(id: MemberId): Member | undefined {
    return this.#parts.cluster.member(id);
  }

  isMemberRemoved(id: MemberId): boolean {
    return this.#parts.cluster.isRemoved(id);
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
    if (this.#stopped) done(false, 'QGET ERROR');
    else this.#reads.checkHealth(done);
  }

  #installSnapshot(snapshot: Snapshot): void {
    this.v3.install(this.#received.take(snapshot));
    this.#applier.install(snapshot);
    this.#snapshots.installed(snapshot.metadata);
    this.#publication.snapshotInstalled();
  }

  #onLeadership(role: Role, leader: MemberId, term: number): void {
    if (this.#leadership.changed(role, leader, term)) this.#reads.leaderChanged();
    this.v3.leadershipChanged(term);
    if (leader !== NO_MEMBER) this.#replicator.wake();
  }

  #onTurn(): void {
    const { appliedIndex } = this.#applier;
    this.#reads.applied(appliedIndex);
    this.#reconfiguration.proposeWaiting();
    this.#snapshots.afterApply(appliedIndex);
  }

  #tell(report: () => void): void {
    report();
    this.#replicator.wake();
  }

  #sweep(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#failOverdue(nowMs - this.#requestTimeoutMs, (startedMs) => this.#leadership.timeoutCode(startedMs));
    this.#reads.sweep(nowMs);
    // Proposals refused for want of room wait in the replicator's queue.
    this.#replicator.wake();
  }

  #failOverdue(startedBeforeMs: number, codeFor: (startedMs: number) => ServerErrorCode): void {
    this.#failedProposals += this.#v2.failStartedBefore(startedBeforeMs, codeFor);
    this.#failedProposals += this.v3.failStartedBefore(startedBeforeMs, codeFor);
    this.#replicator.dropStartedBefore(startedBeforeMs);
    this.#reads.failStartedBefore(startedBeforeMs);
    this.#reconfiguration.failStartedBefore(startedBeforeMs, codeFor);
  }

  #removed(): void {
    this.#parts.log.warn(
      'this member has been removed from the cluster and stops; its data directory must not be used again',
    );
    this.#timers.after(REMOVAL_DELAY_MS, () => this.#stopBy({ kind: 'removed' }));
  }

  #stopBy(reason: StopReason): void {
    if (this.#stopped) return;
    this.stop();
    this.#onStop(reason);
  }
}
