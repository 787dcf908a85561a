/**
 * The network between simulated members: the twin of the PeerNetwork and ClusterProbe ports. Messages go through their wire
 * encoding, take their time, and may be lost, doubled or overtaken as `faults` says; hosts can be cut off from each other.
 *
 * As with the real one, members find each other by URL, a host that nobody knows yet can be answered once it has spoken, and a
 * removed member is told so when it speaks.
 */
import type { Clock } from '../ports/clock.ts';
import {
  type ClusterProbe,
  type PeerAnswer,
  type PeerNetwork,
  PeerProbeError,
  type PeerQuestion,
  type SnapshotForm,
} from '../ports/peer-network.ts';
import type { Random } from '../ports/random.ts';
import type { MemberId, Message } from '../raft/types.ts';
import { decodeMessage, encodeMessage } from '../wire/raftpb.ts';
import { type HostFacts, MemoryHost } from './memory-host.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface NetworkFaults {
  /** Chance in [0, 1] that a message is lost, that it comes twice, that it is late and overtaken by others. */
  loss: number;
  duplication: number;
  reordering: number;
  /** A message takes between half of it and all of it. */
  delayMs: number;
  /** Of each way between two hosts; a snapshot has a way of its own. */
  bytesPerMs: number;
  /** Chance that the way is cut while a snapshot is on it. */
  snapshotCut: number;
  /** A message for which it is true is lost: for tests that need one case exactly. */
  drop: (message: Message, from: string, to: string) => boolean;
}

const LATE_MS = 50;
const UNREACHABLE_REPORT_MS = 5;
/** A connection that hangs is given up after so long. */
const HANG_TIMEOUT_MS = 5_000;

/** What takes longer to get through a narrow way does not fit into the sender's buffer: it is dropped, and the sender told. */
const BACKLOG_MS_MAX = 5_000;

/** How a way from one host to another is blocked: 'cut' is noticed at once, 'hung' only by a timeout. */
export type Blockage = 'cut' | 'hung';

