import { type Checker, CheckFailure, type LeaderElected, type Observation } from '../observation.ts';
import { MemberLog } from './member-log.ts';

/** Leader completeness (thesis 3.6.3): what was committed in earlier terms is in the log of whoever is elected. */
export class LeaderCompleteness implements Checker {
  readonly name = 'leader completeness';
  readonly #logs = new Map<string, MemberLog>();
  /** By index: the entry's term, and the latest term that had a leader by then: it was committed in that one at the latest. */
  readonly #committed: ({ readonly term: number; readonly inTerm: number } | undefined)[] = [];
  #latestTerm = 0;

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started': {
        const { member, snapshotIndex, snapshotTerm, entries } = observation;
        this.#logs.set(member, new MemberLog(snapshotIndex, snapshotTerm, entries));
        return;
      }
      case 'entries-appended':
        this.#logs.get(observation.member)?.replaceFrom(observation.entries);
        return;
      case 'snapshot-installed':
        this.#logs.get(observation.member)?.restore(observation.index, observation.term);
        return;
      case 'entries-committed':
        for (const { index, term } of observation.entries) {
          this.#committed[index] ??= { term, inTerm: Math.max(term, this.#latestTerm) };
        }
        return;
      case 'leader-elected':
        this.#elected(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #elected({ member, term }: LeaderElected): void {
    this.#latestTerm = Math.max(this.#latestTerm, term);
    const log = this.#logs.get(member);
    if (log === undefined) return;
    for (let index = log.baseIndex + 1; index < this.#committed.length; index++) {
      const committed = this.#committed[index];
      // Votes may come late: whoever leads by them may be of an earlier term than the one that committed the entry.
      if (committed === undefined || committed.inTerm >= term || log.termAt(index) === committed.term)
        continue;
      throw new CheckFailure(
        this.name,
        `${member} leads term ${term} without entry ${index} of term ${committed.term}, which is committed; at ${index} it has ${log.termAt(index) ?? 'nothing'}, its log ends at ${log.lastIndex}`,
      );
    }
  }
}
