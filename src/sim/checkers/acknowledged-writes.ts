/**
 * Every acknowledged write is there at the end, unless a later change took its place; and what is there at the end is what the changes
 * made, nothing else.
 */
import {
  type Checker,
  CheckFailure,
  type FinalTree,
  type Observation,
  type OperationReturned,
} from '../observation.ts';
import { eventText, isRemoval, TreeHistory } from './tree-history.ts';

export class AcknowledgedWrites implements Checker {
  readonly name = 'acknowledged writes';
  readonly #history = new TreeHistory();
  readonly #isWhole: boolean;
  /** By key: the last acknowledged change. */
  readonly #acknowledged = new Map<string, { readonly index: number; readonly text: string }>();
  #lastIndex = 0;
  /** The furthest of the final trees. */
  #furthest: number | undefined;

  /** As of AnswersMatchHistory. */
  constructor(isWhole = true) {
    this.#isWhole = isWhole;
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'store-changed':
        this.#history.add(observation.event);
        return;
      case 'operation-returned':
        this.#returned(observation);
        return;
      case 'final-tree':
        this.#final(observation);
        return;
      default:
    }
  }

  finish(): void {
    const furthest = this.#furthest;
    if (furthest !== undefined && furthest < this.#lastIndex) {
      throw this.#failure(`change ${this.#lastIndex} was acknowledged, all trees end before, at ${furthest}`);
    }
  }

  #returned({ operation, outcome }: OperationReturned): void {
    if (outcome.kind !== 'done' || operation.kind === 'get' || operation.kind === 'quorum-get') return;
    const { action, key, value, modifiedIndex: index } = outcome;
    this.#lastIndex = Math.max(this.#lastIndex, index);
    if (index < (this.#acknowledged.get(key)?.index ?? 0)) return;
    const text = `${action} ${key}${value === undefined ? '' : ` = ${value}`} @${index}`;
    this.#acknowledged.set(key, { index, text });
  }

  #final({ member, etcdIndex, nodes }: FinalTree): void {
    this.#furthest = Math.max(this.#furthest ?? 0, etcdIndex);
    const present = new Map(nodes.map((node) => [node.key, node]));
    for (const [key, { index, text }] of this.#acknowledged) {
      if (index > etcdIndex) continue;
      const last = this.#history.lastOf(key, etcdIndex);
      if (last === undefined || last.modifiedIndex < index) {
        throw this.#failure(`${text} was acknowledged and never applied`);
      }
    }
    for (const key of this.#history.keys()) {
      const last = this.#history.lastOf(key, etcdIndex);
      if (last === undefined) continue;
      const node = present.get(key);
      // Directories have no value, and are there as long as anything is in them.
      const expected = isRemoval(last) ? undefined : last.value;
      if (
        node?.value === expected &&
        (expected === undefined || node?.modifiedIndex === last.modifiedIndex)
      ) {
        continue;
      }
      throw this.#failure(
        `in the end ${member} has ${node === undefined ? `no ${key}` : `${key} = ${node.value} @${node.modifiedIndex}`}; its last change was ${eventText(last)}`,
      );
    }
    if (!this.#isWhole) return;
    for (const { key, value, modifiedIndex } of nodes) {
      if (this.#history.lastOf(key, etcdIndex) !== undefined) continue;
      throw this.#failure(`in the end ${member} has ${key} = ${value} @${modifiedIndex}, which nobody wrote`);
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
