/**
 * Campaigns and votes (thesis 3.4, 3.6.1, 4.2.3, 9.6).
 *
 *   follower --timeout--> pre-candidate --quorum would vote--> candidate --quorum voted--> leader
 *      \________________ timeout-now: a leadership transfer _____/
 *
 * A pre-campaign changes nothing that must be durable and so waits for no disk. A real campaign asks for votes only when the
 * candidate's own term, vote and log are durable: else it could crash, come back with a shorter log in the same term, and win by
 * votes that were given to the longer one.
 */
import type { RaftCore } from './core.ts';
import { becomeLeader } from './leader.ts';
import type { MemberId, Message } from './types.ts';
import { NO_MEMBER } from './types.ts';

export type CampaignKind = 'pre-election' | 'election' | 'transfer';

type VoteRequest = Extract<Message, { type: 'vote' | 'pre-vote' }>;
type VoteResponse = Extract<Message, { type: 'vote-response' | 'pre-vote-response' }>;

/** Campaigns unless this member leads already or must not: no voter, or a configuration change is committed but not applied. */
export function startCampaign(core: RaftCore, kind: CampaignKind): void {
  if (core.role === 'leader' || !core.promotable) return;
  if (core.log.hasConfChange(core.log.applied + 1, core.log.commit)) return;
  if (kind === 'pre-election') preCampaign(core);
  else campaign(core, kind === 'transfer');
}

function preCampaign(core: RaftCore): void {
  core.becomeFollower(core.term, NO_MEMBER);
  core.role = 'pre-candidate';
  for (const id of otherVoters(core)) core.send(voteRequest(core, id, 'pre-vote', core.term + 1, false));
  countVote(core, core.id, true);
}

function campaign(core: RaftCore, transfer: boolean): void {
  core.reset(core.term + 1);
  core.role = 'candidate';
  core.vote = core.id;
  for (const id of otherVoters(core)) {
    core.sendWhenDurable(voteRequest(core, id, 'vote', core.term, transfer));
  }
  if (!core.writes.hold(undefined, core.log, core.term, core.vote)) countVote(core, core.id, true);
}

/** The candidate's own vote is durable. */
export function ownVoteDurable(core: RaftCore): void {
  if (core.role === 'candidate') countVote(core, core.id, true);
}

/** Answers a request of the present term, or a pre-vote for a later one. */
export function handleVoteRequest(core: RaftCore, request: VoteRequest): void {
  const preVote = request.type === 'pre-vote';
  const free =
    core.vote === request.from ||
    (core.vote === NO_MEMBER && core.leader === NO_MEMBER) ||
    (preVote && request.term > core.term);
  // A learner votes too: it may be a voter by now and not know it yet.
  const granted = free && core.log.isUpToDate(request.lastIndex, request.lastTerm);
  if (preVote) {
    core.send({
      type: 'pre-vote-response',
      from: core.id,
      to: request.from,
      // The asker's term when granted: an own one that is behind would be ignored there.
      term: granted ? request.term : core.term,
      reject: !granted,
    });
    return;
  }
  if (granted) {
    core.electionElapsed = 0;
    core.vote = request.from;
  }
  core.sendWhenDurable({
    type: 'vote-response',
    from: core.id,
    to: request.from,
    term: core.term,
    reject: !granted,
  });
}

export function handleVoteResponse(core: RaftCore, response: VoteResponse): void {
  const mine = core.role === 'pre-candidate' ? 'pre-vote-response' : 'vote-response';
  if (response.type !== mine) return;
  // A grant left over from an earlier pre-campaign.
  if (mine === 'pre-vote-response' && !response.reject && response.term !== core.term + 1) return;
  countVote(core, response.from, !response.reject);
}

function countVote(core: RaftCore, from: MemberId, granted: boolean): void {
  if (!core.votes.has(from)) core.votes.set(from, granted);
  const result = core.tally();
  if (result === 'won') {
    if (core.role === 'pre-candidate') campaign(core, false);
    else becomeLeader(core);
  } else if (result === 'lost') {
    core.becomeFollower(core.term, NO_MEMBER);
  }
}

function otherVoters(core: RaftCore): Set<MemberId> {
  const { voters, votersOutgoing } = core.configuration;
  const ids = new Set([...voters, ...votersOutgoing]);
  ids.delete(core.id);
  return ids;
}

function voteRequest(
  core: RaftCore,
  to: MemberId,
  type: 'vote' | 'pre-vote',
  term: number,
  transfer: boolean,
): VoteRequest {
  const { lastIndex, lastTerm } = core.log;
  return { type, from: core.id, to, term, lastIndex, lastTerm, transfer };
}
