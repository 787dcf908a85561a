import { type Applied, type Checker, CheckFailure, type Observation } from '../observation.ts';

interface State {
  readonly etcdIndex: number;
  hash: string | undefined;
  by: string;
}

/** Members that applied the same index hold the same state, and neither index ever goes back while a process lives. */
export class StateAgreement implements Checker {
  readonly name = 'state agreement';
  readonly #states = new Map<number, State>();
  /** Of each member's present life. */
  readonly #last = new Map<string, Applied>();

  observe(observation: Observation): void {
    if (observation.kind === 'applied') this.#applied(observation);
  }

  finish(): void {}

  #applied(observation: Applied): void {
    const { member, life, index, etcdIndex, stateHash } = observation;
    const last = this.#last.get(member);
    if (last?.life === life) {
      if (index < last.index) throw this.#failure(`${member} applied ${last.index}, and then ${index}`);
      if (etcdIndex < last.etcdIndex) {
        throw this.#failure(`the index of ${member}'s tree goes back from ${last.etcdIndex} to ${etcdIndex}`);
      }
    }
    this.#last.set(member, observation);
    const known = this.#states.get(index);
    if (known === undefined) {
      this.#states.set(index, { etcdIndex, hash: stateHash, by: member });
      return;
    }
    if (etcdIndex !== known.etcdIndex) {
      throw this.#failure(
        `with entry ${index} applied the tree of ${member} is at ${etcdIndex}, that of ${known.by} was at ${known.etcdIndex}`,
      );
    }
    if (stateHash === undefined) return;
    if (known.hash === undefined) {
      known.hash = stateHash;
      known.by = member;
    } else if (stateHash !== known.hash) {
      throw this.#failure(`with entry ${index} applied ${member} and ${known.by} hold different states`);
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
