/**
 * The way of a message into the core: first its term is compared (thesis 3.3: the later term wins), then the role decides.
 */
import type { RaftCore } from './core.ts';
import { handleVoteRequest, handleVoteResponse, startCampaign } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot, nudge } from './follower.ts';
import { handleAppendResponse, handleForwarded, handleHeartbeatResponse, transferTo } from './leader.ts';
import type { Message } from './types.ts';
import { NO_MEMBER } from './types.ts';

export function step(core: RaftCore, message: Message): void {
  // These two carry no term: they are questions to whoever leads.
  if (message.type === 'propose' || message.type === 'read-index') {
    stepRequest(core, message);
    return;
  }
  if (message.term === 0) return;
  if (message.term > core.term) {
    if (!stepLaterTerm(core, message)) return;
  } else if (message.term < core.term) {
    stepEarlierTerm(core, message);
    return;
  }
  stepInTerm(core, message);
}

function stepRequest(core: RaftCore, message: Extract<Message, { type: 'propose' | 'read-index' }>): void {
  if (core.role === 'leader') {
    if (message.type === 'propose') {
      handleForwarded(core, message.entries);
    } else {
      core.reads.add(message);
      core.flushDue = true;
    }
  } else if (core.leader !== NO_MEMBER && core.leader !== message.from) {
    // The sender took this member for the leader. `from` stays: it gets the answer.
    core.send({ ...message, to: core.leader });
  }
}

/** Follows the later term where that is right; false if the message is to be ignored. */
function stepLaterTerm(core: RaftCore, message: Message): boolean {
  switch (message.type) {
    case 'vote':
    case 'pre-vote':
      // Thesis 4.2.3: while a leader is heard of, no one else is helped to depose it, unless it asked for that itself.
      if (!message.transfer && hearsLeader(core)) return false;
      if (message.type === 'vote') core.becomeFollower(message.term, NO_MEMBER);
      return true;
    case 'pre-vote-response':
      // A grant carries the term to campaign for; only a rejection tells the sender's own.
      if (message.reject) core.becomeFollower(message.term, NO_MEMBER);
      return true;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      core.becomeFollower(message.term, message.from);
      return true;
    default:
      core.becomeFollower(message.term, NO_MEMBER);
      return true;
  }
}

function hearsLeader(core: RaftCore): boolean {
  const { checkQuorum, electionTicks } = core.options;
  return checkQuorum && core.leader !== NO_MEMBER && core.electionElapsed < electionTicks;
}

function stepEarlierTerm(core: RaftCore, message: Message): void {
  const { checkQuorum, preVote } = core.options;
  if (message.type === 'append' || message.type === 'heartbeat') {
    if (checkQuorum || preVote) nudge(core, message);
  } else if (message.type === 'pre-vote') {
    // Ignored, a member with a shorter log and a later term could keep the others from electing anyone.
    core.send({
      type: 'pre-vote-response',
      from: core.id,
      to: message.from,
      term: core.term,
      reject: true,
    });
  }
}

function stepInTerm(core: RaftCore, message: Exclude<Message, { type: 'propose' | 'read-index' }>): void {
  switch (message.type) {
    case 'vote':
    case 'pre-vote':
      handleVoteRequest(core, message);
      return;
    case 'vote-response':
    case 'pre-vote-response':
      if (core.role === 'candidate' || core.role === 'pre-candidate') handleVoteResponse(core, message);
      return;
    case 'append':
      if (followSender(core, message)) handleAppend(core, message);
      return;
    case 'heartbeat':
      if (followSender(core, message)) handleHeartbeat(core, message);
      return;
    case 'snapshot':
      if (followSender(core, message)) handleSnapshot(core, message);
      return;
    case 'append-response':
    case 'heartbeat-response': {
      const peer = core.role === 'leader' ? core.peers.get(message.from) : undefined;
      if (peer === undefined || peer.id === core.id) return;
      if (message.type === 'append-response') handleAppendResponse(core, peer, message);
      else handleHeartbeatResponse(core, peer, message.context);
      return;
    }
    case 'read-index-response':
      if (core.role === 'follower') {
        core.readStates.push({ index: message.index, context: message.context });
      }
      return;
    case 'transfer-leader':
      if (core.role === 'leader') transferTo(core, message.transferee);
      else if (core.leader !== NO_MEMBER) core.send({ ...message, to: core.leader });
      return;
    case 'timeout-now':
      if (core.role === 'follower') startCampaign(core, 'transfer');
      return;
    default:
      unreachable(message);
  }
}

/** Whoever sends as leader in this term leads in it. False on a leader: two in one term cannot be, the message is a forgery. */
function followSender(core: RaftCore, message: Message): boolean {
  if (core.role === 'leader') return false;
  if (core.role === 'follower') {
    core.electionElapsed = 0;
    core.leader = message.from;
  } else {
    core.becomeFollower(message.term, message.from);
  }
  return true;
}

function unreachable(message: never): never {
  throw new TypeError(`unknown message ${JSON.stringify(message)}`);
}
