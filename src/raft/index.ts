/** What `quorate/raft` offers: consensus without IO, for embedding. Start at `createRaftNode` and `RaftNode`. */

export { DecodeError } from '../wire/protobuf.ts';
export {
  decodeConfChange,
  decodeConfChangeV2,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeConfChange,
  encodeConfChangeV2,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshot,
} from '../wire/raftpb.ts';
export { bootstrapEntries, type FoundingMember } from './bootstrap.ts';
export { ConfChangeError, EMPTY_CONF_STATE } from './configuration.ts';
export { InvariantError } from './invariant.ts';
export type { RaftInitialState, RaftNode, RaftOptions, RaftStatus } from './node.ts';
export { createRaftNode } from './raft-node.ts';
export type * from './types.ts';
export { NO_MEMBER } from './types.ts';
