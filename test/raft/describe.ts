/** Raft values as the transcripts print them. */
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  Message,
  PersistBatch,
} from '../../src/raft/types.ts';
import { decodeConfChange, decodeConfChangeV2 } from '../../src/wire/raftpb.ts';

function text(bytes: Uint8Array): string {
  return bytes.length === 0 ? '""' : new TextDecoder().decode(bytes);
}

/** Contexts of read rounds are numbers, those of callers are words. */
function context(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  return bytes[0] === 0 ? ` round ${Buffer.from(bytes).readBigUInt64BE()}` : ` context ${text(bytes)}`;
}

const LETTERS = { 'add-node': 'v', 'remove-node': 'r', 'update-node': 'u', 'add-learner-node': 'l' } as const;

export function describeChange(change: ConfChange | ConfChangeV2): string {
  if (!('transition' in change)) return `${LETTERS[change.type]}${change.nodeId}`;
  if (change.changes.length === 0 && change.transition === 'auto') return 'leave-joint';
  const changes = change.changes.map(({ type, nodeId }) => `${LETTERS[type]}${nodeId}`);
  return `${change.transition}(${changes.join(' ')})`;
}

export function describeData(entry: Pick<Entry, 'type' | 'data'>): string {
  if (entry.type === 'normal') return text(entry.data);
  const change = entry.type === 'conf-change' ? decodeConfChange(entry.data) : decodeConfChangeV2(entry.data);
  return `conf ${describeChange(change)}`;
}

/** index/term data */
export function describeEntry(entry: Entry): string {
  return `${entry.index}/${entry.term} ${describeData(entry)}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.length === 0 ? 'nothing' : entries.map(describeEntry).join(', ');
}

export function describeConfState(state: ConfState): string {
  const parts = [`voters ${state.voters.join(' ')}`];
  if (state.votersOutgoing.length > 0) parts.push(`outgoing ${state.votersOutgoing.join(' ')}`);
  if (state.learners.length > 0) parts.push(`learners ${state.learners.join(' ')}`);
  if (state.learnersNext.length > 0) parts.push(`learners next ${state.learnersNext.join(' ')}`);
  if (state.autoLeave) parts.push('auto-leave');
  return parts.join(', ');
}

export function describeMessage(message: Message): string {
  const term = message.term === 0 ? '' : ` T${message.term}`;
  return `${message.from}->${message.to} ${message.type}${term}${fields(message)}`;
}

function fields(message: Message): string {
  switch (message.type) {
    case 'append':
      return ` after ${message.previousIndex}/${message.previousTerm}: ${describeEntries(message.entries)}; commit ${message.commit}`;
    case 'append-response':
      return message.reject
        ? ` refuses after ${message.index}, try ${message.rejectHint}/${message.hintTerm}`
        : ` has ${message.index}`;
    case 'heartbeat':
      return ` commit ${message.commit}${context(message.context)}`;
    case 'heartbeat-response':
      return context(message.context);
    case 'vote':
    case 'pre-vote':
      return ` last ${message.lastIndex}/${message.lastTerm}${message.transfer ? ' by transfer' : ''}`;
    case 'vote-response':
    case 'pre-vote-response':
      return message.reject ? ' no' : ' yes';
    case 'snapshot': {
      const { index, term, confState } = message.snapshot.metadata;
      return ` at ${index}/${term}, ${describeConfState(confState)}`;
    }
    case 'propose':
      return ` ${message.entries.map(describeData).join(', ')}`;
    case 'read-index':
      return context(message.context);
    case 'read-index-response':
      return ` at ${message.index}${context(message.context)}`;
    case 'transfer-leader':
      return ` to ${message.transferee}`;
    case 'timeout-now':
      return '';
  }
}

export function describeWrite(batch: PersistBatch): string {
  const parts = [`#${batch.sequence}`];
  if (batch.snapshot !== undefined) {
    parts.push(`snapshot ${batch.snapshot.metadata.index}/${batch.snapshot.metadata.term}`);
  }
  if (batch.entries.length > 0) parts.push(describeEntries(batch.entries));
  if (batch.hardState !== undefined) {
    const { term, vote, commit } = batch.hardState;
    parts.push(`{term ${term}, vote ${vote}, commit ${commit}}`);
  }
  if (!batch.mustSync) parts.push('(no sync)');
  return parts.join(' ');
}
