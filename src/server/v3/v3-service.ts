/**
 * The v3 half of the server: requests into the log and out of it again, and the work that goes on beside them (leases that run out, rows that
 * compactions have left, watchers, alarms, comparisons with other members).
 */
import type { StagedContent } from '../../ports/backend.ts';
import type { Log } from '../../ports/log.ts';
import type { ClusterProbe, PeerNetwork, PeerReply } from '../../ports/peer-network.ts';
import type { MemberId } from '../../raft/types.ts';
import type { DeletionJob, MvccStore } from '../../store/mvcc/types.ts';
import type { WatchHub } from '../../watch/types.ts';
import { Writer } from '../../wire/protobuf.ts';
import type { V2Request } from '../../wire/v2-request.ts';
import {
  decodeLogRequest,
  encodeV3,
  encodeV3Raw,
  V3_FIELD,
  v3RequestId,
} from '../../wire/v3/internal-raft-request.ts';
import { AlarmAction, AlarmType, type V3Request } from '../../wire/v3/kv-types.ts';
import type { ServerErrorCode, Submitted } from '../contract.ts';
import { serverError } from '../errors.ts';
import type { Leadership } from '../leadership.ts';
import type { Cluster } from '../membership/cluster.ts';
import { Proposals, type Waiter } from '../proposals.ts';
import type { RequestsInLog } from '../requests-in-log.ts';
import { sameBytes } from '../same-bytes.ts';
import type { Timers } from '../timers.ts';
import type {
  AlarmMember,
  EncodedRequest,
  HashResult,
  LeaseRenewal,
  LeaseTimes,
  V3Answer,
  V3Outcome,
  V3Server,
} from '../v3-contract.ts';
import { AppliedCounts } from './applied-counts.ts';
import { AutoCompaction, type AutoCompactionSettings } from './auto-compaction.ts';
import { CorruptionCheck } from './corruption-check.ts';
import { DOWNGRADE_PATH, DowngradeJob } from './downgrade-job.ts';
import { answerHashQuestion, computeHashKv, HASH_PATH } from './hashes.ts';
import { LEASE_SWEEP_INTERVAL_MS, LeaseKeeper } from './lease-keeper.ts';
import { LeaseService } from './lease-service.ts';
import { Quota } from './quota.ts';
import { Slices } from './slices.ts';
import { V3Applier } from './v3-applier.ts';
import type { V3State } from './v3-state.ts';

export interface V3Settings {
  /** `--quota-backend-bytes`: 0 is the default, below 0 none. */
  readonly quotaBytes: number;
  readonly autoCompaction: AutoCompactionSettings;
  /** Between two comparisons of all members by the leader; 0: none. */
  readonly corruptionCheckIntervalMs: number;
  /** Between two looks of the leader whether a downgrade is done; 0 or left out: none. */
  readonly downgradeCheckIntervalMs?: number;
}

export interface V3ServiceParts extends RequestsInLog {
  readonly settings: V3Settings;
  readonly state: V3State;
  readonly self: MemberId;
  readonly cluster: Cluster;
  readonly network: PeerNetwork;
  readonly probe: ClusterProbe;
  readonly timers: Timers;
  readonly log: Log;
  readonly leadership: Leadership;
  readonly electionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** The entry for which `apply` said 'unfinished' is applied. */
  readonly onFinished: () => void;
  /** Questions for a read index asked so far. */
  readonly readQuestions: () => number;
  readonly onFailure: (error: Error) => void;
}

type Done = (outcome: Submitted<V3Outcome>) => void;

const ALARM_SWEEP_INTERVAL_MS = 1_000;
/** Asking a peer that hashes a large store takes its time. */
const HASH_TIMEOUT_MS = 60_000;

export class V3Service implements V3Server {
  readonly kv: MvccStore;
  readonly watches: WatchHub;
  readonly quota: Quota;
  readonly leaseService: LeaseService;
  readonly corruption: CorruptionCheck;
  readonly downgrade: DowngradeJob;
  readonly counts = new AppliedCounts();
  readonly #parts: V3ServiceParts;
  readonly #applier: V3Applier;
  readonly #proposals = new Proposals<Uint8Array, Submitted<V3Outcome>>();
  readonly #writer = new Writer();
  readonly #keeper: LeaseKeeper;
  readonly #compaction: Slices;
  readonly #delivery: Slices;
  readonly #counting: Slices;
  readonly #deleting: Slices;
  readonly #autoCompaction: AutoCompaction;
  /** Waiting for the rows of a compaction to be gone. */
  #physical: (() => void)[] = [];
  #alarmProposed = false;
  /** The entry that is being applied in slices. */
  #unfinished: { readonly job: DeletionJob; readonly data: Uint8Array } | undefined;

