/** Changes of the code that are not in the table, and why: what no run can find, and what runs have not found. */

export interface UnplantedChange {
  readonly name: string;
  readonly file: string;
  /** Something else makes it harmless, or what it takes to show it is so rare that no hunt has met it: a hole that is known. */
  readonly kind: 'harmless' | 'too rare';
  readonly why: string;
}

export const unplantedChanges: readonly UnplantedChange[] = [
  {
    name: 'lease-ended-by-deposed-leader',
    file: 'src/server/v3/lease-keeper.ts',
    kind: 'harmless',
    why: 'the round that confirms the leadership before leases are ended is left out. Revocations are proposed by the core that leads or forgotten: those of a deposed leader are of its old term, in its own log, and are never committed. Found at once (13 s) while they could still wait for the next leader',
  },
  {
    name: 'lease-times-of-deposed-leader',
    file: 'src/server/v3/lease-service.ts',
    kind: 'too rare',
    why: 'the time left of a lease is told without a look whether this member still leads. The checker objects to such a story, and in 26 seeds none came about: a client would have to ask a deposed leader, within the moment before that one gives up, for a lease that was ended by the next',
  },
  {
    name: 'lease-ended-through-next-leader',
    file: 'src/server/v3/v3-service.ts',
    kind: 'too rare',
    why: 'revocations wait in the queue for any leader. The confirmation above comes first, and who loses the leadership before its turn ends proposes nothing; what is left is a hand-over between two steps of one turn, at the moment at which a lease runs out that somebody renews at the successor. Held by test/server/replicator.test.ts',
  },
  {
    name: 'v3-watch-of-compacted-goes-on, in the store',
    file: 'src/store/mvcc/history-events.ts',
    kind: 'harmless',
    why: 'the store gives events of compacted revisions. Its only reader has looked for itself just before, and so has the hub when it placed the watch: any of the three looks alone is enough, and leaving one out changes nothing. Planted above where there is one look only',
  },
  {
    name: 'v3-older-snapshot-activated',
    file: 'src/server/v3/v3-state.ts',
    kind: 'too rare',
    why: 'a state that is older than the own one is taken. The core takes only snapshots above what it has applied, and the state that comes with one is at least as new; so an older state needs a second snapshot from a new leader that has applied less than the one before it, and has yet cut its log further, within the moment before it commits its first entry. And then the entries between the two states come again by the log; what notices is the hub of the watches, which refuses to go back and stops the member. Held by test/server/state-transfer.test.ts',
  },
];
