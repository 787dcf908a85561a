/**
 * Linearizability by the indexes that answers carry: whoever begins after another's answer sees the tree at that answer's index or
 * later. Together with AnswersMatchHistory this is all of it, at the cost of a comparison, and it fires at once; the search
 * in Linearizability comes to the same without trusting any index.
 */
import { type Checker, CheckFailure, type ClientOperation, type Observation } from '../observation.ts';

export class RealTimeOrder implements Checker {
  readonly name = 'real-time order';
  /** The highest X-Etcd-Index of an answered write or quorum read, and what that was. */
  #highest = 0;
  #highestText = '';
  /** By operation: the floor when it was invoked. */
  readonly #floors = new Map<number, { readonly index: number; readonly text: string }>();

  observe(observation: Observation): void {
    if (observation.kind === 'operation-invoked') {
      if (observation.operation.kind === 'get') return;
      this.#floors.set(observation.operationId, { index: this.#highest, text: this.#highestText });
    } else if (observation.kind === 'operation-returned') {
      const { operationId, operation, outcome, member } = observation;
      const floor = this.#floors.get(operationId);
      this.#floors.delete(operationId);
      if (floor === undefined || outcome.kind === 'unknown') return;
      const index = outcome.etcdIndex;
      const isWrite = outcome.kind === 'done' && operation.kind !== 'quorum-get';
      const text = `${describe(operation)} at ${member}`;
      if (index < floor.index || (isWrite && index === floor.index)) {
        throw new CheckFailure(
          this.name,
          `${text} is answered at index ${index}, but before it began ${floor.text} was answered at index ${floor.index}`,
        );
      }
      if (index <= this.#highest) return;
      this.#highest = index;
      this.#highestText = text;
    }
  }

  finish(): void {}
}

function describe(operation: ClientOperation): string {
  return `${operation.kind} ${operation.key}${'value' in operation ? ` = ${operation.value}` : ''}`;
}
