import { encodeConfChange } from '../wire/raftpb.ts';
import type { Entry, MemberId } from './types.ts';

/** A founding member: `context` is opaque to raft (etcd: the member as JSON). */
export interface FoundingMember {
  readonly id: MemberId;
  readonly context: Uint8Array;
}

/**
 * The log that every member of a new static cluster begins with: one configuration change in term 1 for each founder, in the
 * given order, which must be the same everywhere. They count as committed: start with hard state {term 1, vote none, commit =
 * their number}, the empty configuration and applied 0, after having made both durable.
 */
export function bootstrapEntries(founders: readonly FoundingMember[]): Entry[] {
  if (founders.length === 0) throw new RangeError('raft: a cluster needs at least one founding member');
  return founders.map(({ id, context }, position) => ({
    index: position + 1,
    term: 1,
    type: 'conf-change',
    data: encodeConfChange({ id: 0n, type: 'add-node', nodeId: id, context }),
  }));
}
