/**
 * The consensus core as its users see it: checks what comes in, lets the roles work, and packs what they left behind into
 * Readies. The contract is in node.ts.
 */
import { encodeConfChange, encodeConfChangeV2 } from '../wire/raftpb.ts';
import { changeConfiguration, checkedConfState, isVoter } from './configuration.ts';
import { RaftCore } from './core.ts';
import { ownVoteDurable, startCampaign } from './election.ts';
import { InvariantError, invariant } from './invariant.ts';
import {
  configurationChanged,
  leaveJointIfDue,
  ownLogDurable,
  peerUnreachable,
  proposeConfChange,
  proposeData,
  snapshotReported,
  tickLeader,
  transferTo,
} from './leader.ts';
import type { RaftInitialState, RaftNode, RaftOptions, RaftStatus } from './node.ts';
import { RaftLog } from './raft-log.ts';
import { flush } from './replication.ts';
import { step } from './step.ts';
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  MemberId,
  Message,
  ProposeOutcome,
  Ready,
  Role,
  SnapshotMetadata,
} from './types.ts';
import { NO_MEMBER } from './types.ts';

/** Throws a RangeError for options that make no sense and an InvariantError for a state that no member can have left behind. */
export function createRaftNode(options: RaftOptions, initial: RaftInitialState): RaftNode {
  checkOptions(options);
  return new Node(options, initial);
}

const ACCEPTED: ProposeOutcome = { ok: true };
const NO_LEADER: ProposeOutcome = { ok: false, reason: 'no-leader' };

class Node implements RaftNode {
  readonly #core: RaftCore;
  /** As the last Ready told it. */
  #toldRole: Role = 'follower';
  #toldLeader: MemberId = NO_MEMBER;
  #toldTerm: number;

  constructor(options: RaftOptions, initial: RaftInitialState) {
    const { hardState, snapshot, entries, applied } = initial;
    const log = new RaftLog(snapshot.index, snapshot.term, entries);
    if (applied < snapshot.index || applied > log.lastIndex || hardState.commit > log.lastIndex) {
      throw new InvariantError(
        `the log holds entries ${log.firstIndex} to ${log.lastIndex}, which does not fit commit index ` +
          `${hardState.commit} and applied index ${applied}: the log was truncated or lost`,
      );
    }
    // Commit indexes are written lazily; what is applied was committed, and so was every conf change but the last.
    log.commit = Math.max(snapshot.index, hardState.commit, applied, log.confChangesSettledTo());
    log.handedOut = applied;
    log.applied = applied;
    const configuration = checkedConfState(initial.confState);
    this.#core = new RaftCore(options, hardState, snapshot, configuration, log);
    this.#core.useConfiguration(configuration);
    // A write cut short by a crash may have left entries without the term that came behind them. No vote was given in it.
    const term = Math.max(hardState.term, log.lastTerm);
    this.#core.becomeFollower(term, NO_MEMBER);
    this.#toldTerm = term;
  }

  get leader(): MemberId {
    return this.#core.leader;
  }

  get role(): Role {
    return this.#core.role;
  }

  get term(): number {
    return this.#core.term;
  }

  get commit(): number {
    return this.#core.log.commit;
  }

  get lastIndex(): number {
    return this.#core.log.lastIndex;
  }

  get firstIndex(): number {
    return this.#core.log.firstIndex;
  }

  get durableIndex(): number {
    return this.#core.writes.durableIndex;
  }

  get configuration(): ConfState {
    return this.#core.configuration;
  }

  termAt(index: number): number | undefined {
    return this.#core.log.termAt(index);
  }

  tick(): void {
    const core = this.#core;
    if (core.role === 'leader') {
      tickLeader(core);
      return;
    }
    core.electionElapsed++;
    if (core.electionElapsed >= core.electionTimeout && core.promotable) {
      core.electionElapsed = 0;
      this.campaign();
    }
  }

