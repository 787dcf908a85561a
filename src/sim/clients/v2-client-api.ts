/** A client of the v2 API. Each client has its own taste: some do little but read, some write. */
import type { ClientOperation, ClientOutcome } from '../observation.ts';
import { KEYS_ROOT, type ObservedMember } from '../observed-member.ts';
import type { Dice } from '../seeded-random.ts';
import type { ClientApi, ClientCall } from './client-api.ts';
import { outcomeOf, requestOf } from './v2-requests.ts';

const KEYS = ['/d/a', '/d/b', '/d/c', '/e'] as const;
const TTL_KEYS = ['/ttl/a', '/ttl/b'] as const;
const QUEUE = '/queue';

interface Seen {
  readonly value: string;
  readonly modifiedIndex: number;
}

interface Drawing {
  readonly dice: Dice;
  readonly key: string;
  readonly value: string;
  /** What the client last saw of the key, to compare with. */
  readonly seen: Seen | undefined;
}

interface Kind {
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  readonly isWrite: boolean;
  /** Undefined where it makes no sense now. */
  draw(drawing: Drawing): ClientOperation | undefined;
}

/** The order is part of what a seed means. */
const KINDS: readonly Kind[] = [
  { weight: 25, isWrite: true, draw: ({ key, value }) => ({ kind: 'put', key, value, ttlMs: undefined }) },
  { weight: 20, isWrite: false, draw: ({ key }) => ({ kind: 'quorum-get', key }) },
  { weight: 7, isWrite: false, draw: ({ key }) => ({ kind: 'get', key }) },
  {
    weight: 15,
    isWrite: true,
    draw: ({ dice, key, value, seen }) => {
      if (seen === undefined) return undefined;
      const byIndex = dice.chance(0.5);
      const [prevValue, prevIndex] = byIndex ? ['', seen.modifiedIndex] : [seen.value, 0];
      return { kind: 'compare-and-swap', key, value, prevValue, prevIndex };
    },
  },
  {
    weight: 5,
    isWrite: true,
    draw: ({ key, seen }) =>
      seen && { kind: 'compare-and-delete', key, prevValue: '', prevIndex: seen.modifiedIndex },
  },
  { weight: 6, isWrite: true, draw: ({ key, value }) => ({ kind: 'create', key, value }) },
  { weight: 5, isWrite: true, draw: ({ key, value }) => ({ kind: 'update', key, value }) },
  { weight: 4, isWrite: true, draw: ({ key }) => ({ kind: 'delete', key }) },
  { weight: 6, isWrite: true, draw: ({ value }) => ({ kind: 'append', key: QUEUE, value }) },
  {
    weight: 7,
    isWrite: true,
    draw: ({ dice, value }) => {
      const ttlMs = dice.pick([500, 2_000, 10_000])!;
      return { kind: 'put', key: dice.pick(TTL_KEYS)!, value, ttlMs };
    },
  },
];

export class V2ClientApi implements ClientApi {
  readonly version = 'v2';
  readonly #dice: Dice;
  readonly #weights: readonly number[];
  readonly #seen = new Map<string, Seen>();

  constructor(dice: Dice) {
    this.#dice = dice;
    const readiness = dice.pick([0.3, 1, 1, 4])!;
    this.#weights = KINDS.map(({ weight, isWrite }) => (isWrite ? weight : weight * readiness));
  }

  draw(value: string): ClientCall<ClientOutcome> {
    const dice = this.#dice;
    const key = dice.pick(KEYS)!;
    const drawing = { dice, key, value, seen: this.#seen.get(key) };
    for (;;) {
      const { isWrite, draw } = dice.weighted(KINDS, this.#weights);
      const operation = draw(drawing);
      if (operation === undefined) continue;
      return {
        isWrite,
        invoked: (site, atMs) => ({ kind: 'operation-invoked', atMs, ...site, operation }),
        returned: (site, atMs, outcome) => ({
          kind: 'operation-returned',
          atMs,
          ...site,
          operation,
          outcome,
        }),
        serve: (host, answer) => serve(host, operation, isWrite, answer),
        heard: (outcome) => this.#learn(operation.key, outcome),
      };
    }
  }

  #learn(key: string, outcome: ClientOutcome): void {
    if (outcome.kind !== 'done') return;
    const { value, modifiedIndex } = outcome;
    if (value === undefined) this.#seen.delete(key);
    else this.#seen.set(key, { value, modifiedIndex });
  }
}

function serve(
  { server }: ObservedMember,
  operation: ClientOperation,
  isWrite: boolean,
  answer: (outcome: ClientOutcome) => void,
): void {
  const nowNs = server.nowNs();
  if (operation.kind === 'get') {
    const value = server.store.get(KEYS_ROOT + operation.key, false, false, nowNs);
    answer(outcomeOf({ ok: true, value }, 0));
    return;
  }
  server.submitV2(requestOf(operation, nowNs), (submitted) => {
    // The callback comes while the write's entry is being applied.
    answer(outcomeOf(submitted, isWrite ? server.appliedIndex + 1 : 0));
  });
}
