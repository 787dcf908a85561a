/**
 * A leader's duties: take proposals, follow each member's progress, commit what a quorum holds, hand leadership over. Sending
 * is in replication.ts.
 *
 * Invariants: the log is only appended to; an entry is committed by counting only if it is of the current term (thesis 3.6.2);
 * at most one configuration change is neither applied nor refused (thesis 4.1).
 */

import { DecodeError } from '../wire/protobuf.ts';
import { decodeConfChange, decodeConfChangeV2 } from '../wire/raftpb.ts';
import { ConfChangeError, changeConfiguration, isVoter } from './configuration.ts';
import { EMPTY_BYTES, type RaftCore } from './core.ts';
import { InvariantError } from './invariant.ts';
import type { Progress } from './progress.ts';
import { decodeRound } from './read-index.ts';
import { answerConfirmedReads, broadcastHeartbeats } from './replication.ts';
import type { ConfChange, ConfChangeV2, EntryType, MemberId, Message, ProposeOutcome } from './types.ts';
import { NO_MEMBER } from './types.ts';

type AppendResponse = Extract<Message, { type: 'append-response' }>;
type Proposal = { readonly type: EntryType; readonly data: Uint8Array };

const ACCEPTED: ProposeOutcome = { ok: true };

export function becomeLeader(core: RaftCore): void {
  core.reset(core.term);
  core.role = 'leader';
  core.leader = core.id;
  for (const peer of core.peers.values()) {
    peer.reset(core.log.lastIndex);
    if (peer.id === core.id) {
      peer.match = core.writes.durableIndex;
      peer.becomeReplicate();
      peer.recentlyActive = true;
    }
  }
  // There may be a conf change in the uncommitted tail; to wait for all of it is cheaper than to look.
  core.pendingConfIndex = core.log.lastIndex;
  append(core, 'normal', EMPTY_BYTES);
}

export function tickLeader(core: RaftCore): void {
  core.heartbeatElapsed++;
  core.electionElapsed++;
  if (core.electionElapsed >= core.options.electionTicks) {
    core.electionElapsed = 0;
    checkQuorum(core);
    if (core.role !== 'leader') return;
    // A transfer that has not succeeded within an election timeout is given up (thesis 3.10).
    if (core.transferee !== NO_MEMBER) abortTransfer(core);
  }
  if (core.heartbeatElapsed >= core.options.heartbeatTicks) {
    core.heartbeatElapsed = 0;
    broadcastHeartbeats(core);
  }
}

/** Steps down without a quorum (thesis 6.2), or when it is no voter any more and had its time to say so (thesis 4.2.2). */
function checkQuorum(core: RaftCore): void {
  const deposed = !isVoter(core.configuration, core.id);
  if (deposed || (core.options.checkQuorum && !core.quorumActive())) {
    core.becomeFollower(core.term, NO_MEMBER);
    return;
  }
  for (const peer of core.peers.values()) if (peer.id !== core.id) peer.recentlyActive = false;
}

/** Why proposals are refused now, if they are. */
function refusal(core: RaftCore): ProposeOutcome | undefined {
  if (!isVoter(core.configuration, core.id)) return { ok: false, reason: 'not-in-configuration' };
  if (core.transferee !== NO_MEMBER) return { ok: false, reason: 'leader-transfer-in-progress' };
  return undefined;
}

export function proposeData(core: RaftCore, data: readonly Uint8Array[]): ProposeOutcome {
  const refused = refusal(core);
  if (refused !== undefined) return refused;
  let bytes = 0;
  for (const one of data) bytes += one.length;
  if (!reserve(core, bytes)) return { ok: false, reason: 'too-many-uncommitted-bytes' };
  for (const one of data) append(core, 'normal', one);
  return ACCEPTED;
}

/** `data` is the encoded `change`. */
export function proposeConfChange(
  core: RaftCore,
  type: 'conf-change' | 'conf-change-v2',
  change: ConfChange | ConfChangeV2,
  data: Uint8Array,
): ProposeOutcome {
  const refused = refusal(core) ?? confChangeRefusal(core, change);
  if (refused !== undefined) return refused;
  if (!reserve(core, data.length)) return { ok: false, reason: 'too-many-uncommitted-bytes' };
  append(core, type, data);
  core.pendingConfIndex = core.log.lastIndex;
  return ACCEPTED;
}

function confChangeRefusal(core: RaftCore, change: ConfChange | ConfChangeV2): ProposeOutcome | undefined {
  if (core.pendingConfIndex > core.log.applied) return { ok: false, reason: 'conf-change-in-progress' };
  // No other change can come in between, so what is allowed now is allowed when it is applied.
  try {
    changeConfiguration(core.configuration, change);
    return undefined;
  } catch (error) {
    if (error instanceof ConfChangeError) return { ok: false, reason: 'conf-change-not-allowed' };
    throw error;
  }
}

/** Proposals that another member forwarded: no one hears of a refusal, the proposer's time runs out. */
export function handleForwarded(core: RaftCore, proposals: readonly Proposal[]): void {
  if (refusal(core) !== undefined) return;
  let bytes = 0;
  for (const { data } of proposals) bytes += data.length;
  if (!reserve(core, bytes)) return;
  for (const { type, data } of proposals) {
    if (type === 'normal') {
      append(core, type, data);
      continue;
    }
    const change = decodeChange(type, data);
    if (change === undefined || confChangeRefusal(core, change) !== undefined) {
      // As etcd does: an empty entry takes the place of a change that cannot be.
      append(core, 'normal', EMPTY_BYTES);
    } else {
      append(core, type, data);
      core.pendingConfIndex = core.log.lastIndex;
    }
  }
}

