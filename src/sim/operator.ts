/**
 * Whoever runs the cluster: adds, removes and promotes members, one change at a time, starts a process for each new one, and replaces
 * those whose data is gone, as the documents say: remove, then add anew with another URL and an empty disk.
 *
 * Invariant: never more data is given up than the cluster can do without. `expendable` names a host only while everybody else is
 * there and knows the same membership.
 */

import type { MemberId } from '../raft/types.ts';
import type { Member, Submitted } from '../server/contract.ts';
import type { ObservedMember } from './observed-member.ts';
import type { Dice } from './seeded-random.ts';
import { SimulatedHosts } from './simulated-hosts.ts';
import type { Supervisor } from './supervisor.ts';

export type Plan =
  | { readonly kind: 'add'; readonly isLearner: boolean }
  | { readonly kind: 'remove'; readonly id: MemberId };

const POLL_MS = 400;
const MEMBERS_MAX = 6;
const VOTERS_MIN = 3;
/** A change that got no answer may still be made for so long. */
const UNCERTAIN_MS = 20_000;
const ANSWER_TIMEOUT_MS = 15_000;

export class Operator {
  readonly #hosts: SimulatedHosts;
  readonly #supervisor: Supervisor;
  readonly #dice: Dice;
  #plans: Plan[] = [];
  /** A question that is being answered, at the longest until then. */
  #askedUntilMs = 0;
  #asked: object | undefined;
  #lastChangeMs = 0;
  #promotes = 0.1;

  constructor(hosts: SimulatedHosts, supervisor: Supervisor, dice: Dice) {
    this.#hosts = hosts;
    this.#supervisor = supervisor;
    this.#dice = dice;
  }

  start(): void {
    this.#poll();
  }

  /** False if there is too much to do already, or it would leave too few. */
  plan(plan: Plan): boolean {
    const { furthest } = this.#hosts;
    if (furthest === undefined || this.#plans.length > 1) return false;
    const members = furthest.server.members();
    if (plan.kind === 'add' && members.length >= MEMBERS_MAX) return false;
    if (plan.kind === 'remove') {
      const voters = members.filter(({ isLearner }) => !isLearner);
      const adds = this.#plans.some(({ kind }) => kind === 'add');
      if (voters.length <= VOTERS_MIN && !adds && !this.#dice.chance(0.3)) return false;
      if (voters.length <= 2 || this.#unreplaced.length > 0) return false;
      // Where members may be removed without a look at the others, whoever does it has to look.
      if (voters.some((voter) => voter.id !== plan.id && this.#isSuspect(voter))) return false;
    }
    this.#plans.push(plan);
    return true;
  }

  /** Nothing new is begun; what is needed for a whole cluster goes on. */
  settle(): void {
    this.#plans = this.#plans.filter(({ kind }) => kind === 'add').slice(0, 1);
    this.#promotes = 1;
  }

  /** No change of the membership is under way, as far as anybody can know. */
  get isQuiet(): boolean {
    const isLongAgo = this.#hosts.clock.nowMs >= this.#lastChangeMs + UNCERTAIN_MS;
    return isLongAgo && this.#plans.length === 0 && this.#unreplaced.length === 0;
  }

  /** Its data may be damaged by now. */
  suspect(host: ObservedMember): void {
    this.#supervisor.suspect(host);
  }

  /** A host whose data the cluster can do without right now. */
  expendable(): ObservedMember | undefined {
    const hosts = this.#hosts;
    const { furthest } = hosts;
    if (furthest === undefined || !this.isQuiet) return undefined;
    const members = furthest.server.members();
    const voters = members.filter(({ isLearner }) => !isLearner);
    if (voters.length < 3) return undefined;
    const present = members.map((member) => hosts.host(SimulatedHosts.nameOf(member)));
    const known = idsOf(members);
    for (const host of present) {
      if (host === undefined || !host.isRunning || !host.ready) return undefined;
      if (this.#supervisor.isSuspect(host) || idsOf(host.server.members()) !== known) return undefined;
    }
    return this.#dice.pick(present);
  }

  #isSuspect(member: Member): boolean {
    const host = this.#hosts.host(SimulatedHosts.nameOf(member));
    return host !== undefined && this.#supervisor.isSuspect(host);
  }

  get #unreplaced(): readonly ObservedMember[] {
    const members = this.#hosts.furthest?.server.members() ?? [];
    return this.#hosts.lost.filter((host) => members.some(({ id }) => id === host.lastId));
  }

  #poll(): void {
    this.#supervisor.later(POLL_MS, () => this.#poll());
    const { furthest } = this.#hosts;
    if (furthest === undefined) return;
    const members = furthest.server.members();
    this.#startNew(members);
    if (this.#asked !== undefined && this.#hosts.clock.nowMs < this.#askedUntilMs) return;
    this.#asked = undefined;
    const [lost] = this.#unreplaced;
    if (lost !== undefined) {
      this.#ask(
        (host, done) => host.server.removeMember(lost.lastId, done),
        () => {
          if (!this.#plans.some(({ kind }) => kind === 'add'))
            this.#plans.push({ kind: 'add', isLearner: false });
        },
      );
      return;
    }
    const learner = members.find(({ isLearner }) => isLearner);
    if (learner !== undefined && this.#dice.chance(this.#promotes)) {
      this.#ask(
        (host, done) => host.server.promoteMember(learner.id, done),
        () => {},
      );
      return;
    }
    const [plan] = this.#plans;
    if (plan === undefined) return;
    const isDone = (): void => {
      this.#plans = this.#plans.filter((each) => each !== plan);
    };
    if (plan.kind === 'remove') {
      if (!members.some(({ id }) => id === plan.id)) isDone();
      else this.#ask((host, done) => host.server.removeMember(plan.id, done), isDone);
      return;
    }
    if (members.length >= MEMBERS_MAX) {
      isDone();
      return;
    }
    const url = `http://${this.#hosts.newName()}:2380`;
    this.#ask((host, done) => host.server.addMember([url], plan.isLearner, done), isDone);
  }

  /** Who counts as a member gets a process. */
  #startNew(members: readonly Member[]): void {
    const cluster = members.map((member) => SimulatedHosts.nameOf(member));
    for (const name of cluster) {
      if (this.#hosts.host(name) === undefined) this.#supervisor.employ(name, { state: 'existing', cluster });
    }
  }

  #ask(
    question: (host: ObservedMember, done: (outcome: Submitted<unknown>) => void) => void,
    onDone: () => void,
  ): void {
    const candidates = this.#hosts.running.filter(({ ready, isPaused }) => ready && !isPaused);
    const leader = candidates.find(({ server }) => server.isLeader);
    const host = leader !== undefined && this.#dice.chance(0.8) ? leader : this.#dice.pick(candidates);
    if (host === undefined) return;
    const nowMs = this.#hosts.clock.nowMs;
    const asked = {};
    this.#asked = asked;
    this.#askedUntilMs = nowMs + ANSWER_TIMEOUT_MS;
    this.#lastChangeMs = nowMs;
    question(host, (outcome) => {
      if (this.#asked !== asked) return;
      this.#asked = undefined;
      this.#lastChangeMs = this.#hosts.clock.nowMs;
      if (outcome.ok) onDone();
    });
  }
}

function idsOf(members: readonly Member[]): string {
  return members.map(({ id, isLearner }) => `${id.toString(16)}${isLearner ? 'l' : ''}`).join(' ');
}
