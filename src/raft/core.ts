/**
 * The state that all roles share, and the few transitions and sends that all of them make. What a role does with it is in
 * follower.ts, election.ts and leader.ts; none of them keeps state of its own.
 *
 * Invariants: term never decreases; vote is for the current term; leader is none or leads in the current term; `voters`,
 * `outgoing` and `peers` mirror `configuration`.
 */
import { isMember, isVoter } from './configuration.ts';
import type { RaftOptions } from './node.ts';
import { Progress } from './progress.ts';
import { jointVote, majorityReached, majorityVote, type VoteResult } from './quorum.ts';
import type { RaftLog } from './raft-log.ts';
import { ReadIndexQueue } from './read-index.ts';
import type { ConfState, HardState, MemberId, Message, ReadState, Role, SnapshotMetadata } from './types.ts';
import { NO_MEMBER } from './types.ts';
import { WriteQueue } from './write-queue.ts';

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

export class RaftCore {
  readonly id: MemberId;
  readonly options: RaftOptions;
  readonly log: RaftLog;
  readonly writes: WriteQueue;
  readonly reads: ReadIndexQueue = new ReadIndexQueue();

  role: Role = 'follower';
  leader: MemberId = NO_MEMBER;
  term: number;
  vote: MemberId;
  /** Ticks since the leader was heard of, the vote given, the campaign begun; on a leader since the last check of its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Ticks; drawn anew with every reset. */
  electionTimeout = 0;

  configuration: ConfState;
  readonly peers: Map<MemberId, Progress> = new Map();
  voters: readonly Progress[] = [];
  outgoing: readonly Progress[] = [];
  /** The snapshot that a member gets which needs compacted entries. */
  snapshot: SnapshotMetadata;

  /** A received snapshot that is not reported applied yet: its configuration comes in force then, behind those of older entries. */
  restored: SnapshotMetadata | undefined;

  /** Candidates: answers to the present campaign. */
  readonly votes: Map<MemberId, boolean> = new Map();

  /** Leader: who shall lead next, while a transfer runs. */
  transferee: MemberId = NO_MEMBER;
  /** Leader: no conf change may be proposed before this index is applied. */
  pendingConfIndex = 0;
  /** Leader: bytes of own proposals not committed yet. An estimate from below. */
  uncommittedBytes = 0;
  /** Leader: appends, commit indexes or read rounds may have to go out with the next Ready. */
  flushDue = false;

  messages: Message[] = [];
  readStates: ReadState[] = [];
  readonly #scratch: number[] = [];

  constructor(
    options: RaftOptions,
    hardState: HardState,
    snapshot: SnapshotMetadata,
    configuration: ConfState,
    log: RaftLog,
  ) {
    this.id = options.id;
    this.options = options;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.snapshot = snapshot;
    this.configuration = configuration;
    this.log = log;
    this.writes = new WriteQueue(hardState, log.lastIndex);
  }

  /** May campaign: votes in the configuration, and has applied the snapshot it received. */
  get promotable(): boolean {
    return isVoter(this.configuration, this.id) && this.log.applied >= this.log.baseIndex;
  }

  /** Thesis 6.4: only then does a new leader know what is committed. */
  get committedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term;
  }

  get needsWrite(): boolean {
    return this.writes.needsWrite(this.log, this.term, this.vote);
  }

  /** Sends at once: the message says nothing that could be lost with this member's disk. */
  send(message: Message): void {
    this.messages.push(message);
  }

  /** Sends once everything that is unsaved now is durable (thesis 3.8). */
  sendWhenDurable(message: Message): void {
    if (!this.writes.hold(message, this.log, this.term, this.vote)) this.messages.push(message);
  }

  becomeFollower(term: number, leader: MemberId): void {
    this.reset(term);
    this.role = 'follower';
    this.leader = leader;
  }

  /** To the start of `term`, or of another role in the present one. */
  reset(term: number): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = NO_MEMBER;
    }
    this.leader = NO_MEMBER;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTicks, random } = this.options;
    this.electionTimeout = electionTicks + Math.floor(random() * electionTicks);
    this.votes.clear();
    this.transferee = NO_MEMBER;
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.flushDue = false;
    this.reads.clear();
  }

  /** Puts a configuration in force. Members that stay keep their progress; new ones are probed from the end of the log. */
  useConfiguration(configuration: ConfState): void {
    this.configuration = configuration;
    for (const id of this.peers.keys()) if (!isMember(configuration, id)) this.peers.delete(id);
    const progressOf = (id: MemberId): Progress => {
      let progress = this.peers.get(id);
      if (progress === undefined) {
        const { maxInflightMessages, maxInflightBytes } = this.options;
        progress = new Progress(id, maxInflightMessages, maxInflightBytes);
        progress.reset(this.log.lastIndex);
        if (id === this.id) progress.match = this.writes.durableIndex;
        // Counted as alive until the next check of the quorum, or adding a member could depose the leader.
        progress.recentlyActive = true;
        this.peers.set(id, progress);
      }
      progress.learner = configuration.learners.includes(id);
      return progress;
    };
    this.voters = configuration.voters.map(progressOf);
    this.outgoing = configuration.votersOutgoing.map(progressOf);
    configuration.learners.forEach(progressOf);
  }

  /** The highest index that is durable on a quorum. */
  quorumMatch(): number {
    return this.#reached(matchOf);
  }

  /** The highest read round that a quorum confirmed. */
  quorumRound(): number {
    return this.#reached(roundOf);
  }

  /** How the present campaign stands. */
  tally(): VoteResult {
    return jointVote(
      this.#half(this.voters, (voter) => this.votes.get(voter.id)),
      this.#half(this.outgoing, (voter) => this.votes.get(voter.id)),
    );
  }

  /** Leader: a quorum was heard of since the last check. */
  quorumActive(): boolean {
    const heard = (voter: Progress): boolean => voter.id === this.id || voter.recentlyActive;
    return jointVote(this.#half(this.voters, heard), this.#half(this.outgoing, heard)) === 'won';
  }

  #reached(value: (voter: Progress) => number): number {
    const { voters, outgoing } = this;
    // The hottest case: a cluster of one.
    if (voters.length === 1 && outgoing.length === 0) return value(voters[0]!);
    if (voters.length === 0) return 0;
    const incoming = this.#majority(voters, value);
    return outgoing.length === 0 ? incoming : Math.min(incoming, this.#majority(outgoing, value));
  }

  #majority(voters: readonly Progress[], value: (voter: Progress) => number): number {
    const scratch = this.#scratch;
    scratch.length = 0;
    for (const voter of voters) scratch.push(value(voter));
    return majorityReached(scratch);
  }

  #half(voters: readonly Progress[], answer: (voter: Progress) => boolean | undefined): VoteResult {
    let granted = 0;
    let rejected = 0;
    for (const voter of voters) {
      const said = answer(voter);
      if (said === true) granted++;
      else if (said === false) rejected++;
    }
    return majorityVote(voters.length, granted, rejected);
  }
}

function matchOf(voter: Progress): number {
  return voter.match;
}

function roundOf(voter: Progress): number {
  return voter.confirmedRound;
}
