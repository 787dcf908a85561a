/**
 * The engine room: drives the consensus core of this member. One turn of the event loop is one batch.
 *
 *   proposals --\                      /--> log on disk --(durable)--\
 *   messages  ---+--> raft core --Ready +--> peers                    +--> raft core ...
 *   ticks     --/                      \--> apply (committed entries)
 *
 * Invariants: nothing waits for the disk but what must (the core releases messages that depend on a write only after
 * `persisted`); batches reach the log in the order in which the core made them; after the first failure to write,
 * nothing more is acknowledged (`onFailure`, once).
 */
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { PeerNetwork } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import type { Entry, MemberId, Message, PersistBatch, ReadState, Role, Snapshot } from '../raft/types.ts';
import type { LogStorage } from './log-storage.ts';
import { TURN_BUDGET_MS } from './turn-budget.ts';

/** Entries forwarded to raft in one proposal. */
const PROPOSAL_BYTES_MAX = 512 * 1024;
/** Proposals waiting for a leader or for room in raft's uncommitted log; beyond it new ones are refused. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

export interface ReplicatorHandlers {
  /** Committed entries, in order; not called while the one before is busy. */
  apply(entries: readonly Entry[]): void;
  /** What was handed to `apply` goes on in later turns; its end is told by `Replicator.finished`. */
  isApplying(): boolean;
  /** The last entry that is applied. */
  appliedIndex(): number;
  /** Replace all state by the leader's snapshot. */
  installSnapshot(snapshot: Snapshot): void;
  /** Raft has decided about all snapshots received so far: those that were not installed are not wanted. */
  onSnapshotsDropped(): void;
  /** Role, leader or term changed. */
  onLeadership(role: Role, leader: MemberId, term: number): void;
  onReadState(state: ReadState): void;
  /** Everything up to the core's applied index has been applied in this turn. */
  onTurn(): void;
  /** Raft wants to send the snapshot that the message names; its data is added by whoever keeps it. */
  sendSnapshot(message: Extract<Message, { type: 'snapshot' }>): void;
  onFailure(error: Error): void;
}

export class Replicator {
  readonly #raft: RaftNode;
  readonly #storage: LogStorage;
  readonly #network: PeerNetwork;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #handlers: ReplicatorHandlers;
  #queue: Uint8Array[] = [];
  /** When each of the queue was asked for: grows. */
  #queuedMs: number[] = [];
  #queueBytes = 0;
  #turnScheduled = false;
  #pumping = false;
  #stopped = false;
  /**
   * Snapshots received since the core was last idle: it passes only metadata on, of the one it took if any, so the data waits
   * here.
   */
  #received: Snapshot[] = [];
  /** Committed entries that are not applied yet, as the core gave them. */
  #committed: (readonly Entry[])[] = [];

  constructor(parts: {
    raft: RaftNode;
    storage: LogStorage;
    network: PeerNetwork;
    clock: Clock;
    log: Log;
    handlers: ReplicatorHandlers;
  }) {
    this.#raft = parts.raft;
    this.#storage = parts.storage;
    this.#network = parts.network;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#handlers = parts.handlers;
  }

