/**
 * The v3 state of every member follows the log: equal states at equal indexes, never back in one life; after a restart never behind what a
 * commit had made durable; and never holding what is not committed.
 */
import type { MemberId } from '../../../raft/types.ts';
import { type Checker, CheckFailure, type Observation } from '../../observation.ts';
import type { V3Applied, V3Opened } from '../../v3-observation.ts';

interface State {
  readonly revision: number;
  readonly compacted: number;
  hash: string | undefined;
  by: string;
}

export class V3StateAgreement implements Checker {
  readonly name = 'v3 state';
  readonly #states = new Map<number, State>();
  readonly #last = new Map<string, V3Applied>();
  /** By host: what a commit of this member's backend has made durable. */
  readonly #durable = new Map<string, { readonly memberId: MemberId; readonly index: number }>();
  #committed = 0;

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started':
        this.#committed = Math.max(this.#committed, observation.commit, observation.snapshotIndex);
        return;
      case 'entries-committed':
        this.#committed = Math.max(this.#committed, observation.entries.at(-1)?.index ?? 0);
        return;
      case 'data-lost':
        this.#durable.delete(observation.member);
        return;
      case 'v3-opened':
        this.#opened(observation);
        return;
      case 'v3-durable': {
        const { member, memberId, appliedIndex: index } = observation;
        this.#notAhead(member, index);
        this.#durable.set(member, { memberId, index });
        return;
      }
      case 'v3-applied':
        this.#applied(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #opened({ member, memberId, appliedIndex, forcedNewCluster }: V3Opened): void {
    this.#notAhead(member, appliedIndex);
    const durable = this.#durable.get(member);
    if (durable === undefined || durable.memberId !== memberId || forcedNewCluster) return;
    if (appliedIndex >= durable.index) return;
    throw this.#failure(
      `${member} had made the state up to entry ${durable.index} durable, and starts with that of ${appliedIndex}`,
    );
  }

  #notAhead(member: string, appliedIndex: number): void {
    if (appliedIndex <= this.#committed) return;
    throw this.#failure(
      `${member} holds entry ${appliedIndex}; entries are committed up to ${this.#committed}`,
    );
  }

  #applied(applied: V3Applied): void {
    const { member, life, index, appliedIndex, revision, compacted, stateHash } = applied;
    const last = this.#last.get(member);
    this.#last.set(member, applied);
    if (last?.life === life) {
      const isBack =
        appliedIndex < last.appliedIndex || revision < last.revision || compacted < last.compacted;
      if (isBack) {
        throw this.#failure(
          `${member} goes back from entry ${last.appliedIndex}, revision ${last.revision} to ${appliedIndex}, ${revision}`,
        );
      }
    }
    // Entries are read again whose effect is there already.
    if (appliedIndex > index) return;
    const known = this.#states.get(index);
    if (known === undefined) {
      this.#states.set(index, { revision, compacted, hash: stateHash, by: member });
      return;
    }
    if (known.revision !== revision || known.compacted !== compacted) {
      throw this.#failure(
        `with entry ${index} applied ${member} is at revision ${revision}, compacted ${compacted}; ${known.by} was at ${known.revision}, ${known.compacted}`,
      );
    }
    if (stateHash === undefined) return;
    if (known.hash === undefined) {
      known.hash = stateHash;
      known.by = member;
    } else if (known.hash !== stateHash) {
      throw this.#failure(
        `with entry ${index} applied ${member} and ${known.by} hold different v3 states: ${stateHash}, ${known.hash}`,
      );
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
