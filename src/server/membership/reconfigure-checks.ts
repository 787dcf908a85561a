/**
 * `--strict-reconfig-check`: changes that would cost the cluster its quorum are refused before they are proposed. Pure.
 * A member counts as started once it has published its name.
 */
import type { MemberId } from '../../raft/types.ts';
import type { Member, ServerErrorCode } from '../contract.ts';

/** How long a peer must have been reachable without a break to count as healthy. */
export const HEALTH_INTERVAL_MS = 5_000;

/** What this member sees of the others. */
export interface Reachability {
  readonly self: MemberId;
  readonly nowMs: number;
  /** As PeerNetwork.activeSinceMs. */
  activeSinceMs(id: MemberId): number | undefined;
}

export function checkAdd(
  voters: readonly Member[],
  isLearner: boolean,
  reachability: Reachability,
): ServerErrorCode | undefined {
  if (!isLearner && !quorumStarted(voters, 0)) return 'not-enough-started-members';
  return connectedCount(voters, reachability) === voters.length ? undefined : 'unhealthy';
}

export function checkPromote(voters: readonly Member[]): ServerErrorCode | undefined {
  return quorumStarted(voters, 1) ? undefined : 'not-enough-started-members';
}

export function checkRemove(
  member: Member | undefined,
  id: MemberId,
  voters: readonly Member[],
  reachability: Reachability,
): ServerErrorCode | undefined {
  if (member?.isLearner) return undefined;
  const remaining = voters.filter((voter) => voter.id !== id);
  if (startedCount(remaining) < quorumOf(remaining.length)) return 'not-enough-started-members';
  // One that is down is no part of the active quorum: removing it can only help.
  if (id !== reachability.self && reachability.activeSinceMs(id) === undefined) return undefined;
  const active = connectedCount(voters, reachability);
  return active - 1 < 1 + Math.floor((voters.length - 1) / 2) ? 'unhealthy' : undefined;
}

/** With one more voter, of which `startedExtra` is known to run, is a quorum of the new configuration started? */
function quorumStarted(voters: readonly Member[], startedExtra: 0 | 1): boolean {
  const started = startedCount(voters) + startedExtra;
  const total = voters.length + 1;
  // A single member must be able to grow, though the newcomer can't have started yet.
  if (startedExtra === 0 && started === 1 && total === 2) return true;
  return started >= quorumOf(total);
}

function startedCount(members: readonly Member[]): number {
  return members.filter((member) => member.name !== '').length;
}

function quorumOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Members, this one included, that have been reachable for the whole health interval. */
function connectedCount(members: readonly Member[], reachability: Reachability): number {
  const since = reachability.nowMs - HEALTH_INTERVAL_MS;
  return members.filter((member) => {
    if (member.id === reachability.self) return true;
    const activeSince = reachability.activeSinceMs(member.id);
    return activeSince !== undefined && activeSince < since;
  }).length;
}
