/**
 * Who is a voter and who a learner, and how a change turns one configuration into the next (thesis 4). Configurations are
 * values: ConfStates with sorted ids.
 *
 * Invariants: a member is in at most one of voters and learners; learnersNext is within votersOutgoing and outside of voters;
 * votersOutgoing, learnersNext and autoLeave are empty unless a joint configuration is in force.
 */
import type { ConfChange, ConfChangeType, ConfChangeV2, ConfState, MemberId } from './types.ts';

/** A change that the configuration in force does not allow. Nothing was changed. */
export class ConfChangeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfChangeError';
  }
}

export const EMPTY_CONF_STATE: ConfState = Object.freeze({
  voters: Object.freeze([]),
  learners: Object.freeze([]),
  votersOutgoing: Object.freeze([]),
  learnersNext: Object.freeze([]),
  autoLeave: false,
});

export function isJoint(state: ConfState): boolean {
  return state.votersOutgoing.length > 0;
}

/** Votes in one half or both. */
export function isVoter(state: ConfState, id: MemberId): boolean {
  return state.voters.includes(id) || state.votersOutgoing.includes(id);
}

export function isMember(state: ConfState, id: MemberId): boolean {
  return isVoter(state, id) || state.learners.includes(id);
}

export function memberIds(state: ConfState): MemberId[] {
  return sorted(new Set([...state.voters, ...state.votersOutgoing, ...state.learners]));
}

export function asConfChangeV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if ('transition' in change) return change;
  return {
    transition: 'auto',
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** True for the change that ends a joint configuration: no changes at all. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === 'auto' && change.changes.length === 0;
}

/** The configuration after `change`; throws a ConfChangeError if the one in force does not allow it. */
export function changeConfiguration(state: ConfState, change: ConfChange | ConfChangeV2): ConfState {
  const v2 = asConfChangeV2(change);
  if (leavesJoint(v2)) return leaveJoint(state);
  if (v2.transition !== 'auto' || v2.changes.length > 1) {
    return enterJoint(state, v2.changes, v2.transition !== 'joint-explicit');
  }
  if (isJoint(state)) {
    throw new ConfChangeError('a simple configuration change within a joint configuration');
  }
  const draft = draftOf(state);
  applyAll(draft, v2.changes);
  const after = finish(draft, false);
  if (symmetricDifference(state.voters, after.voters) > 1) {
    throw new ConfChangeError('more than one voter changed without a joint configuration');
  }
  return after;
}

/** A configuration read from disk or from a peer, sorted; throws a ConfChangeError if it contradicts itself. */
export function checkedConfState(state: ConfState): ConfState {
  const draft = draftOf(state);
  const total = draft.voters.size + draft.learners.size + draft.outgoing.size + draft.next.size;
  const given =
    state.voters.length + state.learners.length + state.votersOutgoing.length + state.learnersNext.length;
  const consistent =
    total === given &&
    [...draft.learners].every((id) => !draft.voters.has(id) && !draft.outgoing.has(id)) &&
    [...draft.next].every((id) => draft.outgoing.has(id) && !draft.voters.has(id)) &&
    (draft.outgoing.size > 0 || !state.autoLeave) &&
    (draft.voters.size > 0 || (draft.outgoing.size === 0 && draft.learners.size === 0));
  if (!consistent) throw new ConfChangeError('the stored configuration contradicts itself');
  return snapshotOf(draft, state.autoLeave);
}

interface Draft {
  readonly voters: Set<MemberId>;
  readonly learners: Set<MemberId>;
  readonly outgoing: Set<MemberId>;
  readonly next: Set<MemberId>;
}

type Change = { readonly type: ConfChangeType; readonly nodeId: MemberId };

function draftOf(state: ConfState): Draft {
  return {
    voters: new Set(state.voters),
    learners: new Set(state.learners),
    outgoing: new Set(state.votersOutgoing),
    next: new Set(state.learnersNext),
  };
}

function enterJoint(state: ConfState, changes: readonly Change[], autoLeave: boolean): ConfState {
  if (isJoint(state)) throw new ConfChangeError('a joint configuration is in force already');
  if (state.voters.length === 0)
    throw new ConfChangeError('a joint configuration needs voters to begin with');
  const draft = draftOf(state);
  for (const id of draft.voters) draft.outgoing.add(id);
  applyAll(draft, changes);
  return finish(draft, autoLeave);
}

function leaveJoint(state: ConfState): ConfState {
  if (!isJoint(state)) throw new ConfChangeError('no joint configuration to leave');
  const draft = draftOf(state);
  for (const id of draft.next) draft.learners.add(id);
  draft.next.clear();
  draft.outgoing.clear();
  return finish(draft, false);
}

function applyAll(draft: Draft, changes: readonly Change[]): void {
  for (const { type, nodeId } of changes) {
    // etcd's servers void a change that they refuse while applying by setting its member to 0.
    if (nodeId === 0n) continue;
    if (type === 'add-node') {
      draft.learners.delete(nodeId);
      draft.next.delete(nodeId);
      draft.voters.add(nodeId);
    } else if (type === 'add-learner-node') {
      draft.voters.delete(nodeId);
      // A voter of the outgoing half stays one until that half is left (thesis 4.3).
      if (draft.outgoing.has(nodeId)) draft.next.add(nodeId);
      else draft.learners.add(nodeId);
    } else if (type === 'remove-node') {
      draft.voters.delete(nodeId);
      draft.learners.delete(nodeId);
      draft.next.delete(nodeId);
    }
  }
}

function finish(draft: Draft, autoLeave: boolean): ConfState {
  if (draft.voters.size === 0) throw new ConfChangeError('all voters removed');
  return snapshotOf(draft, autoLeave);
}

function snapshotOf(draft: Draft, autoLeave: boolean): ConfState {
  return {
    voters: sorted(draft.voters),
    learners: sorted(draft.learners),
    votersOutgoing: sorted(draft.outgoing),
    learnersNext: sorted(draft.next),
    autoLeave,
  };
}

function sorted(ids: ReadonlySet<MemberId>): MemberId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function symmetricDifference(left: readonly MemberId[], right: readonly MemberId[]): number {
  return left.filter((id) => !right.includes(id)).length + right.filter((id) => !left.includes(id)).length;
}
