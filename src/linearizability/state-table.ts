/**
 * States of a model as small numbers: equal states get the same one, so that the search compares numbers only.
 *
 * Invariant: ids are given in order of first sight, from 0, and never change.
 */

import type { Model } from './model.ts';

export class StateTable<State> {
  readonly #model: Pick<Model<State, never, never>, 'equal' | 'hash'>;
  readonly #states: State[] = [];
  readonly #nextWithSameHash: number[] = [];
  readonly #firstByHash = new Map<number, number>();

  constructor(model: Pick<Model<State, never, never>, 'equal' | 'hash'>) {
    this.#model = model;
  }

  idOf(state: State): number {
    const hash = this.#model.hash(state);
    const first = this.#firstByHash.get(hash) ?? -1;
    for (let id = first; id >= 0; id = this.#nextWithSameHash[id]!) {
      if (this.#model.equal(this.#states[id]!, state)) return id;
    }
    const id = this.#states.length;
    this.#states.push(state);
    this.#nextWithSameHash.push(first);
    this.#firstByHash.set(hash, id);
    return id;
  }

  /** The state with this id, as it was first seen. */
  at(id: number): State {
    return this.#states[id]!;
  }
}
