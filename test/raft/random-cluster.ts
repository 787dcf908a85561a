/**
 * A cluster under everything that can go wrong, from one seed: messages lost, doubled, delayed and reordered; disks and state
 * machines that lag; crashes that keep any prefix of the writes under way, the last one torn; partitions; compaction; transfers
 * of leadership; changes of configuration. After each step the checker compares with what must never happen.
 */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Message, Ready } from '../../src/raft/types.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/raftpb.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { DEFAULT_OPTIONS, Member, MemberDisk, NO_CONF } from './member.ts';
import { SafetyChecker } from './safety-checker.ts';

export interface RandomClusterOptions {
  readonly seed: number;
  readonly steps: number;
  /** Founding voters are 1 to `voters`; changes of configuration take in and drop members up to `members`. */
  readonly voters: number;
  readonly members: number;
  readonly confChanges: boolean;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Fewer ticks, more elections. */
  readonly electionTicks: number;
}

const encoder = new TextEncoder();
/** Snapshots carry their data on a way of their own; everything else goes through the wire encoding. */
const overTheWire = (message: Message): Message =>
  message.type === 'transfer-leader' ? message : decodeMessage(encodeMessage(message));

export class RandomCluster {
  readonly #random: SeededRandom;
  readonly #options: RandomClusterOptions;
  readonly #checker = new SafetyChecker();
  readonly #members = new Map<bigint, Member>();
  readonly #down = new Set<bigint>();
  #network: Message[] = [];
  #minority = new Set<bigint>();
  #values = 0;

  constructor(options: RandomClusterOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const voters = Array.from({ length: options.voters }, (_, i) => BigInt(i + 1));
    for (let i = 1; i <= options.members; i++) {
      const disk = new MemberDisk({ ...NO_CONF, voters });
      const raft = {
        ...DEFAULT_OPTIONS,
        id: BigInt(i),
        preVote: options.preVote,
        checkQuorum: options.checkQuorum,
        electionTicks: options.electionTicks,
        maxMessageBytes: 60,
        maxInflightMessages: 3,
        maxCommittedBytesPerReady: 100,
        random: () => this.#random.below(1 << 20) / (1 << 20),
      };
      this.#members.set(raft.id, new Member(raft, disk));
    }
  }

  /** Commits seen in the run: a run without any tells nothing. */
  get commits(): number {
    return this.#checker.commits;
  }

  get elections(): number {
    return this.#checker.elections;
  }

  run(): void {
    for (let i = 0; i < this.#options.steps; i++) this.#step();
    this.#recover();
  }

  #step(): void {
    const { below } = this.#random;
    const member = this.#random.pick([...this.#members.values()]);
    const dice = below(1000);
    if (this.#down.has(member.id)) {
      if (dice < 100) this.#restart(member);
      else this.#deliverOne();
    } else if (dice < 420) this.#deliverOne();
    else if (dice < 640) this.#ready(member);
    else if (dice < 760) this.#sync(member);
    else if (dice < 840) member.apply(1 + below(5));
    else if (dice < 915) member.node.tick();
    else if (dice < 960) this.#propose(member);
    else if (dice < 975) this.#read(member);
    else this.#disturb(member, dice);
    this.#observe(member.id);
    if (below(50) === 0) this.#checker.compareLogs([...this.#members.values()]);
  }

  #disturb(member: Member, dice: number): void {
    const { below } = this.#random;
    const other = this.#random.pick([...this.#members.keys()]);
    if (dice < 979) this.#compact(member);
    else if (dice < 983) this.#crash(member);
    else if (dice < 986) member.node.transferLeadership(other);
    else if (dice < 988) member.node.reportUnreachable(other);
    else if (dice < 989) member.node.campaign();
    else if (dice < 991) {
      this.#minority = new Set([...this.#members.keys()].filter(() => below(3) === 0));
    } else if (dice < 994) this.#minority.clear();
    else if (this.#options.confChanges) this.#changeConfiguration(member, other);
  }

  #propose(member: Member): void {
    const data = Array.from({ length: 1 + this.#random.below(3) }, () =>
      encoder.encode(`v${++this.#values}`),
    );
    member.node.propose(data);
  }

