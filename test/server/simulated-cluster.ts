/**
 * A whole cluster in this process, on simulated ports: real members (`openMember` and `Server`) on memory disks, a memory network
 * and a clock that the test turns. What must never happen is checked after every event:
 *
 *   - at most one leader a term;
 *   - a member's applied index and its tree's index never go back while it runs;
 *   - members that have applied the same index hold the same tree (sampled);
 *   - no callback is called twice.
 */
import assert from 'node:assert/strict';
import type { Log, LogFields } from '../../src/ports/log.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import type { MemberId } from '../../src/raft/types.ts';
import type { Submitted } from '../../src/server/contract.ts';
import type { Server } from '../../src/server/server.ts';
import { MemoryNetwork } from '../../src/sim/memory-network.ts';
import { createSeededRandom } from '../../src/sim/seeded-random.ts';
import {
  SimulatedMember as BareMember,
  type MemberOptions,
  type WorldOptions,
} from '../../src/sim/simulated-member.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { hashV2Store } from '../../src/store/v2/store-hash.ts';
import type { V2Outcome } from '../../src/store/v2/types.ts';
import { type V2Request, v2Request } from '../../src/wire/v2-request.ts';
import { hashOf } from './v3-requests.ts';

export { ELECTION_TICKS, type MemberOptions, TICK_MS, urlOf } from '../../src/sim/simulated-member.ts';

export interface ClusterOptions extends WorldOptions {
  readonly seed?: number;
}

/** The answer to something asked of a server, once it is there. */
export interface Asked<T> {
  answer: Submitted<T> | undefined;
  calls: number;
  readonly askedOf: SimulatedMember;
}

const EPOCH_MS = Date.UTC(2026, 0, 1);
/** Every n-th change of an applied index the trees are compared. */
const HASH_EVERY = 7;

export class SimulatedCluster {
  readonly options: ClusterOptions;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly members = new Map<string, SimulatedMember>();
  readonly leaders = new Map<number, MemberId>();
  readonly #hashes = new Map<number, { readonly hash: string; readonly by: string }>();
  #changes = 0;

  constructor(options: ClusterOptions = {}) {
    this.options = options;
    this.random = createSeededRandom(options.seed ?? 1);
    this.clock = new VirtualClock(EPOCH_MS, () => this.#observe());
    this.network = new MemoryNetwork(this.clock, this.random);
  }

  /** A host without a process. */
  host(name: string, options: MemberOptions): SimulatedMember {
    const member = new SimulatedMember(this, name, options);
    this.members.set(name, member);
    return member;
  }

  /** Founds a cluster and waits until all its members serve clients and its version is decided. */
  async found(...names: readonly string[]): Promise<readonly SimulatedMember[]> {
    const founders = names.map((name) => this.host(name, { state: 'new', cluster: names }));
    for (const founder of founders) founder.start();
    await this.until(() => founders.every((founder) => founder.ready), 'all founders serve');
    await this.until(
      () => founders.every((founder) => founder.server.clusterVersion !== 'not_decided'),
      'version is decided',
    );
    await this.agree();
    return founders;
  }

  get running(): readonly SimulatedMember[] {
    return [...this.members.values()].filter((member) => member.isRunning);
  }

  get leader(): SimulatedMember | undefined {
    return this.running
      .filter((member) => member.server.isLeader)
      .sort((a, b) => b.server.raftTerm - a.server.raftTerm)[0];
  }

  /** The one that leads, with all who run following it. */
  async leaderOfAll(): Promise<SimulatedMember> {
    await this.until(() => {
      const { leader } = this;
      return (
        leader !== undefined && this.running.every(({ server }) => server.leaderId === leader.server.memberId)
      );
    }, 'all follow one leader');
    return this.leader!;
  }

  async followers(): Promise<readonly SimulatedMember[]> {
    const leader = await this.leaderOfAll();
    return this.running.filter((member) => member !== leader);
  }

  advance(ms: number): Promise<boolean> {
    return this.clock.runUntil(this.clock.nowMs + ms);
  }

  async until(done: () => boolean, what: string, withinMs = 30_000): Promise<void> {
    if (await this.clock.runUntil(this.clock.nowMs + withinMs, done)) return;
    const state = this.running.map(({ name, server }) => {
      const role = server.isLeader ? 'leads' : `follows ${server.leaderId.toString(16)}`;
      return `${name} ${role} in term ${server.raftTerm}, applied ${server.appliedIndex} of ${server.raftIndex}`;
    });
    const ended = [...this.members.values()].filter((member) => !member.isRunning);
    assert.fail(
      `not within ${withinMs} ms: ${what}; ${state.join('; ')}; down: ${ended.map((member) => `${member.name} ${member.failure ?? ''}`).join(', ')}`,
    );
  }

  async answered<T>(asked: Asked<T>, withinMs = 30_000): Promise<Submitted<T>> {
    await this.until(() => asked.answer !== undefined, 'an answer', withinMs);
    return asked.answer!;
  }

  /** Asks, waits, and insists on success. */
  async value<T>(asked: Asked<T>): Promise<T> {
    const answer = await this.answered(asked);
    assert.ok(answer.ok, `refused: ${answer.ok ? '' : answer.error.message}`);
    return answer.value;
  }

  async error<T>(asked: Asked<T>, withinMs = 30_000): Promise<string> {
    const answer = await this.answered(asked, withinMs);
    assert.ok(!answer.ok, 'it was not refused');
    return answer.error.code;
  }

  /** All who run have applied the same and hold the same. */
  async agree(among: () => readonly SimulatedMember[] = () => this.running): Promise<void> {
    await this.until(() => {
      const applied = among().map(({ server }) => server.appliedIndex);
      return (
        new Set(applied).size === 1 && among().every(({ server }) => server.raftIndex === server.appliedIndex)
      );
    }, 'all have applied the same');
    const hashes = among().map(({ server }) => hashV2Store(server.store));
    assert.equal(new Set(hashes).size, 1, 'trees differ');
    const states = among().map(({ server }) => hashOf(server.v3.kv));
    assert.equal(new Set(states).size, 1, 'the v3 states differ');
    const indexes = among().map(({ server }) => server.store.currentIndex);
    assert.equal(new Set(indexes).size, 1, 'indexes of the trees differ');
  }

  /** Ends all members, to see that nobody is left without an answer. */
  end(): void {
    for (const member of this.members.values()) {
      member.halt();
      for (const asked of member.asked) assert.equal(asked.calls, 1, `${member.name} did not answer once`);
    }
  }

  #observe(): void {
    for (const member of this.members.values()) {
      if (!member.isRunning) continue;
      const { server, name } = member;
      if (server.isLeader) {
        const known = this.leaders.get(server.raftTerm) ?? server.memberId;
        assert.equal(server.memberId, known, `two leaders in term ${server.raftTerm}`);
        this.leaders.set(server.raftTerm, known);
      }
      const { appliedIndex } = server;
      if (appliedIndex === member.seenApplied) continue;
      assert.ok(appliedIndex > member.seenApplied, `${name}: the applied index goes back`);
      const { currentIndex } = server.store;
      assert.ok(currentIndex >= member.seenIndex, `${name}: the index of the tree goes back`);
      member.seenApplied = appliedIndex;
      member.seenIndex = currentIndex;
      const known = this.#hashes.get(appliedIndex);
      if (known === undefined && ++this.#changes % HASH_EVERY !== 0) continue;
      const hash = hashV2Store(server.store);
      if (known === undefined) this.#hashes.set(appliedIndex, { hash, by: name });
      else assert.equal(hash, known.hash, `the trees of ${name} and ${known.by} differ at ${appliedIndex}`);
    }
  }
}

export class SimulatedMember extends BareMember {
  override readonly log = new RecordedLog();
  /** Since the last start. */
  asked: Asked<unknown>[] = [];
  seenApplied = 0;
  seenIndex = 0;
  readonly #cluster: SimulatedCluster;