  constructor(parts: V3ServiceParts) {
    const { state, settings, clock, timers, log, onFailure, network, leadership, self, cluster } = parts;
    this.#parts = parts;
    this.kv = state.kv;
    this.watches = state.watches;
    this.quota = new Quota(settings.quotaBytes, () => state.backend.sizeInUseBytes);
    this.#compaction = new Slices({
      clock,
      work: () => state.kv.compactSlice(),
      onIdle: () => this.#compacted(),
      onFailure,
    });
    state.kv.onCompactionWork(() => this.#compaction.wake());
    this.#counting = new Slices({ clock, work: () => state.kv.countSlice(), onFailure });
    state.kv.onCountWork(() => this.#counting.wake());
    this.#deleting = new Slices({ clock, work: () => this.#deleteSlice(), onFailure });
    this.#delivery = new Slices({ clock, work: () => state.watches.turn(), onFailure });
    state.watches.onWork(() => this.#delivery.wake());
    state.backend.onFailure(onFailure);
    this.#applier = new V3Applier({
      state,
      cluster,
      monotonicMs: () => clock.monotonicMs(),
      onAlarm: (alarm, raised) => this.#onAlarm(alarm, raised),
    });
    this.#keeper = new LeaseKeeper({
      lessor: state.lessor,
      monotonicMs: () => clock.monotonicMs(),
      electionTimeoutMs: parts.electionTimeoutMs,
      confirmLeadership: (done) => parts.awaitReadIndex((error) => done(error === undefined)),
      proposeLeading: (requests) =>
        parts.replicateLeading(requests.map((request) => encodeV3(parts.ids.next(), request, this.#writer))),
    });
    this.leaseService = new LeaseService({
      lessor: state.lessor,
      kv: state.kv,
      network,
      clock,
      timers,
      leader: () => leadership.leader,
      self,
      requestTimeoutMs: parts.requestTimeoutMs,
      awaitReadIndex: parts.awaitReadIndex,
      readQuestions: parts.readQuestions,
      propose: (request, done) => this.#replicate(request, undefined, done),
      timeoutCode: (startedMs) => leadership.timeoutCode(startedMs),
    });
    this.corruption = new CorruptionCheck({
      self,
      kv: state.kv,
      cluster,
      network,
      clock,
      log,
      timeoutMs: HASH_TIMEOUT_MS,
    });
    this.downgrade = new DowngradeJob({
      ...{ info: () => state.downgrade, cluster, self, network, probe: parts.probe, log },
      ...{ isLeader: parts.isLeader, awaitReadIndex: parts.awaitReadIndex },
      propose: (request, done) => this.#replicate(request, undefined, done),
    });
    this.#autoCompaction = new AutoCompaction({
      settings: settings.autoCompaction,
      clock,
      timers,
      log,
      revision: () => state.kv.revision,
      isLeader: parts.isLeader,
      compact: (revision, done) =>
        this.compact(revision, false, (outcome) =>
          done(outcome.ok && (outcome.value.kind !== 'error' || outcome.value.code === 'compacted')),
        ),
    });
  }

  start(): void {
    const { timers, settings } = this.#parts;
    timers.every(LEASE_SWEEP_INTERVAL_MS, () => this.#keeper.sweep());
    timers.every(ALARM_SWEEP_INTERVAL_MS, () => this.#sweepAlarms());
    if (settings.corruptionCheckIntervalMs > 0) {
      timers.every(settings.corruptionCheckIntervalMs, () => this.#checkCorruption());
    }
    const downgradeCheckMs = settings.downgradeCheckIntervalMs ?? 0;
    if (downgradeCheckMs > 0) timers.every(downgradeCheckMs, () => this.downgrade.check());
    this.downgrade.warnIfEnabled();
    this.#autoCompaction.start();
    // What a restart has interrupted, and what is not kept on disk.
    this.#compaction.wake();
    this.#counting.wake();
  }

  stop(): void {
    this.#compaction.stop();
    this.#delivery.stop();
    this.#counting.stop();
    this.#deleting.stop();
  }

  /** Requests that wait for their entry. */
  get pending(): number {
    return this.#proposals.size;
  }

  leadershipChanged(term: number): void {
    this.#keeper.leadership(this.#parts.isLeader(), term);
    this.leaseService.leadershipChanged();
  }

  propose(request: V3Request, encoded: EncodedRequest | undefined, done: Done): void {
    if (!this.quota.fits(request)) {
      this.#raiseNoSpace();
      done({ ok: true, value: { kind: 'error', code: 'no-space' } });
      return;
    }
    this.#replicate(request, encoded, done);
  }

  compact(revision: number, physical: boolean, done: Done): void {
    this.#replicate({ kind: 'compaction', request: { revision, physical } }, undefined, (outcome) => {
      if (!physical || !outcome.ok || outcome.value.kind === 'error') {
        done(outcome);
        return;
      }
      this.#physical.push(() => {
        this.#parts.state.backend.commit().then(() => done(outcome), this.#parts.onFailure);
      });
      this.#compaction.wake();
    });
  }

  grantLease(id: bigint, ttl: number, done: Done): void {
    let chosen = id;
    // Positive, as etcd chooses them; clients print them in hexadecimal.
    while (chosen === 0n) chosen = BigInt.asUintN(63, this.#parts.ids.next());
    this.propose({ kind: 'lease-grant', request: { id: chosen, ttl } }, undefined, done);
  }

  renewLease(renewal: LeaseRenewal): void {
    this.leaseService.renew(renewal);
  }

  leaseTimes(id: bigint, withKeys: boolean, done: (answer: V3Answer<LeaseTimes>) => void): void {
    this.leaseService.times(id, withKeys, done);
  }

  leases(done: (answer: V3Answer<readonly bigint[]>) => void): void {
    this.leaseService.list(done);
  }

  alarms(): readonly AlarmMember[] {
    return this.#parts.state.alarms.list();
  }

  hashKv(revision: number, done: (answer: V3Answer<HashResult>) => void): void {
    computeHashKv(this.kv, this.#parts.clock, revision, done);
  }

  /** A question of another member; undefined: nothing is at this path. */
  answer(
    method: string,
    path: string,
    body: Uint8Array,
    reply: (reply: PeerReply | undefined) => void,
  ): void {
    if (path === HASH_PATH) answerHashQuestion(this.kv, this.#parts.clock, method, body, reply);
    else if (path === DOWNGRADE_PATH) this.downgrade.answer(method, reply);
    else if (!this.leaseService.answer(method, path, body, reply)) reply(undefined);
  }

  /**
   * Applies a v3 entry, of this member or another; `index` tells whether the backend held its effect before a restart. A v2 request in the same envelope is
   * given back. 'unfinished': it goes on in slices, and `onFinished` is called at the end.
   */
  apply(data: Uint8Array, index: number): V2Request | undefined | 'unfinished' {
    const decoded = decodeLogRequest(data);
    if (decoded.kind === 'v2') return decoded.request;
    const isNew = index > this.kv.appliedIndex;
    const outcome = this.#applier.apply(decoded.request, isNew);
    if (outcome.kind === 'job') {
      this.#unfinished = { job: outcome, data };
      this.#deleting.wake();
      return 'unfinished';
    }
    this.counts.count(outcome);
    const waiter = this.#takeWaiter(data);
    if (waiter === undefined) return undefined;
    if (isNew) waiter.done({ ok: true, value: outcome });
    // A snapshot brought the effect, but not what applying it gave: as if the answer were lost on its way.
    else waiter.done({ ok: false, error: serverError('timeout-connection-lost') });
    return undefined;
  }

  #deleteSlice(): boolean {
    if (this.#unfinished === undefined) return false;
    const { job, data } = this.#unfinished;
    const outcome = job.run();
    if (outcome === undefined) return true;
    this.#unfinished = undefined;
    this.counts.count(outcome);
    this.#takeWaiter(data)?.done({ ok: true, value: outcome });
    this.#parts.onFinished();
    return false;
  }

  /** Everything up to `index` was applied in this turn, and some of it was v3. */
  applied(index: number, term: number): void {
    if (index > this.kv.appliedIndex) this.kv.setApplied(index, term);
    // Events leave with the answers of this turn.
    this.watches.deliverNew();
  }

  /** Makes the state durable up to an applied entry; what comes after may be in it, too. */
  settle(index: number, term: number): Promise<void> {
    this.applied(index, term);
    return this.#parts.state.backend.commit();
  }

  /** Takes what was staged, unless what is here is as new. */
  install(staged: StagedContent): void {
    const { state, clock } = this.#parts;
    // It is in the snapshot, and so is all that waits behind it.
    this.#unfinished = undefined;
    this.kv.dropDeletion();
    if (!state.replaceIfNewer(staged, clock.monotonicMs())) return;
    this.#compaction.wake();
    this.#delivery.wake();
  }

  failStartedBefore(startedMs: number, codeFor: (startedMs: number) => ServerErrorCode): number {
    const overdue = this.#proposals.takeStartedBefore(startedMs);
    for (const waiter of overdue) {
      waiter.done({ ok: false, error: serverError(codeFor(waiter.startedMs)) });
    }
    return overdue.length;
  }

  #replicate(request: V3Request, encoded: EncodedRequest | undefined, done: Done): void {
    const { ids, clock, replicate, isStopped } = this.#parts;
    if (isStopped()) {
      done({ ok: false, error: serverError('stopped') });
      return;
    }
    const id = ids.next();
    const startedMs = clock.monotonicMs();
    const data =
      encoded === undefined || request.kind === 'auth'
        ? encodeV3(id, request, this.#writer)
        : encodeV3Raw(id, V3_FIELD[request.kind], encoded, this.#writer);
    if (!replicate(data, startedMs)) {
      done({ ok: false, error: serverError('too-many-requests') });
      return;
    }
    this.#proposals.register(id, data, startedMs, done);
  }

  /** As for v2 requests: the id alone is no proof. */
  #takeWaiter(data: Uint8Array): Waiter<Uint8Array, Submitted<V3Outcome>> | undefined {
    if (this.#proposals.size === 0) return undefined;
    const id = v3RequestId(data);
    const waiter = id === undefined ? undefined : this.#proposals.peek(id);
    if (waiter === undefined || !sameBytes(waiter.request, data)) return undefined;
    return this.#proposals.take(id!);
  }

  #compacted(): void {
    // It may wait for somebody who reads the past.
    if (this.kv.compactionPending) return;
    for (const done of this.#physical.splice(0)) done();
  }

  #raiseNoSpace(): void {
    const { self, state } = this.#parts;
    if (this.#alarmProposed || state.alarms.hasOf(self, AlarmType.noSpace)) return;
    this.#proposeAlarm(AlarmAction.activate, self, AlarmType.noSpace);
  }

  #sweepAlarms(): void {
    const { self, state } = this.#parts;
    if (this.#alarmProposed || !state.alarms.hasOf(self, AlarmType.noSpace) || !this.quota.hasRoomAgain)
      return;
    this.#proposeAlarm(AlarmAction.deactivate, self, AlarmType.noSpace);
  }

  #checkCorruption(): void {
    if (!this.#parts.isLeader() || this.#parts.state.alarms.has(AlarmType.corrupt)) return;
    this.corruption.periodic((suspect) => {
      if (suspect !== undefined) this.#proposeAlarm(AlarmAction.activate, suspect, AlarmType.corrupt);
    });
  }

  #proposeAlarm(action: number, memberId: bigint, alarm: number): void {
    this.#alarmProposed = true;
    this.#replicate({ kind: 'alarm', request: { action, memberId, alarm } }, undefined, () => {
      this.#alarmProposed = false;
    });
  }

  #onAlarm({ memberId, alarm }: AlarmMember, raised: boolean): void {
    this.#parts.log.warn(raised ? 'alarm raised' : 'alarm disarmed', {
      alarm: alarm === AlarmType.noSpace ? 'NOSPACE' : 'CORRUPT',
      from: memberId.toString(16),
    });
  }
}
