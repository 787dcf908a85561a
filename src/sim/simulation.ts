/**
 * One run of a whole cluster, from one seed, in phases:
 *
 *   safety     clients, faults, changes of the membership: anything may fail, nothing may be wrong
 *   liveness   the faults end, (in some seeds) for a bare majority at first: it must serve its clients in bounded time; then for
 *              all: the cluster must become whole, and agree
 *   forced     (some seeds) all members but one are lost for good; that one begins a new cluster, which must live, too
 *   end        what every member holds is shown to the checkers
 *
 * Everything is drawn from the seed, and time is virtual: the same seed gives the same run, observation for observation.
 */
import type { ApiVersion, ClientApi } from './clients/client-api.ts';
import { ClientPool } from './clients/client-pool.ts';
import { SimulatedClient } from './clients/simulated-client.ts';
import { SimulatedV3Watcher } from './clients/simulated-v3-watcher.ts';
import { SimulatedWatcher } from './clients/simulated-watcher.ts';
import { V2ClientApi } from './clients/v2-client-api.ts';
import { V3ClientApi } from './clients/v3-client-api.ts';
import { V3HistoryApi } from './clients/v3-history-api.ts';
import { LeaseBoard, V3LeaseApi } from './clients/v3-lease-api.ts';
import { FAULTS } from './faults/fault-table.ts';
import { WayBlocks } from './faults/way-blocks.ts';
import { Nemesis } from './nemesis.ts';
import { type Checker, CheckFailure, type Observation } from './observation.ts';
import { KEYS_ROOT, type ObservedMember } from './observed-member.ts';
import { Operator } from './operator.ts';
import { Recorder, type RunCounts } from './recorder.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { createSeededRandom, Dice } from './seeded-random.ts';
import { SimulatedHosts } from './simulated-hosts.ts';
import { Supervisor } from './supervisor.ts';
import { VirtualClock } from './virtual-clock.ts';

export type RunOutcome = 'ok' | 'correctness' | 'liveness' | 'crash';

export interface RunResult {
  readonly seed: number;
  readonly outcome: RunOutcome;
  readonly failure: Error | undefined;
  /** Equal for equal runs. */
  readonly digest: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly counts: RunCounts;
}

export interface RunOptions {
  readonly checkers: readonly Checker[];
  readonly listener?: (observation: Observation) => void;
  /** Overrides of what the seed draws. */
  readonly scenario?: Partial<Scenario>;
}

/** The cluster did not recover although nothing stood in its way any more. */
export class LivenessFailure extends Error {
  override readonly name = 'LivenessFailure';
}

const EPOCH_MS = Date.UTC(2026, 0, 1);
const FOUNDING_MS = 60_000;
const RECOVERY_MS = 180_000;
const AGREEMENT_MS = 30_000;
/** Writes that must be acknowledged after the recovery. */
const PROGRESS_WRITES = 10;
const FORCED_MS = 20_000;
/** So short that leases of clients are longer. */
const LEASE_CHECKPOINT_MS = 3_000;
/** A catch-up of some revisions takes several turns. */
const SMALL_WATCH_SIZES = { logEventsMax: 4, readBytes: 200, turnWork: 60, similarRevisions: 3 };
/** Mean pauses of those who keep leases, and of those who read the past. */
const KEEPER_MS = 150;
const HISTORIAN_MS = 400;

/** Never rejects: what goes wrong is in the result. */
export async function runSimulation(seed: number, options: RunOptions): Promise<RunResult> {
  const run = new Simulation(seed, options);
  return run.run();
}

class Simulation {
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #clock: VirtualClock;
  readonly #recorder: Recorder;
  readonly #hosts: SimulatedHosts;
  readonly #supervisor: Supervisor;
  readonly #operator: Operator;
  readonly #nemesis: Nemesis;
  readonly #pool: ClientPool;
  readonly #dice: Dice;
  #clients = 0;