  step(message: Message): void {
    if (message.to === this.#core.id) step(this.#core, message);
  }

  propose(data: readonly Uint8Array[]): ProposeOutcome {
    const core = this.#core;
    if (core.role === 'leader') return proposeData(core, data);
    if (core.leader === NO_MEMBER) return NO_LEADER;
    if (data.length > 0) {
      const entries = data.map((one) => ({ type: 'normal', data: one }) as const);
      core.send({ type: 'propose', from: core.id, to: core.leader, term: 0, entries });
    }
    return ACCEPTED;
  }

  proposeConfChange(change: ConfChange | ConfChangeV2): ProposeOutcome {
    const core = this.#core;
    const v2 = 'transition' in change;
    const data = v2 ? encodeConfChangeV2(change) : encodeConfChange(change);
    const type = v2 ? 'conf-change-v2' : 'conf-change';
    if (core.role === 'leader') return proposeConfChange(core, type, change, data);
    if (core.leader === NO_MEMBER) return NO_LEADER;
    core.send({ type: 'propose', from: core.id, to: core.leader, term: 0, entries: [{ type, data }] });
    return ACCEPTED;
  }

  readIndex(context: Uint8Array): void {
    const core = this.#core;
    step(core, { type: 'read-index', from: core.id, to: core.id, term: 0, context });
  }

  campaign(): void {
    startCampaign(this.#core, this.#core.options.preVote ? 'pre-election' : 'election');
  }

  transferLeadership(to: MemberId): void {
    const core = this.#core;
    if (core.role === 'leader') {
      transferTo(core, to);
    } else if (core.leader !== NO_MEMBER) {
      const { id, leader, term } = core;
      core.send({ type: 'transfer-leader', from: id, to: leader, term, transferee: to });
    }
  }

  reportUnreachable(id: MemberId): void {
    if (this.#core.role === 'leader') peerUnreachable(this.#core, id);
  }

  reportSnapshot(id: MemberId, sent: boolean): void {
    if (this.#core.role === 'leader') snapshotReported(this.#core, id, sent);
  }

  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    const core = this.#core;
    core.useConfiguration(changeConfiguration(core.configuration, change));
    if (core.role === 'leader') {
      configurationChanged(core);
      if (!isVoter(core.configuration, core.id)) this.#succeed();
    }
    return core.configuration;
  }

  /** A leader that was removed leads on for an election timeout, so that the others learn of it, and names who is furthest. */
  #succeed(): void {
    const core = this.#core;
    core.electionElapsed = 0;
    // The commit index first, then the word to campaign.
    flush(core);
    let best: MemberId = NO_MEMBER;
    let match = -1;
    for (const voter of core.voters) {
      if (voter.recentlyActive && voter.match > match) {
        best = voter.id;
        match = voter.match;
      }
    }
    if (best !== NO_MEMBER) transferTo(core, best);
  }

  hasReady(): boolean {
    const core = this.#core;
    return (
      core.flushDue ||
      core.messages.length > 0 ||
      core.log.handedOut < core.log.commit ||
      core.needsWrite ||
      core.readStates.length > 0 ||
      this.#softStateChanged()
    );
  }

  ready(): Ready {
    const core = this.#core;
    if (core.flushDue) flush(core);
    const { role, leader, term, messages, readStates } = core;
    const softState = this.#softStateChanged() ? { role, leader, term } : undefined;
    this.#toldRole = role;
    this.#toldLeader = leader;
    this.#toldTerm = term;
    const persist = core.needsWrite ? core.writes.take(core.log, term, core.vote) : undefined;
    // What follows a received snapshot waits for the next Ready, so that the snapshot is applied first.
    const committed =
      persist?.snapshot === undefined ? core.log.takeCommitted(core.options.maxCommittedBytesPerReady) : [];
    if (messages.length > 0) core.messages = [];
    if (readStates.length > 0) core.readStates = [];
    return { softState, persist, messages, committed, readStates };
  }

  persisted(sequence: number): void {
    const core = this.#core;
    const released = core.writes.persisted(sequence);
    if (core.role === 'leader') ownLogDurable(core);
    for (const { term, message } of released) {
      if (term !== core.term) continue;
      if (message === undefined) ownVoteDurable(core);
      else core.send(message);
    }
  }

  applied(index: number): void {
    const core = this.#core;
    core.log.appliedTo(index);
    if (core.restored !== undefined && index >= core.restored.index) {
      core.useConfiguration(core.restored.confState);
      core.restored = undefined;
    }
    if (core.role === 'leader') leaveJointIfDue(core);
  }

  compact(metadata: SnapshotMetadata, compactIndex: number): void {
    const core = this.#core;
    invariant(metadata.index <= core.log.applied, 'snapshot beyond what is applied');
    invariant(compactIndex <= metadata.index, 'compaction beyond the snapshot');
    if (metadata.index < core.snapshot.index) return;
    core.snapshot = metadata;
    core.log.compactTo(compactIndex);
  }

  status(): RaftStatus {
    const core = this.#core;
    const { id, role, leader, term, vote, transferee, configuration, log } = core;
    const progress = new Map<
      MemberId,
      RaftStatus['progress'] extends ReadonlyMap<bigint, infer P> ? P : never
    >();
    if (role === 'leader') {
      for (const { id: peer, match, next, state, recentlyActive, learner } of core.peers.values()) {
        progress.set(peer, { match, next, state, recentlyActive, learner });
      }
    }
    const { commit, applied, lastIndex } = log;
    return {
      id,
      role,
      leader,
      term,
      vote,
      commit,
      applied,
      lastIndex,
      confState: configuration,
      transferee,
      progress,
    };
  }

  #softStateChanged(): boolean {
    const { role, leader, term } = this.#core;
    return role !== this.#toldRole || leader !== this.#toldLeader || term !== this.#toldTerm;
  }
}

const COUNTS = ['electionTicks', 'heartbeatTicks', 'maxMessageBytes', 'maxInflightMessages'] as const;
const SIZES = ['maxInflightBytes', 'maxUncommittedBytes', 'maxCommittedBytesPerReady'] as const;

function checkOptions(options: RaftOptions): void {
  if (options.id === NO_MEMBER) throw new RangeError('raft: the id 0 stands for no member');
  for (const name of COUNTS) {
    const value = options[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`raft: ${name} must be a positive whole number, not ${value}`);
    }
  }
  for (const name of SIZES) {
    if (!(options[name] > 0)) throw new RangeError(`raft: ${name} must be positive, not ${options[name]}`);
  }
  if (options.electionTicks <= options.heartbeatTicks) {
    throw new RangeError('raft: electionTicks must be greater than heartbeatTicks');
  }
}
