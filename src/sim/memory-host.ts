/** One end of the simulated network: what a member's process knows of its peers, and what reaches it. */
import type {
  PeerAnswer,
  PeerHandlers,
  PeerMember,
  PeerNetwork,
  PeerQuestion,
  PeerReply,
  PeerTraffic,
  SnapshotForm,
  SnapshotMessage,
} from '../ports/peer-network.ts';
import type { MemberId, Message } from '../raft/types.ts';
import { gather, inPieces } from './byte-pieces.ts';
import type { MemoryNetwork } from './memory-network.ts';

/** What a host tells of itself to others. */
export interface HostFacts {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  readonly urls: readonly string[];
  members(): readonly PeerMember[];
  version(): { readonly server: string; readonly cluster: string };
  /** Brings something into the process: not while it is paused. At once by default. */
  readonly run?: (callback: () => void) => void;
}

export class MemoryHost implements PeerNetwork {
  readonly name: string;
  readonly facts: HostFacts;
  readonly upSinceMs: number;
  readonly stats: PeerTraffic = {
    followers: () => [],
    sentAppends: () => NO_TRAFFIC,
    receivedAppends: () => NO_TRAFFIC,
  };
  readonly #network: MemoryNetwork;
  readonly #peers = new Map<MemberId, readonly string[]>();
  /** Members that spoke to this one before its log has named them. */
  readonly #remotes = new Map<MemberId, readonly string[]>();
  readonly #lastArrivalMs = new Map<string, number>();
  /** What tells the senders of snapshots that are being received that the connection broke. */
  readonly receiving = new Set<() => void>();
  #handlers: PeerHandlers | undefined;
  #gone = false;

  constructor(network: MemoryNetwork, name: string, facts: HostFacts, upSinceMs: number) {
    this.#network = network;
    this.name = name;
    this.facts = facts;
    this.upSinceMs = upSinceMs;
  }

  start(handlers: PeerHandlers): void {
    this.#handlers = handlers;
  }

  addPeer(id: MemberId, urls: readonly string[]): void {
    if (id === this.facts.memberId || this.#peers.has(id)) return;
    this.#peers.set(id, urls);
    this.#remotes.delete(id);
  }

  updatePeer(id: MemberId, urls: readonly string[]): void {
    if (this.#peers.has(id)) this.#peers.set(id, urls);
  }

  removePeer(id: MemberId): void {
    this.#peers.delete(id);
    this.#remotes.delete(id);
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const urls = this.#peers.get(message.to) ?? this.#remotes.get(message.to);
      if (urls !== undefined && this.#network.isUp(this)) this.#network.carry(this, urls, message);
    }
  }

  sendSnapshot(message: SnapshotMessage, state: AsyncIterable<Uint8Array>): void {
    const urls = this.#peers.get(message.to);
    const send = async (): Promise<void> => {
      const bytes = await gather(state);
      if (urls !== undefined && this.#network.isUp(this)) this.#network.carry(this, urls, message, bytes);
    };
    send().catch(() => this.failed(message));
  }

  snapshotFormOf(): SnapshotForm {
    return this.#network.snapshotForm;
  }

  ask(to: MemberId, question: PeerQuestion, done: (answer: PeerAnswer) => void): void {
    this.#network.question(this, to, this.#peers.get(to) ?? [], question, done);
  }

  asked(question: PeerQuestion, reply: (reply: PeerReply | undefined) => void): void {
    this.#run(() => this.#handlers?.onQuestion(question.method, question.path, question.body, reply));
  }

  /** The answer to a question of this host. */
  hear(tell: () => void): void {
    this.#run(tell);
  }

  activeSinceMs(id: MemberId): number | undefined {
    const urls = this.#peers.get(id);
    const host = urls && this.#network.hostAt(urls);
    if (host === undefined || host.facts.memberId !== id) return undefined;
    return this.#network.reachableSinceMs(this, host);
  }

  async stop(): Promise<void> {
    this.#handlers = undefined;
    if (this.#network.isUp(this)) this.#network.silence(this.name);
  }

  arrive(from: MemoryHost, message: Message): void {
    this.#run(() => this.#receive(from, message));
  }

  /** `told`: who wants to know whether the snapshot was taken. */
  arriveSnapshot(from: MemoryHost, message: Message, state: Uint8Array, told: MemoryHost | undefined): void {
    this.#run(() => {
      const handlers = this.#admit(from, message);
      if (handlers === undefined || message.type !== 'snapshot') {
        told?.failed(message);
        return;
      }
      const broken = (): void => told?.failed(message);
      this.receiving.add(broken);
      const received = handlers.onSnapshot(message, inPieces(state), this.#network.snapshotForm);
      received.then(
        () => this.receiving.delete(broken) && told?.sent(message),
        () => this.receiving.delete(broken) && told?.failed(message),
      );
    });
  }

  #receive(from: MemoryHost, message: Message): void {
    this.#admit(from, message)?.onMessage(message);
  }

  /** Undefined if messages of the sender are not taken. */
  #admit(from: MemoryHost, message: Message): PeerHandlers | undefined {
    const handlers = this.#handlers;
    if (handlers === undefined) return undefined;
    if (handlers.isRemoved(message.from)) {
      if (this.#network.reaches(this.name, from.name)) from.refused();
      return undefined;
    }
    if (!this.#peers.has(message.from)) this.#remotes.set(message.from, from.facts.urls);
    return handlers;
  }

  refused(): void {
    this.#run(() => {
      if (this.#gone) return;
      this.#gone = true;
      this.#handlers?.onGone();
    });
  }

  failed(message: Message): void {
    if (!this.#network.isUp(this)) return;
    this.#run(() => {
      if (message.type === 'snapshot') this.#handlers?.onSnapshotSent(message.to, false);
      this.#handlers?.onUnreachable(message.to);
    });
  }

  sent(message: Message): void {
    if (!this.#network.isUp(this)) return;
    this.#run(() => this.#handlers?.onSnapshotSent(message.to, true));
  }

  /** How long what is on its way to `name` still needs. */
  backlogMs(name: string, nowMs: number): number {
    return (this.#lastArrivalMs.get(name) ?? nowMs) - nowMs;
  }

  /** When a message to `name` arrives that must not overtake those before it, and needs the way for `transferMs`. */
  inOrder(name: string, arrivalMs: number, transferMs: number): number {
    const before = this.#lastArrivalMs.get(name);
    const inOrderMs = before === undefined ? arrivalMs : Math.max(arrivalMs, before + transferMs);
    this.#lastArrivalMs.set(name, inOrderMs);
    return inOrderMs;
  }

  #run(callback: () => void): void {
    if (this.facts.run === undefined) callback();
    else this.facts.run(callback);
  }
}

const NO_TRAFFIC = { count: 0, packageRate: 0, bandwidthRate: 0 };
