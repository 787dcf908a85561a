/** The hosts of a simulated cluster, what connects them, and views of the whole that no single member has. */
import type { Random } from '../ports/random.ts';
import type { Member } from '../server/contract.ts';
import { MemoryNetwork } from './memory-network.ts';
import { ObservedMember, StateSampling } from './observed-member.ts';
import type { Recorder } from './recorder.ts';
import type { MemberOptions, SimulatedWorld, WorldOptions } from './simulated-member.ts';
import type { VirtualClock } from './virtual-clock.ts';

export class SimulatedHosts implements SimulatedWorld {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly network: MemoryNetwork;
  readonly options: WorldOptions;
  readonly recorder: Recorder;
  readonly #hosts = new Map<string, ObservedMember>();
  readonly #lost = new Set<ObservedMember>();
  readonly #sampling = new StateSampling();
  #names = 0;

  constructor(clock: VirtualClock, random: Random, recorder: Recorder, options: WorldOptions) {
    this.clock = clock;
    this.random = random;
    this.recorder = recorder;
    this.options = options;
    this.network = new MemoryNetwork(clock, random);
  }

  /** A name, and so a URL, that no host has had. */
  newName(): string {
    return `m${++this.#names}`;
  }

  /** A host without a process. */
  add(name: string, options: MemberOptions): ObservedMember {
    const host = new ObservedMember(this, name, options, this.recorder, this.#sampling);
    this.#hosts.set(name, host);
    return host;
  }

  host(name: string): ObservedMember | undefined {
    return this.#hosts.get(name);
  }

  get all(): readonly ObservedMember[] {
    return [...this.#hosts.values()];
  }

  get running(): readonly ObservedMember[] {
    return this.all.filter((host) => host.isRunning);
  }

  /** The data of the host is gone or damaged: it never starts again, the cluster has to do with another. */
  lose(host: ObservedMember): void {
    this.#lost.add(host);
  }

  isLost(host: ObservedMember): boolean {
    return this.#lost.has(host);
  }

  get lost(): readonly ObservedMember[] {
    return [...this.#lost];
  }

  /** Who leads in the highest term. */
  get leader(): ObservedMember | undefined {
    let leader: ObservedMember | undefined;
    for (const host of this.#hosts.values()) {
      if (!host.isRunning || !host.server.isLeader) continue;
      if (leader === undefined || host.server.raftTerm > leader.server.raftTerm) leader = host;
    }
    return leader;
  }

  /** The running one that has applied the most. */
  get furthest(): ObservedMember | undefined {
    let furthest: ObservedMember | undefined;
    for (const host of this.#hosts.values()) {
      if (!host.isRunning) continue;
      if (furthest === undefined || host.server.appliedIndex > furthest.server.appliedIndex) furthest = host;
    }
    return furthest;
  }

  /** The host a member runs on, by its URL. */
  static nameOf(member: Member): string {
    return new URL(member.peerURLs[0]!).hostname;
  }
}
