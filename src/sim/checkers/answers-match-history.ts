/**
 * Members apply the same changes at the same indexes, and every answer is true of the tree at the index it names: a read shows what
 * was there at its X-Etcd-Index, an acknowledged write is the change at its modifiedIndex.
 */
import {
  type Checker,
  CheckFailure,
  type ClientOutcome,
  type Observation,
  type OperationReturned,
  type StoreChanged,
} from '../observation.ts';
import { eventText, isRemoval, TreeHistory } from './tree-history.ts';

type Done = Extract<ClientOutcome, { kind: 'done' }>;

export class AnswersMatchHistory implements Checker {
  readonly name = 'answers match history';
  readonly #history = new TreeHistory();
  /** False for a history that does not begin with the cluster: of keys it has not seen changed it knows nothing. */
  readonly #isWhole: boolean;

  constructor(isWhole = true) {
    this.#isWhole = isWhole;
  }

  observe(observation: Observation): void {
    if (observation.kind === 'store-changed') this.#changed(observation);
    else if (observation.kind === 'operation-returned') this.#returned(observation);
  }

  finish(): void {}

  #changed({ member, event }: StoreChanged): void {
    const other = this.#history.add(event);
    if (other === undefined) return;
    throw this.#failure(`${member} applied ${eventText(event)}, another member ${eventText(other)}`);
  }

  #returned({ member, operation, outcome }: OperationReturned): void {
    const isRead = operation.kind === 'get' || operation.kind === 'quorum-get';
    if (outcome.kind === 'done') {
      if (isRead) this.#read(member, outcome);
      else this.#written(member, outcome);
    } else if (outcome.kind === 'refused' && isRead && outcome.errorCode === 100) {
      const last = this.#history.lastOf(operation.key, outcome.etcdIndex);
      if (last === undefined || isRemoval(last)) return;
      throw this.#failure(
        `${member} says at ${outcome.etcdIndex} that there is no ${operation.key}; it was made by ${eventText(last)}`,
      );
    }
  }

  #read(member: string, { key, value, modifiedIndex, createdIndex, etcdIndex }: Done): void {
    // A directory.
    if (value === undefined) return;
    const last = this.#history.lastOf(key, etcdIndex);
    if (last === undefined && !this.#isWhole) return;
    const said = `${member} says at ${etcdIndex} that ${key} = ${value} @${modifiedIndex}, made @${createdIndex}`;
    if (last === undefined) throw this.#failure(`${said}; nobody wrote that`);
    const isTrue =
      !isRemoval(last) &&
      last.value === value &&
      last.modifiedIndex === modifiedIndex &&
      last.createdIndex === createdIndex;
    if (!isTrue) throw this.#failure(`${said}; what happened is ${eventText(last)}`);
  }

  #written(member: string, { action, key, value, modifiedIndex, previousValue }: Done): void {
    const event = this.#history.at(modifiedIndex);
    const isTrue =
      event !== undefined &&
      event.action === action &&
      event.key === key &&
      event.value === value &&
      event.previousValue === previousValue;
    if (isTrue) return;
    throw this.#failure(
      `${member} acknowledged ${eventText({ action, key, value, modifiedIndex, createdIndex: 0, previousValue })}; what happened there is ${event === undefined ? 'nothing' : eventText(event)}`,
    );
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