export class MemoryNetwork {
  readonly faults: NetworkFaults = {
    loss: 0,
    duplication: 0,
    reordering: 0,
    delayMs: 2,
    bytesPerMs: Number.POSITIVE_INFINITY,
    snapshotCut: 0,
    drop: () => false,
  };
  /** The host `name` asked the others something, and nobody answered; it learns of it next. */
  onUnanswered: (name: string) => void = () => {};
  /** How the state of v3 follows a snapshot: 'etcd' as between members of both kinds. */
  snapshotForm: SnapshotForm = 'quorate';
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #hosts = new Map<string, MemoryHost>();
  /** Names of hosts that are cut off from everybody outside their own group, by group. */
  #groups: readonly ReadonlySet<string>[] = [];
  /** Blocked ways, by 'from>to'. */
  readonly #blocked = new Map<string, Blockage>();
  /** When each way was opened again. */
  readonly #openedMs = new Map<string, number>();
  #changedMs = 0;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A process on the host `name` begins to listen. */
  listen(name: string, facts: HostFacts): PeerNetwork {
    const host = new MemoryHost(this, name, facts, this.#clock.nowMs);
    this.#hosts.set(name, host);
    return host;
  }

  /** The process on the host is gone, and its connections with it. */
  silence(name: string): void {
    const host = this.#hosts.get(name);
    this.#hosts.delete(name);
    for (const broken of host?.receiving ?? []) this.#clock.schedule(UNREACHABLE_REPORT_MS, broken);
    host?.receiving.clear();
  }

  /** Hosts reach those of their own group only; hosts in no group form one of their own. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#groups = groups.map((group) => new Set(group));
    this.#changedMs = this.#clock.nowMs;
  }

  /** Blocks one way; the way back stays as it is. */
  block(from: string, to: string, how: Blockage): void {
    this.#blocked.set(`${from}>${to}`, how);
  }

  unblock(from: string, to: string): void {
    if (this.#blocked.delete(`${from}>${to}`)) this.#openedMs.set(`${from}>${to}`, this.#clock.nowMs);
  }

  /** All ways are open again. */
  heal(): void {
    this.#blocked.clear();
    this.#openedMs.clear();
    this.partition();
  }

  reaches(from: string, to: string): boolean {
    return this.#blockage(from, to) === undefined;
  }

  #blockage(from: string, to: string): Blockage | undefined {
    if (this.#groups.length > 0) {
      const groupOf = (name: string): number => this.#groups.findIndex((group) => group.has(name));
      if (groupOf(from) !== groupOf(to)) return 'cut';
    }
    return this.blockageOfWay(from, to);
  }

  /** Of one way, groups aside: those part members from each other, not from their clients. */
  blockageOfWay(from: string, to: string): Blockage | undefined {
    return this.#blocked.size === 0 ? undefined : this.#blocked.get(`${from}>${to}`);
  }

  /** Since when two hosts have reached each other. */
  reachableSinceMs(from: MemoryHost, to: MemoryHost): number | undefined {
    if (!this.reaches(from.name, to.name) || !this.reaches(to.name, from.name)) return undefined;
    return Math.max(
      from.upSinceMs,
      to.upSinceMs,
      this.#changedMs,
      this.#openedMs.get(`${from.name}>${to.name}`) ?? 0,
      this.#openedMs.get(`${to.name}>${from.name}`) ?? 0,
    );
  }

  /** Who listens at one of the URLs. */
  hostAt(urls: readonly string[]): MemoryHost | undefined {
    for (const host of this.#hosts.values()) {
      if (host.facts.urls.some((url) => urls.includes(url))) return host;
    }
    return undefined;
  }

  #hostsAt(urls: readonly string[]): MemoryHost[] {
    return [...this.#hosts.values()].filter(({ facts }) => facts.urls.some((url) => urls.includes(url)));
  }

  isUp(host: MemoryHost): boolean {
    return this.#hosts.get(host.name) === host;
  }

  /** Questions asked by the host `name`, which need not listen yet. */
  probe(name: string, clock: Clock): ClusterProbe {
    const ask = <T>(
      what: string,
      urls: readonly string[],
      timeoutMs: number,
      answer: (host: MemoryHost) => T,
    ) =>
      new Promise<T>((resolve, reject) => {
        const hosts = this.#hostsAt(urls);
        const host = hosts.find((each) => this.reaches(name, each.name) && this.reaches(each.name, name));
        if (host !== undefined) {
          clock.schedule(this.faults.delayMs, () => resolve(answer(host)));
          return;
        }
        // Refused at once if nobody listens, in vain until the timeout if the ways are cut.
        const delayMs = hosts.length === 0 ? this.faults.delayMs : timeoutMs;
        const failures = urls.map((url) => ({ url, reason: 'unreachable' }));
        clock.schedule(delayMs, () => {
          this.onUnanswered(name);
          reject(new PeerProbeError(what, failures));
        });
      });
    return {
      members: (urls, timeoutMs) =>
        ask('members', urls, timeoutMs, ({ facts }) => ({
          clusterId: facts.clusterId,
          members: facts.members(),
        })),
      version: (urls, timeoutMs) => ask('version', urls, timeoutMs, ({ facts }) => facts.version()),
    };
  }

  /** Brings the message on its way; `state` follows a snapshot. */
  carry(from: MemoryHost, urls: readonly string[], message: Message, state: Uint8Array = NO_STATE): void {
    const to = this.hostAt(urls);
    const { faults } = this;
    if (to === undefined || to.facts.memberId !== message.to || to.facts.clusterId !== from.facts.clusterId) {
      this.#clock.schedule(UNREACHABLE_REPORT_MS, () => from.failed(message));
      return;
    }
    const blockage = this.#blockage(from.name, to.name);
    if (blockage !== undefined) {
      const noticedMs = blockage === 'cut' ? UNREACHABLE_REPORT_MS : HANG_TIMEOUT_MS;
      this.#clock.schedule(noticedMs, () => from.failed(message));
      return;
    }
    const wire = encodeMessage(message);
    const transferMs = (wire.length + state.length) / faults.bytesPerMs;
    if (message.type !== 'snapshot' && from.backlogMs(to.name, this.#clock.nowMs) > BACKLOG_MS_MAX) {
      this.#clock.schedule(UNREACHABLE_REPORT_MS, () => from.failed(message));
      return;
    }
    const lost = this.#random.next() < faults.loss || faults.drop(message, from.name, to.name);
    // The core stands any message twice but a proposal, which would be made twice; no connection between members doubles one.
    const copies = message.type !== 'propose' && this.#random.next() < faults.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      let arrivalMs = this.#clock.nowMs + faults.delayMs * (0.5 + this.#random.next() / 2) + transferMs;
      if (message.type === 'snapshot') {
        if (this.#random.next() < faults.snapshotCut) this.#cutDuring(from, to, arrivalMs);
      } else if (this.#random.next() < faults.reordering) arrivalMs += this.#random.next() * LATE_MS;
      else arrivalMs = from.inOrder(to.name, arrivalMs, transferMs);
      this.#clock.schedule(arrivalMs - this.#clock.nowMs, () => {
        const arrives = !lost && this.isUp(to) && this.reaches(from.name, to.name);
        const told = copy === 0 ? from : undefined;
        if (!arrives) told?.failed(message);
        else if (message.type === 'snapshot') to.arriveSnapshot(from, decodeMessage(wire), state, told);
        else to.arrive(from, decodeMessage(wire));
      });
    }
  }

  /** Brings a question to whoever is member `to` at the URLs, and the answer back. Nobody there: known soon; ways that are cut: in vain until the timeout. */
  question(
    from: MemoryHost,
    to: MemberId,
    urls: readonly string[],
    question: PeerQuestion,
    done: (answer: PeerAnswer) => void,
  ): void {
    const clock = this.#clock;
    let settled = false;
    const settle = (answer: PeerAnswer): void => {
      if (settled) return;
      settled = true;
      if (this.isUp(from)) from.hear(() => done(answer));
    };
    clock.schedule(question.timeoutMs, () => settle({ status: undefined, reason: 'no answer in time' }));
    const host = this.hostAt(urls);
    const passes = (way: readonly [MemoryHost, MemoryHost]): boolean =>
      way.every((each) => this.isUp(each)) && this.reaches(way[0].name, way[1].name);
    if (host === undefined || host.facts.memberId !== to) {
      clock.schedule(UNREACHABLE_REPORT_MS, () => settle({ status: undefined, reason: 'unreachable' }));
      return;
    }
    clock.schedule(this.faults.delayMs, () => {
      if (!passes([from, host])) return;
      host.asked(question, (reply) =>
        clock.schedule(this.faults.delayMs, () => {
          if (passes([host, from])) settle({ status: reply?.status ?? 404, body: reply?.body ?? NO_STATE });
        }),
      );
    });
  }

  /** The way breaks before the message has arrived, and is repaired a little later. */
  #cutDuring(from: MemoryHost, to: MemoryHost, arrivalMs: number): void {
    const { nowMs } = this.#clock;
    const pair = [from.name, to.name] as const;
    const leftMs = arrivalMs - nowMs;
    this.#clock.schedule(leftMs * this.#random.next(), () => {
      if (this.reaches(...pair)) this.block(...pair, 'cut');
    });
    this.#clock.schedule(leftMs + 20, () => this.unblock(...pair));
  }
}

const NO_STATE = new Uint8Array(0);
