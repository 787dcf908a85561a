/** A client of the v3 API: it remembers rows and revisions it has seen, and its own leases, and asks with them. */
import type { Dice } from '../seeded-random.ts';
import type { V3Compare, V3Operation, V3Outcome, V3Row, V3Span, V3Step } from '../v3-observation.ts';
import type { ClientApi, ClientCall } from './client-api.ts';
import { v3Call } from './v3-call.ts';

const KEYS = ['a', 'b', 'c', 'd'] as const;
const LEASE_KEYS = ['l1', 'l2', 'l3'] as const;
const ALL: V3Span = { key: 'a', end: 'z' };
const TTLS = [2, 3, 6, 14] as const;
const ABSENCE = ['version', 'create'] as const;
const TARGETS = ['mod', 'mod', 'value', 'value', 'version', 'create'] as const;
const RESULTS = ['=', '=', '=', '<', '>', '!='] as const;
/** Between two slices of a range. */
const SLICE_MS = 20;
/** A client holds no more leases at a time. */
const LEASES_MAX = 3;

interface Kind {
  /** How often it is drawn, relative to the others. */
  readonly weight: number;
  readonly isWrite: boolean;
  /** Undefined where it makes no sense now. */
  draw(client: V3ClientApi, value: string, operationId: number): V3Operation | undefined;
}

/** The order is part of what a seed means. */
const KINDS: readonly Kind[] = [
  { weight: 20, isWrite: true, draw: (client, value) => client.put(value) },
  { weight: 16, isWrite: false, draw: (client) => client.read({ serializable: false }) },
  { weight: 6, isWrite: false, draw: (client) => client.read({ serializable: true }) },
  { weight: 8, isWrite: false, draw: (client) => client.readPast() },
  { weight: 16, isWrite: true, draw: (client, value) => client.swap(value) },
  { weight: 10, isWrite: true, draw: (client, value) => client.txnOfTwo(value) },
  { weight: 4, isWrite: false, draw: (client) => client.readOnlyTxn() },
  { weight: 5, isWrite: true, draw: (client) => client.remove() },
  { weight: 4, isWrite: false, draw: (client) => client.compact() },
  { weight: 2, isWrite: false, draw: (client) => client.hash() },
  { weight: 5, isWrite: false, draw: (client, _value, operationId) => client.grant(operationId) },
  { weight: 8, isWrite: true, draw: (client, value) => client.putLeased(value) },
  { weight: 8, isWrite: false, draw: (client) => client.ofLease('lease-renew') },
  { weight: 2, isWrite: false, draw: (client) => client.ofLease('lease-times') },
  { weight: 2, isWrite: false, draw: (client) => client.ofLease('lease-revoke') },
];

