/**
 * Starts again what has ended, after a while, as an init system does; and tells ends that a fault explains from those that nothing
 * does.
 */
import type { MemberId } from '../raft/types.ts';
import type { ObservedMember } from './observed-member.ts';
import type { Dice } from './seeded-random.ts';
import { SimulatedHosts } from './simulated-hosts.ts';
import type { EndOfProcess, MemberOptions } from './simulated-member.ts';

/** The code under test stopped with an error that no fault explains. */
export class CrashFailure extends Error {
  constructor(message: string, cause: Error) {
    super(message, { cause });
    this.name = 'CrashFailure';
  }
}

const RESTART_MEAN_MS = 3_000;
/** What a member says of its own data when it is not what it wrote. */
const DAMAGE_ERRORS: ReadonlySet<string> = new Set(['WalDamagedError', 'SnapshotMarkMissingError']);

export class Supervisor {
  readonly #hosts: SimulatedHosts;
  readonly #dice: Dice;
  readonly #suspects = new Set<ObservedMember>();
  readonly #emptied = new Set<ObservedMember>();
  #hasty = false;
  #stopped = false;

  constructor(hosts: SimulatedHosts, dice: Dice) {
    this.#hosts = hosts;
    this.#dice = dice;
    hosts.network.onUnanswered = (name) => this.#giveUp(hosts.host(name));
  }

  /** A host whose process is started now and whenever it has ended. */
  employ(name: string, options: MemberOptions): ObservedMember {
    const host = this.#hosts.add(name, options);
    host.whenEnded = (how, error) => this.#ended(host, how, error);
    host.start();
    return host;
  }

  /** Runs `callback` later, unless the supervisor has stopped by then. */
  later(delayMs: number, callback: () => void): void {
    this.#hosts.clock.schedule(delayMs, () => {
      if (!this.#stopped) callback();
    });
  }

  /** A host that has ended is started sooner than it would be. */
  restart(host: ObservedMember, delayMs: number): void {
    this.later(delayMs, () => this.#startIfDown(host));
  }

  /** Whatever is down comes back soon from now on. */
  hurry(): void {
    this.#hasty = true;
    for (const host of this.#hosts.all) this.#startIfDown(host);
  }

  /** Nothing is started any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** The host's files were damaged: it may refuse to start. */
  suspect(host: ObservedMember): void {
    this.#suspects.add(host);
  }

  /** The host's disk was replaced by an empty one, and its flags still say that it founds the cluster: it must refuse to start. */
  startEmptied(host: ObservedMember): void {
    this.#emptied.add(host);
    host.start();
  }

  /** A suspect that started in spite of it did not need what was damaged, so far. */
  isSuspect(host: ObservedMember): boolean {
    return this.#suspects.has(host);
  }

  #ended(host: ObservedMember, how: EndOfProcess, error: Error | undefined): void {
    if (how === 'removed') return;
    if (error !== undefined && !this.#explains(host, how, error)) {
      this.#hosts.recorder.fail(
        new CrashFailure(`${host.name} ${how} with what no fault explains: ${error.message}`, error),
      );
      return;
    }
    const delayMs = this.#hasty ? 200 : this.#dice.waitMs(RESTART_MEAN_MS);
    this.later(delayMs, () => this.#startIfDown(host));
  }

  #explains(host: ObservedMember, how: EndOfProcess, error: Error): boolean {
    if (error.message.includes('injected into')) return true;
    if (how !== 'refused') return false;
    if (this.#suspects.has(host) && DAMAGE_ERRORS.has(error.name)) {
      this.#hosts.lose(host);
      return true;
    }
    if (this.#emptied.has(host) && error.message.includes('has already been bootstrapped')) {
      this.#hosts.lose(host);
      return true;
    }
    // A joiner that can't reach the others yet, or was told of members that are no more.
    return error.name === 'BootstrapError' && host.options.state === 'existing';
  }

  /** Whoever reaches none of the others can't know that it was there before; an operator who saw that would not let it go on. */
  #giveUp(host: ObservedMember | undefined): void {
    if (host === undefined || !this.#emptied.has(host)) return;
    this.#hosts.lose(host);
    host.kill();
  }

  #startIfDown(host: ObservedMember): void {
    if (!host.isDown || this.#hosts.isLost(host) || host.stopReason?.kind === 'removed') return;
    if (host.options.state === 'existing') {
      const members = this.#hosts.furthest?.server.members() ?? [];
      const cluster = members.map((member) => SimulatedHosts.nameOf(member));
      if (cluster.includes(host.name)) host.options = { ...host.options, cluster };
    }
    host.start();
  }
}

/** Members of the cluster by the word of the one that knows most. */
export function membersOf(hosts: SimulatedHosts): ReadonlyMap<MemberId, string> {
  const members = hosts.furthest?.server.members() ?? [];
  return new Map(members.map((member) => [member.id, SimulatedHosts.nameOf(member)]));
}