  constructor(cluster: SimulatedCluster, name: string, options: MemberOptions) {
    super(cluster, name, options);
    this.#cluster = cluster;
  }

  override start(): void {
    this.asked = [];
    this.seenApplied = 0;
    this.seenIndex = 0;
    super.start();
  }

  protected override onServer(server: Server): void {
    this.seenApplied = server.appliedIndex;
    this.seenIndex = server.store.currentIndex;
  }

  /** Starts and waits until it serves clients. */
  async startAndServe(): Promise<void> {
    this.start();
    await this.#cluster.until(() => this.ready || this.failure !== undefined, `${this.name} serves`);
    if (this.failure !== undefined) throw this.failure;
  }

  /** Starts and returns why it can't. */
  async startInVain(): Promise<Error> {
    this.start();
    await this.#cluster.until(() => this.isRunning || this.failure !== undefined, `${this.name} starts`);
    assert.ok(this.failure, `${this.name} started`);
    return this.failure;
  }

  /** Stops in order: leadership, server, network, log. */
  async stop(): Promise<void> {
    let done = false;
    this.stopInOrder(() => {
      done = true;
    });
    await this.#cluster.until(() => done, `${this.name} has stopped`);
  }

  submit(request: V2Request): Asked<V2Outcome> {
    return this.ask((done) => this.server.submitV2(request, done));
  }

  put(key: string, value: string, more: Partial<V2Request> = {}): Asked<V2Outcome> {
    return this.submit(v2Request({ method: 'PUT', path: `/1/${key}`, value, ...more }));
  }

  quorumGet(key: string): Asked<V2Outcome> {
    return this.submit(v2Request({ method: 'QGET', path: `/1/${key}`, quorum: true }));
  }

  /** What its own tree holds. */
  local(key: string): string | undefined {
    return this.server.store.get(`/1/${key}`, false, false, this.server.nowNs()).event?.node.value;
  }

  ask<T>(question: (done: (answer: Submitted<T>) => void) => void): Asked<T> {
    const asked: Asked<T> = { answer: undefined, calls: 0, askedOf: this };
    this.asked.push(asked);
    question((answer) => {
      asked.calls++;
      assert.equal(asked.calls, 1, `${this.name} answered twice`);
      asked.answer = answer;
    });
    return asked;
  }
}

/** Keeps warnings and errors, for messages of failed tests and for tests of what is logged. */
class RecordedLog implements Log {
  readonly lines: string[] = [];
  readonly debug = silentLog.debug;

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string, fields?: LogFields): void {
    this.lines.push(`${message} ${inspectFields(fields)}`);
  }

  error(message: string, fields?: LogFields): void {
    this.lines.push(`${message} ${inspectFields(fields)}`);
  }

  child(): Log {
    return this;
  }
}

function inspectFields(fields: LogFields | undefined): string {
  return Object.entries(fields ?? {})
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
}