export class V3ClientApi implements ClientApi {
  readonly version = 'v3';
  readonly #dice: Dice;
  readonly #weights: readonly number[];
  readonly #seen = new Map<string, V3Row | undefined>();
  #revision = 1;
  #compacted = 0;
  readonly #leases: number[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
    const readiness = dice.pick([0.3, 1, 1, 4])!;
    this.#weights = KINDS.map(({ weight, isWrite }) => (isWrite ? weight : weight * readiness));
  }

  draw(value: string, operationId: number): ClientCall<V3Outcome> {
    for (;;) {
      const { isWrite, draw } = this.#dice.weighted(KINDS, this.#weights);
      const operation = draw(this, value, operationId);
      if (operation === undefined) continue;
      return v3Call(operation, isWrite, (outcome) => this.#learn(operation, outcome));
    }
  }

  put(value: string): V3Operation {
    return { kind: 'put', key: this.#key(), value, lease: 0 };
  }

  read({ serializable }: { readonly serializable: boolean }): V3Operation {
    const dice = this.#dice;
    const sliceMs = dice.chance(0.2) ? SLICE_MS : 0;
    const limit = dice.chance(0.2) ? 1 + dice.below(3) : 0;
    return { kind: 'range', ...this.#span(), revision: 0, limit, serializable, sliceMs };
  }

  /** A little of it may be compacted, or not have happened yet. */
  readPast(): V3Operation {
    const dice = this.#dice;
    const from = Math.max(1, this.#compacted - 2);
    const revision = Math.max(1, from + dice.below(Math.max(1, this.#revision + 2 - from)));
    const [serializable, sliceMs] = [dice.chance(0.3), dice.chance(0.4) ? SLICE_MS : 0];
    return { kind: 'range', ...this.#span(), revision, limit: 0, serializable, sliceMs };
  }

  /** On what was seen last, or on the absence of the key. */
  swap(value: string): V3Operation {
    const key = this.#key();
    return {
      kind: 'txn',
      compares: [this.#compare(key)],
      success: [{ kind: 'put', key, value, lease: 0 }],
      failure: [{ kind: 'range', key, end: '', revision: 0, limit: 0 }],
    };
  }

  txnOfTwo(value: string): V3Operation {
    const dice = this.#dice;
    const [one, two] = dice.shuffled(KEYS) as [string, string];
    const compares = dice.chance(0.6) ? [this.#compare(one), this.#compare(two)] : [];
    const success: V3Step[] = [{ kind: 'put', key: one, value, lease: 0 }];
    if (dice.chance(0.7)) success.push({ kind: 'put', key: two, value: `${value}/2`, lease: 0 });
    else success.push({ kind: 'delete', key: two, end: '' });
    if (dice.chance(0.4)) success.push({ kind: 'range', ...ALL, revision: 0, limit: 0 });
    const failure: V3Step[] = [
      { kind: 'range', key: one, end: '', revision: 0, limit: 0 },
      { kind: 'range', key: two, end: '', revision: 0, limit: 0 },
    ];
    if (dice.chance(0.3)) failure.push({ kind: 'put', key: this.#key(), value: `${value}/3`, lease: 0 });
    return { kind: 'txn', compares, success, failure };
  }

  readOnlyTxn(): V3Operation {
    const range = (key: string): V3Step => ({ kind: 'range', key, end: '', revision: 0, limit: 0 });
    const [one, two] = this.#dice.shuffled(KEYS) as [string, string];
    return {
      kind: 'txn',
      compares: [this.#compare(one)],
      success: [range(one), range(two)],
      failure: [range(two)],
    };
  }

  remove(): V3Operation {
    return {
      kind: 'delete',
      ...(this.#dice.chance(0.2) ? { key: 'a', end: 'd' } : { key: this.#key(), end: '' }),
    };
  }

  compact(): V3Operation {
    const dice = this.#dice;
    const revision = Math.max(1, this.#revision - dice.below(dice.pick([2, 20, 60])!));
    return { kind: 'compact', revision, physical: dice.chance(0.3) };
  }

  hash(): V3Operation {
    return { kind: 'hash', revision: this.#dice.chance(0.5) ? 0 : this.#revision };
  }

  grant(operationId: number): V3Operation | undefined {
    if (this.#leases.length >= LEASES_MAX) return undefined;
    return { kind: 'lease-grant', lease: operationId, ttl: this.#dice.pick(TTLS)! };
  }

  putLeased(value: string): V3Operation | undefined {
    const lease = this.#dice.pick(this.#leases);
    if (lease === undefined) return undefined;
    return { kind: 'put', key: this.#dice.pick(LEASE_KEYS)!, value, lease };
  }

  ofLease(kind: 'lease-renew' | 'lease-times' | 'lease-revoke'): V3Operation | undefined {
    const lease = this.#dice.pick(this.#leases);
    if (lease === undefined) return undefined;
    if (kind === 'lease-revoke') this.#forget(lease);
    return { kind, lease };
  }

  #key(): string {
    return this.#dice.pick(KEYS)!;
  }

  #span(): V3Span {
    const dice = this.#dice;
    if (dice.chance(0.4)) return ALL;
    return { key: dice.chance(0.2) ? dice.pick(LEASE_KEYS)! : this.#key(), end: '' };
  }

  #compare(key: string): V3Compare {
    const dice = this.#dice;
    const row = this.#seen.get(key);
    if (row === undefined) return { key, target: dice.pick(ABSENCE)!, result: '=', operand: 0 };
    const target = dice.pick(TARGETS)!;
    const result = target === 'value' ? '=' : dice.pick(RESULTS)!;
    return { key, target, result, operand: row[target] };
  }

  #learn(operation: V3Operation, outcome: V3Outcome): void {
    if (operation.kind === 'lease-renew' || operation.kind === 'lease-times') {
      const isGone = outcome.kind === 'refused' || (outcome.kind === 'done' && outcome.ttl <= 0);
      if (isGone) this.#forget(operation.lease);
    } else if (operation.kind === 'put' && outcome.kind === 'refused') this.#forget(operation.lease);
    if (outcome.kind !== 'done') return;
    this.#revision = Math.max(this.#revision, outcome.revision);
    if (operation.kind === 'lease-grant') this.#leases.push(operation.lease);
    if (operation.kind === 'compact') this.#compacted = Math.max(this.#compacted, operation.revision);
    if (operation.kind === 'put') {
      const { key, value, lease } = operation;
      const mod = outcome.revision;
      this.#seen.set(key, { key, value, lease, mod, create: mod, version: 1 });
    }
    for (const result of outcome.results) {
      if (result.kind !== 'range') continue;
      for (const row of result.rows) this.#seen.set(row.key, row);
    }
  }

  #forget(lease: number): void {
    const at = this.#leases.indexOf(lease);
    if (at >= 0) this.#leases.splice(at, 1);
  }
}
