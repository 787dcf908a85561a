/**
 * A client that does nothing but keep leases alive, as services do that register themselves: it renews often, and now and then grants,
 * attaches a key, asks for the time left, or gives a lease up. The leases are those of all such clients of the run, so that one renews, at
 * the member it is connected to, what another has given up elsewhere.
 */
import type { Dice } from '../seeded-random.ts';
import type { V3Operation, V3Outcome } from '../v3-observation.ts';
import type { ClientApi, ClientCall } from './client-api.ts';
import { v3Call } from './v3-call.ts';

/** Seconds: some end in a pause of a leader, some outlive a change of leaders. */
const TTLS = [2, 3, 6, 14] as const;
const KEYS = ['l1', 'l2', 'l3'] as const;
/** So few that each is asked about by several; older ones nobody renews any more. */
const LEASES_MAX = 5;
const KINDS = ['renew', 'times', 'put', 'revoke', 'grant'] as const;
const WEIGHTS = [48, 22, 6, 12, 8] as const;

/** The leases that were granted last to any keeper of a run. Whether they have ended each of them has to hear by itself. */
export class LeaseBoard {
  readonly leases: number[] = [];

  granted(lease: number): void {
    this.leases.push(lease);
    if (this.leases.length > LEASES_MAX) this.leases.shift();
  }
}

export class V3LeaseApi implements ClientApi {
  readonly version = 'v3';
  readonly #dice: Dice;
  readonly #board: LeaseBoard;
  /** Ended, as far as this keeper knows. */
  readonly #gone = new Set<number>();

  constructor(dice: Dice, board: LeaseBoard) {
    this.#dice = dice;
    this.#board = board;
  }

  draw(value: string, operationId: number): ClientCall<V3Outcome> {
    const operation = this.#draw(value, operationId);
    return v3Call(operation, operation.kind === 'put', (outcome) => this.#learn(operation, outcome));
  }

  #draw(value: string, operationId: number): V3Operation {
    const dice = this.#dice;
    const leases = this.#board.leases.filter((lease) => !this.#gone.has(lease));
    const lease = dice.pick(leases);
    const kind = lease === undefined ? 'grant' : dice.weighted(KINDS, WEIGHTS);
    if (lease === undefined || kind === 'grant') {
      return { kind: 'lease-grant', lease: operationId, ttl: dice.pick(TTLS)! };
    }
    switch (kind) {
      case 'put':
        return { kind: 'put', key: dice.pick(KEYS)!, value, lease };
      case 'times':
        return { kind: 'lease-times', lease };
      case 'revoke':
        return { kind: 'lease-revoke', lease };
      default:
        return { kind: 'lease-renew', lease };
    }
  }

  #learn(operation: V3Operation, outcome: V3Outcome): void {
    if (!('lease' in operation)) return;
    const { kind, lease } = operation;
    if (outcome.kind === 'refused') this.#gone.add(lease);
    else if (kind === 'lease-grant' && outcome.kind === 'done') this.#board.granted(lease);
  }
}
