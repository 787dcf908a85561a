import type { MemberId } from '../../raft/types.ts';
import { type Checker, CheckFailure, type Observation } from '../observation.ts';
import { idText } from './member-log.ts';

/** At most one leader a term (thesis 3.2, election safety), and a member gives one vote a term, however often it restarts. */
export class ElectionSafety implements Checker {
  readonly name = 'election safety';
  readonly #leaders = new Map<number, MemberId>();
  /** Who voted for whom, by term. */
  readonly #votes = new Map<number, Map<MemberId, MemberId>>();

  observe(observation: Observation): void {
    if (observation.kind === 'leader-elected') this.#elected(observation.term, observation.memberId);
    else if (observation.kind === 'message-sent' && observation.message.type === 'vote-granted') {
      this.#voted(observation.memberId, observation.message.term, observation.message.to);
    }
  }

  finish(): void {}

  #elected(term: number, member: MemberId): void {
    const known = this.#leaders.get(term) ?? member;
    if (known !== member) {
      throw new CheckFailure(this.name, `${idText(known)} and ${idText(member)} both lead term ${term}`);
    }
    this.#leaders.set(term, member);
  }

  #voted(member: MemberId, term: number, candidate: MemberId): void {
    let votes = this.#votes.get(term);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(term, votes);
    }
    const known = votes.get(member) ?? candidate;
    if (known !== candidate) {
      throw new CheckFailure(
        this.name,
        `${idText(member)} votes for ${idText(known)} and for ${idText(candidate)} in term ${term}`,
      );
    }
    votes.set(member, candidate);
  }
}
