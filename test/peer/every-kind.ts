import type { Entry, Message } from '../../src/raft/types.ts';

/** One message of each kind that members send each other. */
export function everyKind(from: bigint, to: bigint): Message[] {
  const data = Buffer.from('some data');
  const context = Uint8Array.of(1, 2, 3);
  const entries: Entry[] = [{ index: 4, term: 1, type: 'normal', data }];
  return [
    { type: 'propose', from, to, term: 0, entries: [{ type: 'normal', data }] },
    { type: 'append', from, to, term: 1, previousIndex: 3, previousTerm: 1, entries, commit: 3 },
    { type: 'append-response', from, to, term: 1, index: 3, reject: false, rejectHint: 0, hintTerm: 0 },
    { type: 'append-response', from, to, term: 1, index: 3, reject: true, rejectHint: 2, hintTerm: 1 },
    { type: 'heartbeat', from, to, term: 1, commit: 3, context },
    { type: 'heartbeat-response', from, to, term: 1, context },
    { type: 'vote', from, to, term: 2, lastIndex: 3, lastTerm: 1, transfer: false },
    { type: 'pre-vote', from, to, term: 2, lastIndex: 3, lastTerm: 1, transfer: false },
    { type: 'vote-response', from, to, term: 2, reject: true },
    { type: 'pre-vote-response', from, to, term: 2, reject: false },
    { type: 'read-index', from, to, term: 0, context },
    { type: 'read-index-response', from, to, term: 1, index: 9, context },
    { type: 'transfer-leader', from, to, term: 1, transferee: from },
    { type: 'timeout-now', from, to, term: 1 },
  ];
}
