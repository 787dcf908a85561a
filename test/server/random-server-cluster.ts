/**
 * A cluster of servers under everything that can go wrong, from one seed: power lost, processes killed, disks that are slow at
 * times, messages lost, doubled and overtaken, hosts cut off from each other, members that come and go. SimulatedCluster checks
 * after every event; in the end everything works again, all must agree, and what was acknowledged must be there.
 */
import assert from 'node:assert/strict';
import type { V2Outcome } from '../../src/store/v2/types.ts';
import { type Asked, SimulatedCluster, type SimulatedMember, urlOf } from './simulated-cluster.ts';

const MEMBERS_MAX = 5;

interface Write {
  readonly key: string;
  readonly asked: Asked<V2Outcome>;
}

interface Read {
  /** Of the counter, acknowledged before the read began. */
  readonly floor: number;
  readonly asked: Asked<V2Outcome>;
}

export class RandomServerCluster {
  readonly #cluster: SimulatedCluster;
  readonly #writes: Write[] = [];
  #reads: Read[] = [];
  #counter: { readonly value: number; readonly asked: Asked<V2Outcome> } | undefined;
  /** The last number written to the counter, and the last that was acknowledged. */
  #counted = 0;
  #acknowledged = 0;
  /** A write of the counter got no answer: it may overwrite a later one, from now on floors say nothing. */
  #uncertain = false;
  #names = 0;
  crashes = 0;
  /** Quorum reads that were checked. */
  reads = 0;
  reconfigurations = 0;

  constructor(seed: number) {
    this.#cluster = new SimulatedCluster({ seed, snapshotCount: 30, strict: false });
  }

  get acknowledged(): number {
    return this.#writes.filter(({ asked }) => asked.answer?.ok).length;
  }

  get elections(): number {
    return this.#cluster.leaders.size;
  }

  async run(steps: number): Promise<void> {
    const names = [this.#nextName(), this.#nextName(), this.#nextName()];
    await this.#cluster.found(...names);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await this.#cluster.advance(this.#below(40));
      this.#settleCounter();
      this.#checkReads();
    }
    await this.#recover();
  }

  async #step(): Promise<void> {
    const dice = this.#below(1000);
    const running = this.#cluster.running;
    const one = running[this.#below(running.length)];
    const { network } = this.#cluster;
    if (dice < 500) {
      if (one !== undefined) this.#write(one);
    } else if (dice < 650) {
      if (one !== undefined) this.#reads.push({ floor: this.#acknowledged, asked: one.quorumGet('counter') });
    } else if (dice < 700) {
      if (one !== undefined) this.#count(one);
    } else if (dice < 720) {
      if (one !== undefined) this.#end(one);
    } else if (dice < 860) this.#startOne();
    else if (dice < 880) this.#partition();
    else if (dice < 920) network.heal();
    else if (dice < 940) {
      network.faults.loss = this.#below(3) === 0 ? 0.1 : 0;
      network.faults.duplication = this.#below(3) === 0 ? 0.1 : 0;
      network.faults.reordering = this.#below(3) === 0 ? 0.3 : 0;
    } else if (dice < 950) {
      const slowMs = this.#below(3) === 0 ? 200 : 0;
      if (one !== undefined)
        one.slowness = ({ kind }) => (kind === 'sync' || kind === 'write-durably' ? slowMs : 0);
    } else if (dice < 965) {
      if (one !== undefined) this.#reconfigure(one);
    } else this.#reconcile();
  }

  #write(member: SimulatedMember): void {
    for (let i = 1 + this.#below(4); i > 0; i--) {
      const key = `k${this.#writes.length}`;
      const ttl = this.#below(10) === 0;
      // Those with a TTL only stir the tree.
      const expirationNs = ttl ? member.server.nowNs() + BigInt(this.#below(5_000)) * 1_000_000n : 0n;
      const asked = member.put(ttl ? `t${key}` : key, key, { expirationNs });
      if (!ttl) this.#writes.push({ key, asked });
    }
  }

  /** One writer at a time, so that a read's floor is known. */
  #count(member: SimulatedMember): void {
    if (this.#counter !== undefined) return;
    const value = ++this.#counted;
    this.#counter = { value, asked: member.put('counter', `${value}`) };
  }

