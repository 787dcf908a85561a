/**
 * A leader's sending side: appends, snapshots and heartbeats. Everything that happened in a turn goes out together in `flush`,
 * when the Ready is taken: a thousand proposals become one append a follower.
 */
import type { RaftCore } from './core.ts';
import { EMPTY_BYTES } from './core.ts';
import type { Progress } from './progress.ts';
import { ENTRY_OVERHEAD_BYTES } from './raft-log.ts';
import { encodeRound, type ReadRequest } from './read-index.ts';
import type { Entry } from './types.ts';

/** Sends whatever each follower may get now, and starts a read round if reads wait. */
export function flush(core: RaftCore): void {
  core.flushDue = false;
  startReadRound(core);
  let shared: SharedEntries | undefined;
  for (const peer of core.peers.values()) {
    if (peer.id !== core.id) shared = flushTo(core, peer, shared);
  }
}

/** Entries cut for one follower serve the next one too if it stands at the same place, as they mostly do. */
interface SharedEntries {
  readonly from: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

function flushTo(
  core: RaftCore,
  peer: Progress,
  shared: SharedEntries | undefined,
): SharedEntries | undefined {
  const { log } = core;
  const probe = peer.probeDue;
  peer.probeDue = false;
  let cut = shared;
  let first = true;
  while (!peer.isPaused) {
    // Into a full window goes an empty append at most: its answer, or its refusal after a loss, is what opens it again.
    const blocked = peer.state === 'replicate' && peer.inflights.full;
    const more = !blocked && peer.next <= log.lastIndex;
    const wanted = more || (first && (probe || peer.canBumpCommit(log.commit)));
    if (!wanted) break;
    const previousTerm = log.termAt(peer.next - 1);
    if (previousTerm === undefined) {
      sendSnapshot(core, peer);
      break;
    }
    if (more && cut?.from !== peer.next) cut = cutEntries(core, peer.next);
    sendAppend(core, peer, previousTerm, more ? cut : undefined);
    first = false;
  }
  return cut;
}

function cutEntries(core: RaftCore, from: number): SharedEntries {
  const { log } = core;
  const to = log.fitting(from, log.lastIndex, core.options.maxMessageBytes);
  const entries = log.slice(from, to);
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length + ENTRY_OVERHEAD_BYTES;
  return { from, entries, bytes };
}

function sendAppend(
  core: RaftCore,
  peer: Progress,
  previousTerm: number,
  shared: SharedEntries | undefined,
): void {
  const { commit } = core.log;
  core.send({
    type: 'append',
    from: core.id,
    to: peer.id,
    term: core.term,
    previousIndex: peer.next - 1,
    previousTerm,
    entries: shared?.entries ?? [],
    commit,
  });
  peer.sent(shared?.entries.length ?? 0, shared?.bytes ?? 0, commit);
}

function sendSnapshot(core: RaftCore, peer: Progress): void {
  // Megabytes to a member that may be down would be wasted.
  if (!peer.recentlyActive) return;
  core.send({
    type: 'snapshot',
    from: core.id,
    to: peer.id,
    term: core.term,
    snapshot: { metadata: core.snapshot, data: EMPTY_BYTES },
  });
  peer.becomeSnapshot(core.snapshot.index);
}

/** Heartbeats to all; with the context of the youngest read round if one is unconfirmed, so that a lost round is repeated. */
export function broadcastHeartbeats(core: RaftCore): void {
  const context = core.reads.hasRounds ? encodeRound(core.reads.lastRound) : EMPTY_BYTES;
  for (const peer of core.peers.values()) if (peer.id !== core.id) sendHeartbeat(core, peer, context);
}

function sendHeartbeat(core: RaftCore, peer: Progress, context: Uint8Array): void {
  // Never more than what is known to match: the follower takes the commit index without looking at its log.
  const commit = Math.min(peer.match, core.log.commit);
  core.send({ type: 'heartbeat', from: core.id, to: peer.id, term: core.term, commit, context });
  peer.sentCommit(commit);
}

function startReadRound(core: RaftCore): void {
  const { reads } = core;
  if (!reads.hasWaiting || !core.committedInTerm) return;
  reads.start(core.log.commit);
  const self = core.peers.get(core.id);
  if (self !== undefined) self.confirmedRound = reads.lastRound;
  answerConfirmedReads(core);
  if (!reads.hasRounds) return;
  const context = encodeRound(reads.lastRound);
  for (const peer of core.peers.values()) {
    if (peer.id !== core.id && !peer.learner) sendHeartbeat(core, peer, context);
  }
}

export function answerConfirmedReads(core: RaftCore): void {
  for (const { index, requests } of core.reads.takeConfirmed(core.quorumRound())) {
    for (const request of requests) answerRead(core, request, index);
  }
}

function answerRead(core: RaftCore, { from, context }: ReadRequest, index: number): void {
  if (from === core.id) {
    core.readStates.push({ index, context });
  } else {
    core.send({ type: 'read-index-response', from: core.id, to: from, term: core.term, index, context });
  }
}