  constructor(seed: number, options: RunOptions) {
    this.#seed = seed;
    const dice = new Dice(seed);
    // From a stream of its own: what is drawn for it does not change the rest.
    this.#scenario = { ...drawScenario(new Dice(dice.seed())), ...options.scenario };
    const {
      snapshotCount,
      segmentBytes,
      zeroAheadBytes,
      strict,
      preVote,
      diskMs,
      delayMs,
      thinkMs,
      smallWatchLog,
      turnMs,
    } = this.#scenario;
    this.#clock = new VirtualClock(EPOCH_MS);
    this.#recorder = new Recorder(this.#clock, options.checkers, options.listener);
    this.#hosts = new SimulatedHosts(this.#clock, createSeededRandom(dice.seed()), this.#recorder, {
      snapshotCount,
      strict,
      preVote,
      diskMs,
      turnMs,
      logSizes: { segmentBytes, zeroAheadBytes },
      leaseCheckpointIntervalMs: LEASE_CHECKPOINT_MS,
      hashSeed: seed,
      ...(smallWatchLog && { watchSizes: SMALL_WATCH_SIZES }),
    });
    this.#hosts.network.faults.delayMs = delayMs;
    if (this.#scenario.etcdSnapshots) this.#hosts.network.snapshotForm = 'etcd';
    this.#supervisor = new Supervisor(this.#hosts, new Dice(dice.seed()));
    this.#operator = new Operator(this.#hosts, this.#supervisor, new Dice(dice.seed()));
    this.#pool = new ClientPool(thinkMs);
    this.#nemesis = new Nemesis({
      hosts: this.#hosts,
      dice: new Dice(dice.seed()),
      operator: this.#operator,
      supervisor: this.#supervisor,
      ways: new WayBlocks(this.#hosts.network),
      pool: this.#pool,
    });
    this.#dice = new Dice(dice.seed());
  }

  async run(): Promise<RunResult> {
    try {
      await this.#live();
      this.#supervisor.stop();
      this.#recorder.finish();
    } catch (error) {
      this.#recorder.fail(error as Error);
    }
    const { failure, digest, counts } = this.#recorder;
    return {
      seed: this.#seed,
      outcome: outcomeOf(failure),
      failure,
      digest,
      simulatedMs: this.#clock.nowMs,
      events: this.#clock.events,
      counts,
    };
  }

  async #live(): Promise<void> {
    const { safetyMs, faults, roughStart, forceNewCluster } = this.#scenario;
    this.#phase('safety');
    if (roughStart) this.#nemesis.start(faults);
    this.#found();
    if (!roughStart) {
      await this.#within(FOUNDING_MS, () => this.#isWhole(), 'the founders serve');
      this.#nemesis.start(faults);
    }
    this.#startClients();
    this.#startWatchers();
    await this.#advance(safetyMs);
    this.#phase('liveness');
    this.#nemesis.stop();
    this.#operator.settle();
    this.#supervisor.hurry();
    await this.#liveByMajority();
    await this.#recover();
    if (forceNewCluster && this.#present().length > 1) await this.#force();
    await this.#agree();
    for (const host of this.#present()) {
      this.#showTree(host);
      host.showV3();
    }
    this.#phase('end');
  }

  #found(): void {
    const { founders, skewMs, clockDrift } = this.#scenario;
    const cluster = Array.from({ length: founders }, () => this.#hosts.newName());
    for (const name of cluster) {
      this.#supervisor.employ(name, {
        state: 'new',
        cluster,
        skewMs: Math.round(this.#dice.between(-skewMs, skewMs)),
        clockRate: this.#dice.between(1 - clockDrift, 1 + clockDrift),
      });
    }
    this.#operator.start();
  }

  #startClients(): void {
    const { clients, v3Clients, leaseKeepers, historians } = this.#scenario;
    for (let i = 0; i < clients; i++) this.#startClient(new V2ClientApi(new Dice(this.#dice.seed())));
    for (let i = 0; i < v3Clients; i++) this.#startClient(new V3ClientApi(new Dice(this.#dice.seed())));
    const board = new LeaseBoard();
    for (let i = 0; i < leaseKeepers; i++) {
      this.#startClient(new V3LeaseApi(new Dice(this.#dice.seed()), board), KEEPER_MS);
    }
    for (let i = 0; i < historians; i++) {
      this.#startClient(new V3HistoryApi(new Dice(this.#dice.seed())), HISTORIAN_MS);
    }
  }

  #startClient(api: ClientApi, thinkMsMax?: number): void {
    const { valueBytes } = this.#scenario;
    const habits = { number: ++this.#clients, api, valueBytes, ...(thinkMsMax && { thinkMsMax }) };
    new SimulatedClient(habits, this.#hosts, new Dice(this.#dice.seed()), this.#pool).start();
  }

  #startWatchers(): void {
    for (let i = 1; i <= this.#scenario.watchers; i++) {
      new SimulatedWatcher(i, this.#hosts, new Dice(this.#dice.seed()), this.#pool).start();
    }
    for (let i = 1; i <= this.#scenario.v3Watchers; i++) {
      new SimulatedV3Watcher(i, this.#hosts, new Dice(this.#dice.seed()), this.#pool).start();
    }
  }

  /** As many as the cluster can do without stay cut off; the others must serve. */
  async #liveByMajority(): Promise<void> {
    const { furthest, network } = this.#hosts;
    if (furthest === undefined || !this.#operator.isQuiet || !this.#dice.chance(0.5)) return;
    const voters = furthest.server.members().filter(({ isLearner }) => !isLearner);
    const spare = this.#dice.below(Math.floor((voters.length - 1) / 2) + 1);
    const cutOff = this.#dice.shuffled(voters.map((voter) => SimulatedHosts.nameOf(voter))).slice(0, spare);
    if (cutOff.length === 0) return;
    const fault = { fault: 'minority-away', detail: cutOff.join(' ') };
    this.#recorder.observe({ kind: 'fault-begun', atMs: this.#clock.nowMs, ...fault });
    network.partition(cutOff);
    await this.#progress();
    network.heal();
    this.#recorder.observe({ kind: 'fault-ended', atMs: this.#clock.nowMs, ...fault });
  }

  /** The cluster is whole, and serves. */
  async #recover(): Promise<void> {
    this.#hosts.network.faults.delayMs = 2;
    this.#hosts.network.faults.bytesPerMs = Number.POSITIVE_INFINITY;
    this.#pool.thinkMs = 100;
    await this.#within(RECOVERY_MS, () => this.#isWhole(), 'all members serve');
    await this.#progress();
  }

  /** Clients are served, whichever API they speak. */
  async #progress(): Promise<void> {
    const { clients, v3Clients } = this.#scenario;
    const { acknowledged } = this.#pool;
    const goal = (version: ApiVersion, count: number) =>
      acknowledged[version] + (count === 0 ? 0 : PROGRESS_WRITES);
    const [v2, v3] = [goal('v2', clients), goal('v3', v3Clients)];
    await this.#within(
      RECOVERY_MS,
      () => acknowledged.v2 >= v2 && acknowledged.v3 >= v3,
      `${PROGRESS_WRITES} writes are acknowledged`,
    );
  }

  /** One survivor of the whole cluster goes on alone, and gets company again. */
  async #force(): Promise<void> {
    const [survivor, ...others] = this.#dice.shuffled(
      this.#present().filter((host) => !this.#isLearner(host)),
    );
    if (survivor === undefined) return;
    const fault = { fault: 'force-new-cluster', detail: survivor.name };
    this.#recorder.observe({ kind: 'fault-begun', atMs: this.#clock.nowMs, ...fault });
    // What it does not know to be committed it would drop.
    this.#pool.isOpen = false;
    await this.#agree();
    for (const host of this.#hosts.all) {
      if (host === survivor) continue;
      this.#hosts.lose(host);
      host.kill();
      host.loseDisk();
    }
    const { options, life } = survivor;
    survivor.options = { ...options, forceNewCluster: true };
    survivor.stopInOrder();
    await this.#within(
      FORCED_MS,
      () => survivor.life > life && survivor.isRunning && survivor.ready,
      'the survivor serves',
    );
    survivor.options = options;
    this.#pool.isOpen = true;
    this.#startClients();
    if (others.length > 0) this.#operator.plan({ kind: 'add', isLearner: false });
    await this.#advance(FORCED_MS);
    await this.#recover();
    this.#recorder.observe({ kind: 'fault-ended', atMs: this.#clock.nowMs, ...fault });
  }

  /** No operation is under way; all members have applied the same. */
  async #agree(): Promise<void> {
    this.#pool.isOpen = false;
    await this.#advance(10_000);
    await this.#within(
      AGREEMENT_MS,
      () => {
        const present = this.#present();
        const applied = present.map(({ server }) => server.appliedIndex);
        return (
          this.#isWhole() &&
          new Set(applied).size === 1 &&
          present.every(({ server }) => server.raftIndex === server.appliedIndex)
        );
      },
      'all members have applied the same',
    );
  }

  #isWhole(): boolean {
    const { leader } = this.#hosts;
    if (leader === undefined) return false;
    const present = this.#present();
    const { server } = leader;
    return (
      present.length === server.members().length &&
      present.every((host) => host.ready && host.server.leaderId === server.memberId)
    );
  }

  /** Members by the leader's word that run. */
  #present(): readonly ObservedMember[] {
    const { leader, running } = this.#hosts;
    if (leader === undefined) return [];
    return running.filter((host) => leader.server.member(host.server.memberId) !== undefined);
  }

  #isLearner(host: ObservedMember): boolean {
    return host.server.member(host.server.memberId)?.isLearner ?? true;
  }

  #showTree(host: ObservedMember): void {
    const { server } = host;
    const nodes: Extract<Observation, { kind: 'final-tree' }>['nodes'][number][] = [];
    const root = server.store.get(KEYS_ROOT, true, true, server.nowNs()).event?.node;
    const pending = [...(root?.nodes ?? [])];
    for (let node = pending.shift(); node !== undefined; node = pending.shift()) {
      if (node.dir === true) {
        pending.push(...(node.nodes ?? []));
        continue;
      }
      nodes.push({
        key: node.key!.slice(KEYS_ROOT.length),
        value: node.value ?? '',
        modifiedIndex: node.modifiedIndex,
        createdIndex: node.createdIndex,
        hasTtl: node.expirationNs !== undefined,
      });
    }
    this.#recorder.observe({
      kind: 'final-tree',
      atMs: this.#clock.nowMs,
      member: host.name,
      memberId: host.lastId,
      life: host.life,
      etcdIndex: server.store.currentIndex,
      applied: server.appliedIndex,
      nodes,
    });
  }

  #phase(phase: 'safety' | 'liveness' | 'end'): void {
    this.#recorder.observe({ kind: 'phase-begun', atMs: this.#clock.nowMs, phase });
  }

  async #advance(ms: number): Promise<void> {
    await this.#clock.runUntil(this.#clock.nowMs + ms, () => this.#recorder.failure !== undefined);
    if (this.#recorder.failure !== undefined) throw this.#recorder.failure;
  }

  async #within(ms: number, done: () => boolean, what: string): Promise<void> {
    const limitMs = this.#clock.nowMs + ms;
    let isDone = done();
    // Looked at in steps: it is not cheap.
    while (!isDone && this.#clock.nowMs < limitMs) {
      await this.#advance(50);
      isDone = done();
    }
    if (isDone) return;
    throw new LivenessFailure(`not within ${ms / 1000} s: ${what}; ${this.#describe()}`);
  }

  #describe(): string {
    return this.#hosts.all
      .map((host) => {
        const { name } = host;
        if (!host.isRunning) {
          return `${name} ${host.isDown ? 'down' : 'starting'}${this.#hosts.isLost(host) ? ', lost' : ''} ${host.failure?.message ?? host.stopReason?.kind ?? ''}`;
        }
        const { role, term, commit, applied, lastIndex, confState, progress } = host.opened!.raft.status();
        const followers = [...progress].map(
          ([id, { match, next, state }]) => `${id.toString(16).slice(0, 4)} ${state} ${match} next ${next}`,
        );
        return `${name} ${role} term ${term}, applied ${applied}, commit ${commit}, log to ${lastIndex}, ready ${host.ready}, voters ${confState.voters.length}${followers.length === 0 ? '' : ` (${followers.join(', ')})`}`;
      })
      .join('; ');
  }
}

function outcomeOf(failure: Error | undefined): RunOutcome {
  if (failure === undefined) return 'ok';
  if (failure instanceof CheckFailure) return 'correctness';
  return failure instanceof LivenessFailure ? 'liveness' : 'crash';
}

/** Names of all faults, for reports. */
export const FAULT_NAMES: readonly string[] = FAULTS.map(({ name }) => name);
