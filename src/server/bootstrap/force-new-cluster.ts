/**
 * `--force-new-cluster`: after a majority is lost for good, one survivor goes on alone. What was not committed is
 * dropped, and changes that remove all others are committed by decree. Pure.
 */
import type { ConfChange, Entry, HardState, MemberId } from '../../raft/types.ts';
import { decodeConfChange, encodeConfChange } from '../../wire/raftpb.ts';
import type { Member } from '../contract.ts';
import { compareIds } from '../membership/member-id.ts';
import { encodeMember } from '../membership/member-json.ts';

export interface ForcedLog {
  readonly hardState: HardState;
  /** Committed entries of the old log, then the forced changes. */
  readonly entries: readonly Entry[];
  /** The part of `entries` that is not on disk yet. */
  readonly appended: readonly Entry[];
}

export function forceNewCluster(
  self: Member,
  hardState: HardState,
  entries: readonly Entry[],
  votersOfSnapshot: readonly MemberId[],
): ForcedLog {
  const committed = entries.filter((entry) => entry.index <= hardState.commit);
  const ids = memberIds(votersOfSnapshot, committed);
  const changes: Omit<ConfChange, 'id'>[] = [];
  // First itself: the configuration must never be empty.
  if (!ids.has(self.id)) {
    const context = new TextEncoder().encode(encodeMember(self));
    changes.push({ type: 'add-node', nodeId: self.id, context });
  }
  for (const id of [...ids].sort(compareIds)) {
    if (id !== self.id) changes.push({ type: 'remove-node', nodeId: id, context: new Uint8Array(0) });
  }
  const appended = changes.map(
    (change, i): Entry => ({
      index: hardState.commit + 1 + i,
      term: hardState.term,
      type: 'conf-change',
      data: encodeConfChange({ id: 0n, ...change }),
    }),
  );
  return {
    hardState: { ...hardState, commit: hardState.commit + appended.length },
    entries: [...committed, ...appended],
    appended,
  };
}

function memberIds(votersOfSnapshot: readonly MemberId[], entries: readonly Entry[]): Set<MemberId> {
  const ids = new Set(votersOfSnapshot);
  for (const entry of entries) {
    if (entry.type !== 'conf-change') continue;
    const change = decodeConfChange(entry.data);
    if (change.type === 'remove-node') ids.delete(change.nodeId);
    else if (change.type !== 'update-node') ids.add(change.nodeId);
  }
  return ids;
}
