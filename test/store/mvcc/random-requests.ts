/** Draws requests that etcd's API lets through: no key is changed twice in one transaction. */

import type {
  Compare,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../src/wire/v3/kv-types.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { bytes, deleteRequest, NO_BYTES, putRequest, rangeRequest } from './requests.ts';

/** Keys that lie close together, and some that tempt whoever combines keys with other bytes. */
export const KEYS = [
  '\0',
  '\0\0',
  '\0\xff',
  'a',
  'a\0',
  'a\0\0',
  'a\0\x01',
  'a\0\xff',
  'a\x01',
  'aa',
  'ab',
  'b',
  'b\xff',
  'b\xff\xff',
  'c',
  'c\0',
  'd',
  'dir/1',
  'dir/10',
  'dir/2',
  'dir/3',
  'e',
  'f',
  'g',
  '\xff',
  '\xff\0',
  '\xff\xff',
];

export interface Situation {
  readonly revision: number;
  readonly leases: readonly bigint[];
}

export class RandomRequests {
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];

  constructor(random: SeededRandom, keys: readonly string[] = KEYS) {
    this.#random = random;
    this.#keys = keys;
  }

  key(): string {
    return this.#random.pick(this.#keys);
  }

  chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  value(): string {
    const random = this.#random;
    const kind = random.below(10);
    if (kind === 0) return '';
    // Too long to stand in the table of newest versions.
    if (kind === 1) return `${random.below(1000)}${'x'.repeat(510 + random.below(10))}`;
    return String(random.below(5));
  }

  put(situation: Situation, key: string = this.key()): PutRequest {
    const ignoreValue = this.chance(8);
    const ignoreLease = this.chance(8);
    return putRequest(key, ignoreValue ? '' : this.value(), {
      prevKv: this.chance(30),
      ignoreValue,
      ignoreLease,
      lease: ignoreLease || !this.chance(25) ? 0n : this.lease(situation),
    });
  }

  /** One that exists, mostly. */
  lease(situation: Situation): bigint {
    if (situation.leases.length === 0 || this.chance(5)) return 999n;
    return this.#random.pick(situation.leases);
  }

  keyRange(): KeyRange {
    const key = this.key();
    const kind = this.#random.below(10);
    if (kind < 4) return { key: bytes(key), rangeEnd: NO_BYTES };
    if (kind < 6) return { key: bytes(key), rangeEnd: bytes('\0') };
    if (kind < 7) return { key: bytes('\0'), rangeEnd: bytes('\0') };
    // Now and then an empty range.
    return { key: bytes(key), rangeEnd: bytes(this.key()) };
  }

  range(situation: Situation): RangeRequest {
    const { revision } = situation;
    const more: Partial<Record<keyof RangeRequest, number | boolean>> = {};
    if (this.chance(40)) more.revision = this.#near(revision);
    if (this.chance(40)) more.limit = this.below(8) - 1;
    if (this.chance(30)) more.sortOrder = this.below(3);
    if (this.chance(30)) more.sortTarget = this.below(5);
    if (this.chance(15)) more.keysOnly = true;
    if (this.chance(10)) more.countOnly = true;
    if (this.chance(10)) more.minModRevision = this.below(revision + 2);
    if (this.chance(10)) more.maxModRevision = this.below(revision + 2);
    if (this.chance(10)) more.minCreateRevision = this.below(revision + 2);
    if (this.chance(10)) more.maxCreateRevision = this.below(revision + 2);
    return { ...rangeRequest(''), ...this.keyRange(), ...more } as RangeRequest;
  }

  /** With not more than a few revisions below; now and then one that is not there yet. */
  #near(revision: number): number {
    if (this.chance(5)) return revision + 1 + this.below(2);
    return Math.max(0, revision - this.below(this.chance(50) ? 12 : 60));
  }

  compare(situation: Situation): Compare {
    const target = this.below(5);
    const number = this.below(3) === 0 ? this.below(3) : this.#near(situation.revision);
    // Now and then an operand of another field.
    const operands: readonly Compare['operand'][] = [
      { kind: 'version', value: this.below(4) },
      { kind: 'create', value: number },
      { kind: 'mod', value: number },
      { kind: 'value', value: bytes(this.value()) },
      { kind: 'lease', value: this.chance(50) ? 0n : this.lease(situation) },
    ];
    const operand = this.chance(90) ? operands[target] : undefined;
    return { ...this.keyRange(), target, result: this.below(4), operand };
  }

  txn(situation: Situation): TxnRequest {
    return this.#txn(situation, new Set(), !this.chance(20), 0);
  }

  #txn(situation: Situation, changed: Set<string>, puts: boolean, depth: number): TxnRequest {
    const compare = Array.from({ length: this.below(3) }, () => this.compare(situation));
    const operations = (): RequestOp[] =>
      Array.from({ length: this.below(4) }, () => this.#operation(situation, changed, puts, depth));
    return { compare, success: operations(), failure: operations() };
  }

  #operation(situation: Situation, changed: Set<string>, puts: boolean, depth: number): RequestOp {
    const kind = this.below(10);
    if (kind < 2 && depth < 2) {
      return { kind: 'txn', request: this.#txn(situation, changed, puts, depth + 1) };
    }
    if (kind < 5) return { kind: 'range', request: this.range(situation) };
    if (!puts) return { kind: 'delete-range', request: { ...this.keyRange(), prevKv: this.chance(50) } };
    const key = this.key();
    if (changed.has(key)) return { kind: 'range', request: rangeRequest(key) };
    changed.add(key);
    if (kind < 6) return { kind: 'delete-range', request: deleteRequest(key, '', this.chance(50)) };
    return { kind: 'put', request: this.put(situation, key) };
  }
}
