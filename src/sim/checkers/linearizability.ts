/**
 * Writes and quorum reads of the clients are linearizable: the history, key by key, goes to the search at the end. It trusts no
 * index beyond what the answers say of their own key.
 *
 * Connections between members (TCP) do not double messages, and the network of a run must not double forwarded proposals: applied
 * twice, with another write in between, a write takes that one back, and no history explains it.
 *
 * Left out are keys that may go by themselves (with a TTL) or whose names the server makes (append): AnswersMatchHistory has them.
 */
import { checkLinearizable } from '../../linearizability/check-linearizable.ts';
import type { Operation } from '../../linearizability/model.ts';
import { renderHistory } from '../../linearizability/render-history.ts';
import {
  type V2RegisterInput,
  type V2RegisterOutput,
  v2Register,
} from '../../linearizability/v2-register.ts';
import {
  type Checker,
  CheckFailure,
  type ClientOperation,
  type ClientOutcome,
  type Observation,
  type OperationReturned,
} from '../observation.ts';

type Invoked = { readonly client: number; readonly input: V2RegisterInput; readonly calledAt: number };

export class Linearizability implements Checker {
  readonly name = 'linearizability';
  readonly #history: Operation<V2RegisterInput, V2RegisterOutput>[] = [];
  readonly #open = new Map<number, Invoked>();
  /** Keys that are left out. */
  readonly #left = new Set<string>();
  /** The order of the observations is the clock: finer than the run's, where much happens at one time. */
  #clock = 0;

  /** `left`: keys that were there before the history begins. */
  constructor(left: Iterable<string> = []) {
    for (const key of left) this.#left.add(key);
  }

  get operations(): number {
    return this.#history.length;
  }

  observe(observation: Observation): void {
    if (observation.kind === 'operation-invoked') {
      const { client, operationId, operation } = observation;
      if (operation.kind === 'append' || (operation.kind === 'put' && operation.ttlMs !== undefined)) {
        this.#left.add(operation.key);
      }
      const input = inputOf(operation);
      if (input !== undefined) this.#open.set(operationId, { client, input, calledAt: ++this.#clock });
    } else if (observation.kind === 'operation-returned') this.#returned(observation);
  }

  finish(): void {
    for (const { client, input, calledAt } of this.#open.values()) {
      this.#history.push({ client, input, calledAt, answeredAt: calledAt, output: undefined });
    }
    this.#open.clear();
    const history = this.#history.filter(({ input }) => !this.#isLeft(input.key));
    const { result, ...found } = checkLinearizable(v2Register, history);
    if (result !== 'violation' || !('partition' in found)) return;
    const { key, operations, stuckAt } = found.partition;
    const stuck = operations[stuckAt];
    throw new CheckFailure(
      this.name,
      `no order of the ${operations.length} operations on ${key} explains the answers${stuck === undefined ? '' : `; stuck at client ${stuck.client}: ${v2Register.describe(stuck.input, stuck.output)}`}`,
      renderHistory(v2Register, found.partition),
    );
  }

  #returned({ operationId, outcome }: OperationReturned): void {
    const invoked = this.#open.get(operationId);
    if (invoked === undefined) return;
    this.#open.delete(operationId);
    const output = outputOf(outcome, invoked.input);
    if (output === 'without effect') return;
    // A read that was not answered says nothing.
    if (output === undefined && invoked.input.kind === 'get') return;
    this.#history.push({ ...invoked, output, answeredAt: ++this.#clock });
  }

  /** In-order keys have the appended directory above them. */
  #isLeft(key: string): boolean {
    return this.#left.has(key) || this.#left.has(key.slice(0, key.lastIndexOf('/')));
  }
}

function inputOf(operation: ClientOperation): V2RegisterInput | undefined {
  const { key } = operation;
  switch (operation.kind) {
    case 'get':
    case 'append':
      return undefined;
    case 'quorum-get':
      return { kind: 'get', key };
    case 'put':
      return { kind: 'set', key, value: operation.value };
    case 'create':
    case 'update':
      return { kind: operation.kind, key, value: operation.value };
    case 'compare-and-swap':
      return { kind: 'compareAndSwap', key, value: operation.value, ...conditionOf(operation) };
    case 'compare-and-delete':
      return { kind: 'compareAndDelete', key, ...conditionOf(operation) };
    case 'delete':
      return { kind: 'delete', key };
  }
}

function conditionOf({ prevValue, prevIndex }: { readonly prevValue: string; readonly prevIndex: number }) {
  return { ...(prevValue !== '' && { prevValue }), ...(prevIndex !== 0 && { prevIndex }) };
}

function outputOf(
  outcome: ClientOutcome,
  input: V2RegisterInput,
): V2RegisterOutput | undefined | 'without effect' {
  switch (outcome.kind) {
    case 'unknown':
      return undefined;
    case 'refused':
      if (outcome.errorCode === 100) return { result: 'missing' };
      if (outcome.errorCode === 101) return { result: 'compareFailed' };
      if (outcome.errorCode === 105) return { result: 'exists' };
      return 'without effect';
    case 'done': {
      const { value, modifiedIndex: index, previousValue, previousModifiedIndex } = outcome;
      if (input.kind === 'get')
        return value === undefined ? 'without effect' : { result: 'found', value, index };
      const previous =
        previousValue === undefined
          ? null
          : {
              value: previousValue,
              ...(previousModifiedIndex > 0 && { index: previousModifiedIndex }),
            };
      return { result: 'done', index, previous };
    }
  }
}