function decodeChange(
  type: 'conf-change' | 'conf-change-v2',
  data: Uint8Array,
): ConfChange | ConfChangeV2 | undefined {
  try {
    return type === 'conf-change' ? decodeConfChange(data) : decodeConfChangeV2(data);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** One proposal larger than the limit passes while nothing else is uncommitted. Empty ones always pass. */
function reserve(core: RaftCore, bytes: number): boolean {
  const { uncommittedBytes } = core;
  if (uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > core.options.maxUncommittedBytes) {
    return false;
  }
  core.uncommittedBytes = uncommittedBytes + bytes;
  return true;
}

function append(core: RaftCore, type: EntryType, data: Uint8Array): void {
  const { log } = core;
  log.append({ index: log.lastIndex + 1, term: core.term, type, data });
  core.flushDue = true;
}

/** This member's own disk caught up. */
export function ownLogDurable(core: RaftCore): void {
  if (core.peers.get(core.id)?.accepted(core.writes.durableIndex)) advanceCommit(core);
}

/** Commits what a quorum holds; the new index goes out with the next flush. */
export function advanceCommit(core: RaftCore): void {
  const { log } = core;
  const reached = core.quorumMatch();
  if (reached <= log.commit || log.termAt(reached) !== core.term) return;
  if (core.uncommittedBytes > 0) {
    let bytes = 0;
    for (let index = log.commit + 1; index <= reached; index++) bytes += log.at(index).data.length;
    core.uncommittedBytes = Math.max(0, core.uncommittedBytes - bytes);
  }
  log.commitTo(reached);
  core.flushDue = true;
}

export function handleAppendResponse(core: RaftCore, peer: Progress, response: AppendResponse): void {
  const { log } = core;
  peer.recentlyActive = true;
  if (response.reject) {
    // With the refusing log's term at the hint, a whole term of ours is skipped at a time (thesis 3.5, last paragraph).
    const hint =
      response.hintTerm > 0
        ? log.lastPossibleMatch(response.rejectHint, response.hintTerm)
        : response.rejectHint;
    if (peer.refused(response.index, hint)) {
      peer.probeDue = true;
      core.flushDue = true;
    }
    return;
  }
  // No honest follower acknowledges what was never sent.
  if (response.index > log.lastIndex) return;
  const moved = peer.accepted(response.index);
  if (!moved && !(peer.state === 'probe' && peer.match === response.index && response.index > 0)) return;
  if (peer.state === 'replicate') {
    peer.inflights.freeTo(response.index);
  } else if (peer.state === 'probe' || peer.match + 1 >= log.firstIndex) {
    peer.becomeReplicate();
  }
  advanceCommit(core);
  core.flushDue = true;
  if (peer.id === core.transferee) continueTransfer(core, peer);
}

export function handleHeartbeatResponse(core: RaftCore, peer: Progress, context: Uint8Array): void {
  peer.recentlyActive = true;
  peer.paused = false;
  if (peer.match < core.log.lastIndex || peer.state === 'probe') {
    peer.probeDue = true;
    core.flushDue = true;
  }
  // The word to campaign was lost, or came before the other could follow it.
  if (peer.id === core.transferee) continueTransfer(core, peer);
  if (!core.reads.hasRounds) return;
  const round = decodeRound(context);
  if (round > peer.confirmedRound && round <= core.reads.lastRound) {
    peer.confirmedRound = round;
    answerConfirmedReads(core);
  }
}

export function peerUnreachable(core: RaftCore, id: MemberId): void {
  const peer = core.peers.get(id);
  // Appends in flight are probably lost.
  if (peer?.state === 'replicate') peer.becomeProbe();
}

export function snapshotReported(core: RaftCore, id: MemberId, sent: boolean): void {
  const peer = core.peers.get(id);
  if (peer?.state !== 'snapshot') return;
  if (sent) peer.becomeProbe();
  else peer.snapshotFailed();
  // If it was sent its acknowledgement comes before the next append; if not, the next heartbeat is soon enough to try again.
  peer.paused = true;
}

/** Hands leadership to `transferee` (thesis 3.10): proposals stop, the log is brought up to date, and it is told to campaign. */
export function transferTo(core: RaftCore, transferee: MemberId): void {
  if (transferee === core.transferee || !isVoter(core.configuration, transferee)) return;
  if (transferee === core.id) {
    if (core.transferee !== NO_MEMBER) abortTransfer(core);
    return;
  }
  const peer = core.peers.get(transferee);
  if (peer === undefined) throw new InvariantError('a voter has no progress');
  core.electionElapsed = 0;
  core.transferee = transferee;
  peer.probeDue = true;
  core.flushDue = true;
  continueTransfer(core, peer);
}

function continueTransfer(core: RaftCore, peer: Progress): void {
  if (peer.match !== core.log.lastIndex) return;
  core.send({ type: 'timeout-now', from: core.id, to: peer.id, term: core.term });
}

function abortTransfer(core: RaftCore): void {
  core.transferee = NO_MEMBER;
  leaveJointIfDue(core);
}

/** The configuration changed while leading. */
export function configurationChanged(core: RaftCore): void {
  core.flushDue = true;
  advanceCommit(core);
  answerConfirmedReads(core);
  if (core.transferee !== NO_MEMBER && !isVoter(core.configuration, core.transferee)) abortTransfer(core);
}

/** Entries were applied while leading: a joint configuration that is to end by itself ends now (thesis 4.3). */
export function leaveJointIfDue(core: RaftCore): void {
  if (!core.configuration.autoLeave || core.log.applied < core.pendingConfIndex) return;
  if (refusal(core) !== undefined) return;
  append(core, 'conf-change-v2', EMPTY_BYTES);
  core.pendingConfIndex = core.log.lastIndex;
}