  /** Queues an encoded request, asked for at `startedMs` (now), for this turn's batch. False when the queue is full. */
  propose(data: Uint8Array, startedMs: number): boolean {
    if (this.#queueBytes + data.length > QUEUE_BYTES_MAX) return false;
    this.#queue.push(data);
    this.#queuedMs.push(startedMs);
    this.#queueBytes += data.length;
    this.#scheduleTurn();
    return true;
  }

  /** Proposes what only the present leader may: if this member does not lead, or may propose nothing now, the entries are forgotten. */
  proposeLeading(entries: readonly Uint8Array[]): void {
    if (this.#stopped || this.#raft.role !== 'leader') return;
    if (this.#attempt(() => this.#raft.propose(entries))) this.#scheduleTurn();
  }

  /**
   * Forgets requests of the queue that began at or before `startedMs`: their clients were told that their time ran out, and would not
   * expect them to be carried out when a leader turns up an hour later.
   */
  dropStartedBefore(startedMs: number): void {
    let count = 0;
    while (count < this.#queue.length && this.#queuedMs[count]! <= startedMs) {
      this.#queueBytes -= this.#queue[count]!.length;
      count++;
    }
    if (count > 0) this.#dequeue(count);
  }

  tick(): void {
    if (this.#stopped) return;
    if (this.#attempt(() => this.#raft.tick())) this.#pump();
    this.#storage.flush();
  }

  /** A message from a peer. */
  step(message: Message): void {
    if (this.#stopped) return;
    if (message.type === 'snapshot') this.#received.push(message.snapshot);
    if (this.#attempt(() => this.#raft.step(message))) this.#scheduleTurn();
  }

  /** What `apply` was given is all applied now. */
  finished(): void {
    if (this.#stopped) return;
    if (this.#attempt(() => this.#raft.applied(this.#handlers.appliedIndex()))) this.#pump();
  }

  /** Runs what was changed directly on the core (read index, transfer, configuration) with the rest of this turn. */
  wake(): void {
    this.#scheduleTurn();
  }

  stop(): void {
    this.#stopped = true;
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    this.#clock.defer(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnScheduled = false;
    if (this.#stopped) return;
    this.#proposeQueued();
    this.#pump();
  };

  #proposeQueued(): void {
    while (this.#queue.length > 0) {
      let count = 0;
      let bytes = 0;
      while (
        count < this.#queue.length &&
        (count === 0 || bytes + this.#queue[count]!.length <= PROPOSAL_BYTES_MAX)
      ) {
        bytes += this.#queue[count]!.length;
        count++;
      }
      const batch = count === this.#queue.length ? this.#queue : this.#queue.slice(0, count);
      // Refused now means later: without a leader, during a transfer, or while too much is uncommitted the proposals
      // wait here; their waiters' deadlines bound how long.
      if (!this.#raft.propose(batch).ok) return;
      this.#queueBytes -= bytes;
      this.#dequeue(count);
    }
  }

  #dequeue(count: number): void {
    const all = count === this.#queue.length;
    this.#queue = all ? [] : this.#queue.slice(count);
    this.#queuedMs = all ? [] : this.#queuedMs.slice(count);
  }

  #pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    const begunMs = this.#clock.monotonicMs();
    try {
      while ((this.#raft.hasReady() || this.#mayApply()) && !this.#stopped) {
        if (this.#raft.hasReady()) this.#handle();
        else this.#applyNext();
        if (this.#queue.length > 0) this.#proposeQueued();
        if (this.#clock.monotonicMs() - begunMs > TURN_BUDGET_MS) {
          this.#scheduleTurn();
          break;
        }
      }
      if (this.#received.length > 0 && !this.#raft.hasReady()) {
        this.#received = [];
        this.#handlers.onSnapshotsDropped();
      }
      this.#handlers.onTurn();
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#pumping = false;
    }
  }

  #handle(): void {
    const ready = this.#raft.ready();
    if (ready.softState !== undefined) {
      this.#handlers.onLeadership(ready.softState.role, ready.softState.leader, ready.softState.term);
    }
    if (ready.messages.length > 0) this.#send(ready.messages);
    if (ready.persist !== undefined) this.#persist(ready.persist);
    if (ready.committed.length > 0) this.#committed.push(ready.committed);
    if (this.#mayApply()) this.#applyNext();
    for (const state of ready.readStates) this.#handlers.onReadState(state);
  }

  #mayApply(): boolean {
    return this.#committed.length > 0 && !this.#handlers.isApplying();
  }

  #applyNext(): void {
    this.#handlers.apply(this.#committed.shift()!);
    this.#raft.applied(this.#handlers.appliedIndex());
  }

  #send(messages: readonly Message[]): void {
    if (messages.some((message) => message.type === 'snapshot')) {
      for (const message of messages) if (message.type === 'snapshot') this.#handlers.sendSnapshot(message);
      messages = messages.filter((message) => message.type !== 'snapshot');
    }
    if (messages.length > 0) this.#network.send(messages);
  }

  #persist(batch: PersistBatch): void {
    const sequence = batch.sequence;
    const snapshot = batch.snapshot === undefined ? undefined : this.#withData(batch.snapshot);
    if (snapshot !== undefined) {
      this.#committed = [];
      this.#handlers.installSnapshot(snapshot);
      this.#raft.applied(snapshot.metadata.index);
    }
    this.#storage.save(
      { hardState: batch.hardState, entries: batch.entries, snapshot, mustSync: batch.mustSync },
      (error) => {
        if (error !== undefined) {
          this.#fail(error);
          return;
        }
        if (this.#stopped) return;
        this.#raft.persisted(sequence);
        this.#pump();
      },
    );
  }

  #withData(snapshot: Snapshot): Snapshot {
    const { index, term } = snapshot.metadata;
    const received = this.#received.find(
      ({ metadata }) => metadata.index === index && metadata.term === term,
    );
    if (received === undefined)
      throw new Error(`raft accepted a snapshot at index ${index} that was not received`);
    return received;
  }

  /** The core throws when the log contradicts what others say or know of it: the member must stop, not the process crash. */
  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#log.error('replication stopped: nothing more is acknowledged', {
      error: error.stack ?? error.message,
    });
    this.#handlers.onFailure(error);
  }
}
