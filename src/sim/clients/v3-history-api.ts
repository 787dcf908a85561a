/**
 * A client that reads what was: all keys at a revision of a moment ago, slowly, a row or two at a time, as large ranges are read; and that
 * compacts just behind the newest revision, so that others' reads are overtaken by it.
 */
import type { Dice } from '../seeded-random.ts';
import type { V3Operation, V3Outcome } from '../v3-observation.ts';
import type { ClientApi, ClientCall } from './client-api.ts';
import { v3Call } from './v3-call.ts';

const ALL = { key: 'a', end: 'z' } as const;
const KINDS = ['read', 'compact', 'hash'] as const;
const WEIGHTS = [14, 4, 1] as const;
/** How far back is read. */
const BACK_MAX = 6;

export class V3HistoryApi implements ClientApi {
  readonly version = 'v3';
  readonly #dice: Dice;
  #revision = 1;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  draw(): ClientCall<V3Outcome> {
    return v3Call(this.#draw(), false, (outcome) => {
      if (outcome.kind === 'done') this.#revision = Math.max(this.#revision, outcome.revision);
    });
  }

  #draw(): V3Operation {
    const dice = this.#dice;
    const revision = Math.max(1, this.#revision - dice.below(BACK_MAX));
    switch (dice.weighted(KINDS, WEIGHTS)) {
      case 'read': {
        const serializable = dice.chance(0.3);
        return {
          kind: 'range',
          ...ALL,
          revision,
          limit: 0,
          serializable,
          sliceMs: dice.pick([50, 150, 400])!,
        };
      }
      case 'compact':
        return { kind: 'compact', revision, physical: dice.chance(0.3) };
      case 'hash':
        return { kind: 'hash', revision };
    }
  }
}
