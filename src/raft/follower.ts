/**
 * A follower's duties: take over the leader's log, or its snapshot, and acknowledge what is durable (thesis 3.5, 5).
 */
import { checkedConfState } from './configuration.ts';
import { EMPTY_BYTES, type RaftCore } from './core.ts';
import type { Message } from './types.ts';

type Append = Extract<Message, { type: 'append' }>;
type Heartbeat = Extract<Message, { type: 'heartbeat' }>;
type SnapshotMessage = Extract<Message, { type: 'snapshot' }>;

export function handleAppend(core: RaftCore, message: Append): void {
  const { log } = core;
  const { previousIndex, previousTerm, entries } = message;
  if (previousIndex < log.commit) {
    // An old message, or the leader does not know how far we are.
    acknowledge(core, message, log.commit);
    return;
  }
  if (log.termAt(previousIndex) !== previousTerm) {
    refuse(core, message);
    return;
  }
  const lastNew = previousIndex + entries.length;
  let at = 0;
  // Skip what is there already; cut the log only at a real conflict, or a delayed message could take acknowledged entries away.
  while (at < entries.length && log.termAt(previousIndex + 1 + at) === entries[at]!.term) at++;
  if (at < entries.length) {
    const from = previousIndex + 1 + at;
    if (from <= log.lastIndex) {
      log.truncateFrom(from);
      core.writes.truncatedFrom(from);
    }
    for (; at < entries.length; at++) log.append(entries[at]!);
  }
  log.commitTo(Math.min(message.commit, lastNew));
  acknowledge(core, message, lastNew);
}

/** The hint is the furthest point at which the two logs may still agree, so that the leader skips whole terms. */
function refuse(core: RaftCore, message: Append): void {
  const { log } = core;
  const hint = log.lastPossibleMatch(Math.min(message.previousIndex, log.lastIndex), message.previousTerm);
  core.sendWhenDurable({
    type: 'append-response',
    from: core.id,
    to: message.from,
    term: core.term,
    index: message.previousIndex,
    reject: true,
    rejectHint: hint,
    hintTerm: log.termAt(hint) ?? 0,
  });
}

function acknowledge(core: RaftCore, message: Message, index: number): void {
  core.sendWhenDurable({
    type: 'append-response',
    from: core.id,
    to: message.from,
    term: core.term,
    index,
    reject: false,
    rejectHint: 0,
    hintTerm: 0,
  });
}

/**
 * Tells the sender of a message of an old term which term it is. Without it, a member whose term ran ahead while it was cut off
 * could never come back: its vote requests are ignored, and it ignores the leader.
 */
export function nudge(core: RaftCore, message: Message): void {
  acknowledge(core, message, 0);
}

export function handleHeartbeat(core: RaftCore, message: Heartbeat): void {
  core.log.commitTo(message.commit);
  core.send({
    type: 'heartbeat-response',
    from: core.id,
    to: message.from,
    term: core.term,
    context: message.context,
  });
}

export function handleSnapshot(core: RaftCore, message: SnapshotMessage): void {
  restore(core, message);
  // Refused or taken, this is how far the log goes that is known to be right.
  acknowledge(core, message, core.log.commit);
}

function restore(core: RaftCore, { snapshot }: SnapshotMessage): void {
  const { log } = core;
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.commit) return;
  if (log.termAt(index) === term) {
    // The log holds all of it: cheaper than to start anew.
    log.commitTo(index);
    return;
  }
  // It may well be older than this member's own addition, which then is in the log behind it.
  const configuration = checkedConfState(confState);
  const metadata = { index, term, confState: configuration };
  log.restore(index, term);
  // The bytes were dealt with by whoever received the message.
  core.writes.restored({ metadata, data: EMPTY_BYTES });
  core.snapshot = metadata;
  core.restored = metadata;
}