  #settleCounter(): void {
    const { value, asked } = this.#counter ?? {};
    if (value === undefined || asked === undefined) return;
    const { answer, askedOf } = asked;
    if (answer?.ok) this.#acknowledged = value;
    // Whether an unanswered one was made is unknown; it may even come later, so reads may then see less than the last number.
    if (answer !== undefined && !answer.ok) this.#uncertain = true;
    if (answer === undefined && askedOf.isRunning && askedOf.asked.includes(asked)) return;
    if (answer === undefined) this.#uncertain = true;
    this.#counter = undefined;
  }

  #checkReads(): void {
    this.#reads = this.#reads.filter(({ floor, asked }) => {
      if (asked.answer === undefined) return true;
      if (!asked.answer.ok || this.#uncertain) return false;
      const value = Number(asked.answer.value.event?.node.value ?? 0);
      assert.ok(value >= floor, `a quorum read gave ${value}, but ${floor} was acknowledged before it`);
      this.reads++;
      return false;
    });
  }

  #end(member: SimulatedMember): void {
    this.crashes++;
    if (this.#below(2) === 0) member.crash();
    else member.kill();
  }

  #startOne(): void {
    const down = [...this.#cluster.members.values()].filter(
      (member) => member.isDown && member.stopReason?.kind !== 'removed',
    );
    const one = down[this.#below(down.length)];
    if (one !== undefined) this.#start(one);
  }

  #start(member: SimulatedMember): void {
    this.#checkFailure(member);
    member.start();
  }

  /** Only a joiner may fail: when it can't reach the others, or what it was told is outdated. */
  #checkFailure({ failure, options }: SimulatedMember): void {
    if (failure !== undefined && !(options.state === 'existing' && failure.name === 'BootstrapError'))
      throw failure;
  }

  #partition(): void {
    const minority = [...this.#cluster.members.keys()].filter(() => this.#below(3) === 0);
    this.#cluster.network.partition(minority);
  }

  #reconfigure(member: SimulatedMember): void {
    const members = member.server.members();
    this.reconfigurations++;
    if (members.length < MEMBERS_MAX && this.#below(2) === 0) {
      const url = urlOf(this.#nextName());
      member.ask((done) => member.server.addMember([url], this.#below(3) === 0, done));
    } else if (members.length > 3) {
      const { id } = members[this.#below(members.length)]!;
      member.ask((done) => member.server.removeMember(id, done));
    }
  }

  /** Whoever counts as a member gets a process, which is told of the members as an operator would do: as they are now. */
  #reconcile(): void {
    const { running, members } = this.#cluster;
    const [furthest] = [...running].sort((a, b) => b.server.appliedIndex - a.server.appliedIndex);
    if (furthest === undefined) return;
    const present = furthest.server.members();
    const cluster = present.map(({ peerURLs }) => new URL(peerURLs[0]!).hostname);
    for (const name of cluster) {
      const known = members.get(name);
      if (known === undefined) this.#cluster.host(name, { state: 'existing', cluster }).start();
      else if (known.isDown && known.options.state === 'existing')
        known.options = { state: 'existing', cluster };
    }
    const { leader } = this.#cluster;
    for (const { id, isLearner } of present) {
      if (isLearner) leader?.ask((done) => leader.server.promoteMember(id, done));
    }
  }

  async #recover(): Promise<void> {
    const { network, members } = this.#cluster;
    network.heal();
    Object.assign(network.faults, { loss: 0, duplication: 0, reordering: 0 });
    for (const member of members.values()) member.slowness = () => 0;
    for (let round = 0; round < 60; round++) {
      for (const member of members.values()) {
        if (member.isDown && member.stopReason?.kind !== 'removed') this.#start(member);
      }
      await this.#cluster.advance(2_000);
      this.#reconcile();
      if (this.#isWhole()) break;
    }
    assert.ok(this.#isWhole(), `not whole again: ${this.#describe()}`);
    const [one] = this.#present();
    await this.#cluster.value(one!.put('last', 'value'));
    await this.#cluster.agree(() => this.#present());
    for (const { key, asked } of this.#writes) {
      if (!asked.answer?.ok) continue;
      for (const member of this.#present()) {
        assert.equal(member.local(key), key, `${key} was acknowledged, ${member.name} does not have it`);
      }
    }
    for (const member of members.values()) this.#checkFailure(member);
    this.#cluster.end();
  }

  /** Members by the leader's word that run. */
  #present(): readonly SimulatedMember[] {
    const { leader, running } = this.#cluster;
    if (leader === undefined) return [];
    return running.filter((member) => leader.server.member(member.server.memberId) !== undefined);
  }

  #isWhole(): boolean {
    const { leader } = this.#cluster;
    if (leader === undefined) return false;
    const present = this.#present();
    return present.length === leader.server.members().length && present.every(({ ready }) => ready);
  }

  #describe(): string {
    return [...this.#cluster.members.values()]
      .map((member) => {
        if (!member.isRunning)
          return `${member.name} down ${member.failure?.message ?? member.stopReason?.kind ?? ''}`;
        const { raft } = member.opened!;
        const { role, term, commit, applied, lastIndex } = raft.status();
        return `${member.name} ${role} term ${term}, ${applied}/${commit}/${lastIndex}, ready ${member.ready}, voters ${raft.configuration.voters.length}`;
      })
      .join('; ');
  }

  #nextName(): string {
    return `m${++this.#names}`;
  }

  #below(bound: number): number {
    return Math.floor(this.#cluster.random.next() * bound);
  }
}
