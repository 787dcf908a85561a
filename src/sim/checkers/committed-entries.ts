/**
 * State machine safety (thesis 3.6.3): an entry once committed is the same on all members for ever, a member applies each once
 * a life and in order, and what it knows to be committed is still so after a restart.
 */
import {
  type Checker,
  CheckFailure,
  type EntryDigest,
  type MemberStarted,
  type Observation,
} from '../observation.ts';

interface Committed {
  readonly term: number;
  /** Undefined while only a snapshot has told of it. */
  hash: string | undefined;
  readonly by: string;
}

export class CommittedEntries implements Checker {
  readonly name = 'committed entries';
  readonly #committed: (Committed | undefined)[] = [];
  /** The index that each member's process has to apply next. */
  readonly #next = new Map<string, number>();

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started':
        this.#started(observation);
        return;
      case 'snapshot-installed':
        this.#compare(observation.member, observation.index, observation.term, undefined);
        this.#next.set(observation.member, observation.index + 1);
        return;
      case 'entries-committed':
        this.#applied(observation.member, observation.entries);
        return;
      default:
    }
  }

  finish(): void {}

  #started({ member, snapshotIndex, snapshotTerm, entries, commit, applied }: MemberStarted): void {
    if (snapshotIndex > 0) this.#compare(member, snapshotIndex, snapshotTerm, undefined);
    for (const { index, term, hash } of entries) {
      if (index <= commit) this.#compare(member, index, term, hash);
    }
    this.#next.set(member, applied + 1);
  }

  #applied(member: string, entries: readonly EntryDigest[]): void {
    for (const { index, term, hash } of entries) {
      const next = this.#next.get(member) ?? index;
      if (index !== next) {
        throw new CheckFailure(this.name, `${member} applies entry ${index} where entry ${next} is due`);
      }
      this.#next.set(member, index + 1);
      this.#compare(member, index, term, hash);
    }
  }

  #compare(member: string, index: number, term: number, hash: string | undefined): void {
    const known = this.#committed[index];
    if (known === undefined) {
      this.#committed[index] = { term, hash, by: member };
      return;
    }
    known.hash ??= hash;
    if (known.term === term && (hash === undefined || hash === known.hash)) return;
    throw new CheckFailure(
      this.name,
      `entry ${index} is of term ${term} on ${member}, but ${known.by} had committed one of term ${known.term}${known.term === term ? ' with other content' : ''}`,
    );
  }
}