  #read(member: Member): void {
    member.node.readIndex(encoder.encode(this.#checker.readAsked()));
  }

  #changeConfiguration(member: Member, other: bigint): void {
    const { below, pick } = this.#random;
    const changes = Array.from({ length: 1 + below(2) }, (_, i) => ({
      type: pick(['add-node', 'add-node', 'remove-node', 'add-learner-node'] as const),
      nodeId: i === 0 ? other : pick([...this.#members.keys()]),
    }));
    const transition = pick(['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const);
    const context = new Uint8Array(0);
    const outcome = member.node.proposeConfChange({ transition, changes, context });
    // An explicit joint configuration stays until someone asks to leave it.
    if (!outcome.ok && below(2) === 0) {
      member.node.proposeConfChange({ transition: 'auto', changes: [], context });
    }
  }

  #compact(member: Member): void {
    if (member.appliedIndex > member.disk.snapshot.index && member.appliedIndex <= member.node.durableIndex) {
      member.compact(this.#random.below(6));
    }
  }

  #ready(member: Member): void {
    if (!member.node.hasReady()) return;
    const ready = member.takeReady();
    this.#checker.ready(member, ready);
    this.#send(member, ready);
  }

  #send(member: Member, ready: Ready): void {
    for (const message of member.outgoing(ready)) {
      this.#checker.sent(member, message);
      const copies = this.#random.below(30) === 0 ? 2 : 1;
      for (let i = 0; i < copies; i++) this.#network.push(overTheWire(message));
    }
  }

  #sync(member: Member): void {
    if (member.writes.length > 0) member.syncNext();
  }

  #deliverOne(): void {
    if (this.#network.length === 0) return;
    const { below } = this.#random;
    // Mostly in order, at times not.
    const at = below(4) === 0 ? below(this.#network.length) : below(Math.min(3, this.#network.length));
    const [message] = this.#network.splice(at, 1);
    const lost = below(20) === 0 || this.#minority.has(message!.from) !== this.#minority.has(message!.to);
    this.#arrive(message!, lost);
    if (this.#network.length > 500) this.#network.splice(0, 100);
  }

  #arrive(message: Message, lost: boolean): void {
    const { from, to, type } = message;
    const receiver = this.#members.get(to)!;
    const arrives = !lost && !this.#down.has(to);
    if (arrives) receiver.receive(message);
    if (type === 'snapshot' && !this.#down.has(from)) {
      this.#members.get(from)!.node.reportSnapshot(to, arrives);
    }
    this.#observe(to);
  }

  #observe(id: bigint): void {
    if (!this.#down.has(id)) this.#checker.observe(this.#members.get(id)!, this.#members.values());
  }

  /** Some of the writes under way made it, in order, and perhaps the first entries of the next. */
  #crash(member: Member): void {
    const { below } = this.#random;
    const survived = below(member.writes.length + 1);
    for (const { batch, snapshotState } of member.writes.slice(0, survived)) {
      member.disk.write(batch, snapshotState);
    }
    const torn = member.writes[survived]?.batch;
    if (torn !== undefined && torn.snapshot === undefined) {
      member.disk.writeEntries(torn.entries.slice(0, below(torn.entries.length + 1)));
    }
    this.#down.add(member.id);
  }

  #restart(member: Member): void {
    const restarted = member.restarted();
    this.#members.set(member.id, restarted);
    this.#down.delete(member.id);
    this.#checker.restarted(restarted);
  }

  /** Everything works again: the cluster must come to one mind, and take a last value. */
  #recover(): void {
    this.#minority.clear();
    for (const member of [...this.#members.values()]) if (this.#down.has(member.id)) this.#restart(member);
    const last = 'the last value';
    let proposed = false;
    for (let round = 0; round < 1500; round++) {
      this.#round();
      if (round % 50 === 49) {
        for (const { node } of this.#members.values()) {
          if (node.role !== 'leader') continue;
          if (node.propose([encoder.encode(last)]).ok) proposed = true;
        }
      }
      if (proposed && round % 50 === 40 && this.#agreed(last)) {
        if (this.#options.checkQuorum) this.#deafenLeader();
        return;
      }
    }
    const states = [...this.#members.values()].map(({ node }) => inspect(node.status(), { depth: 4 }));
    assert.fail(`the cluster did not recover: ${states.join(', ')}`);
  }

  /** A tick for everyone, all disks and state machines keep up, and messages take one round. Those to `deaf` are lost. */
  #round(deaf?: bigint): void {
    for (const member of this.#members.values()) {
      member.node.tick();
      while (member.node.hasReady()) this.#ready(member);
      while (member.writes.length > 0) this.#sync(member);
      member.apply(Number.POSITIVE_INFINITY);
      this.#checker.observe(member, this.#members.values());
    }
    const due = this.#network;
    this.#network = [];
    for (const message of due) this.#arrive(message, message.to === deaf);
  }

  /** A leader that is heard but hears nobody gives way to another (thesis 6.2), if there are enough for one without it. */
  #deafenLeader(): void {
    const deaf = this.#leader();
    if (deaf === undefined) return;
    const { voters, votersOutgoing } = deaf.node.configuration;
    if (votersOutgoing.length > 0 || 2 * (voters.length - 1) <= voters.length) return;
    const { term } = deaf.node;
    for (let round = 0; round < 400 * this.#options.electionTicks; round++) {
      this.#round(deaf.id);
      const leader = this.#leader();
      if (leader !== undefined && leader !== deaf && leader.node.term > term) return;
    }
    assert.fail(`leader ${deaf.id} hears nobody, and nobody takes its place`);
  }

  #leader(): Member | undefined {
    return [...this.#members.values()]
      .filter(({ node }) => node.role === 'leader')
      .sort((a, b) => b.node.term - a.node.term)[0];
  }

  #agreed(last: string): boolean {
    const all = [...this.#members.values()];
    const leader = this.#leader();
    if (leader === undefined) return false;
    const { voters, learners, votersOutgoing } = leader.node.configuration;
    const belong = all.filter(({ id }) => [...voters, ...learners, ...votersOutgoing].includes(id));
    const expected = leader.state.join(' ');
    return leader.state.includes(last) && belong.every(({ state }) => state.join(' ') === expected);
  }
}
