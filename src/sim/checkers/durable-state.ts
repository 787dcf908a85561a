import type { MemberId } from '../../raft/types.ts';
import type { LogDurable, MemberStarted } from '../observation.ts';
import { MemberLog } from './member-log.ts';

/** What is durable on one member's disk, as far as its process was told. A crash may leave more, never less. */
export class DurableState {
  term: number;
  vote: MemberId;
  readonly log: MemberLog;

  private constructor(term: number, vote: MemberId, log: MemberLog) {
    this.term = term;
    this.vote = vote;
    this.log = log;
  }

  /** What a start found counts as durable: the log is synced when it is opened. */
  static found({ term, vote, snapshotIndex, snapshotTerm, entries }: MemberStarted): DurableState {
    return new DurableState(term, vote, new MemberLog(snapshotIndex, snapshotTerm, entries));
  }

  written({ entries, hardState, snapshot }: LogDurable): void {
    if (snapshot !== undefined) this.log.restore(snapshot.index, snapshot.term);
    this.log.replaceFrom(entries);
    if (hardState === undefined) return;
    this.term = hardState.term;
    this.vote = hardState.vote;
  }
}
