/**
 * Log matching (thesis 3.5): where two logs hold an entry of the same index and term, the entry and all before it are the same.
 *
 * It is enough to see that whoever holds the entry (index, term) holds the same bytes there and the same term right before it; the
 * rest follows by induction. So each new entry costs one look into a table.
 */
import { type Checker, CheckFailure, type EntryDigest, type Observation } from '../observation.ts';
import { MemberLog } from './member-log.ts';

interface Known {
  readonly term: number;
  readonly entry: EntryDigest;
  /** Undefined until someone is seen who has not compacted it away. */
  previousTerm: number | undefined;
  readonly by: string;
}

export class LogMatching implements Checker {
  readonly name = 'log matching';
  readonly #logs = new Map<string, MemberLog>();
  /** By index: what each term has put there, mostly one. */
  readonly #known: Known[][] = [];

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started': {
        const { member, snapshotIndex, snapshotTerm, entries } = observation;
        const log = new MemberLog(snapshotIndex, snapshotTerm);
        this.#logs.set(member, log);
        this.#append(member, log, entries);
        return;
      }
      case 'entries-appended':
        this.#append(observation.member, this.#logOf(observation.member), observation.entries);
        return;
      case 'snapshot-installed':
        this.#logOf(observation.member).restore(observation.index, observation.term);
        return;
      case 'data-lost':
        this.#logs.delete(observation.member);
        return;
      default:
    }
  }

  finish(): void {}

  #logOf(member: string): MemberLog {
    let log = this.#logs.get(member);
    if (log === undefined) {
      log = new MemberLog(0, 0);
      this.#logs.set(member, log);
    }
    return log;
  }

  #append(member: string, log: MemberLog, entries: readonly EntryDigest[]): void {
    if (!log.replaceFrom(entries)) {
      throw new CheckFailure(
        this.name,
        `${member} appends entry ${entries[0]?.index} behind entry ${log.lastIndex}: there is a gap`,
      );
    }
    for (const entry of entries) this.#compare(member, entry, log.termAt(entry.index - 1));
  }

  #compare(member: string, entry: EntryDigest, previousTerm: number | undefined): void {
    const { index, term } = entry;
    let here = this.#known[index];
    if (here === undefined) {
      here = [];
      this.#known[index] = here;
    }
    const known = here.find((each) => each.term === term);
    if (known === undefined) {
      here.push({ term, entry, previousTerm, by: member });
      return;
    }
    if (known.entry.hash !== entry.hash || known.entry.type !== entry.type) {
      throw new CheckFailure(
        this.name,
        `${member} and ${known.by} hold different entries at index ${index} of term ${term}`,
      );
    }
    if (known.previousTerm === undefined) known.previousTerm = previousTerm;
    if (previousTerm !== undefined && previousTerm !== known.previousTerm) {
      throw new CheckFailure(
        this.name,
        `${member} and ${known.by} agree at index ${index} of term ${term}, but before it ${member} has term ${previousTerm} and ${known.by} had ${known.previousTerm}`,
      );
    }
  }
}
