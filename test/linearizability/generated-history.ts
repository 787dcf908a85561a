/**
 * Long histories that are linearizable because they are made so: clients call, the register does it at a moment of its own, the
 * answer comes later still, all interleaved at random.
 */

import type { Operation } from '../../src/linearizability/model.ts';
import type { V2RegisterInput, V2RegisterOutput } from '../../src/linearizability/v2-register.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

export type RegisterOperation = Operation<V2RegisterInput, V2RegisterOutput>;

export interface GeneratedHistory {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** Of a thousand operations, how many are never answered; half of these never happen. */
  readonly unansweredPerThousand: number;
  /** Do answers tell modifiedIndex and prevNode? */
  readonly tellsIndexes: boolean;
  /** Values are taken from so many; undefined: each is written once. */
  readonly values?: number;
}

interface Flight {
  readonly client: number;
  readonly input: V2RegisterInput;
  readonly calledAt: number;
  readonly isLost: boolean;
  output: V2RegisterOutput | undefined;
}

export function generateHistory(random: SeededRandom, wanted: GeneratedHistory): RegisterOperation[] {
  const nodes = new Map<string, { value: string; index: number }>();
  const flights: (Flight | undefined)[] = Array.from({ length: wanted.clients }, () => undefined);
  const done: RegisterOperation[] = [];
  let index = 0;
  let client = wanted.clients;
  let begun = 0;

  const told = (at: number): { index: number } | object => (wanted.tellsIndexes ? { index: at } : {});
  const change = (key: string, value: string | undefined): V2RegisterOutput => {
    const before = nodes.get(key);
    index++;
    if (value === undefined) nodes.delete(key);
    else nodes.set(key, { value, index });
    return { result: 'done', ...told(index), ...(wanted.tellsIndexes ? { previous: before ?? null } : {}) };
  };
  const happen = (input: V2RegisterInput): V2RegisterOutput => {
    const node = nodes.get(input.key);
    switch (input.kind) {
      case 'get':
        return node === undefined
          ? { result: 'missing' }
          : { result: 'found', value: node.value, ...told(node.index) };
      case 'set':
        return change(input.key, input.value);
      case 'create':
        return node === undefined ? change(input.key, input.value) : { result: 'exists' };
      case 'update':
        return node === undefined ? { result: 'missing' } : change(input.key, input.value);
      case 'delete':
        return node === undefined ? { result: 'missing' } : change(input.key, undefined);
      case 'compareAndSwap':
      case 'compareAndDelete': {
        if (node === undefined) return { result: 'missing' };
        if (input.prevValue !== undefined && input.prevValue !== node.value)
          return { result: 'compareFailed' };
        if (input.prevIndex !== undefined && input.prevIndex !== node.index)
          return { result: 'compareFailed' };
        return change(input.key, input.kind === 'compareAndSwap' ? input.value : undefined);
      }
    }
  };
  const draw = (): V2RegisterInput => {
    const key = `/k${random.below(wanted.keys)}`;
    const value = wanted.values === undefined ? `v${begun}` : `v${random.below(wanted.values)}`;
    const node = nodes.get(key);
    const kind = random.below(10);
    if (kind < 5) return { key, kind: 'get' };
    if (kind < 7 || node === undefined) return { key, kind: 'set', value };
    if (kind === 7) return { key, kind: 'compareAndSwap', prevValue: node.value, value };
    if (kind === 8 && wanted.tellsIndexes)
      return { key, kind: 'compareAndSwap', prevIndex: node.index, value };
    return random.below(2) === 0 ? { key, kind: 'delete' } : { key, kind: 'create', value };
  };

  for (let now = 0; done.length < wanted.operations; now++) {
    const at = random.below(wanted.clients);
    const flight = flights[at];
    if (flight === undefined) {
      if (begun >= wanted.operations) continue;
      const isLost = random.below(1000) < wanted.unansweredPerThousand;
      flights[at] = { client: at, input: draw(), calledAt: now, isLost, output: undefined };
      begun++;
    } else if (flight.output === undefined) {
      if (flight.isLost && random.below(2) === 0) {
        done.push({ ...flight, client: client++, output: undefined, answeredAt: 0 });
        flights[at] = undefined;
      } else flight.output = happen(flight.input);
    } else {
      if (flight.isLost) done.push({ ...flight, client: client++, output: undefined, answeredAt: 0 });
      else done.push({ ...flight, answeredAt: now });
      flights[at] = undefined;
    }
  }
  return done;
}
