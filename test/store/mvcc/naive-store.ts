/**
 * The store's meaning, as plainly as it can be said: a list of all changes ever made and not compacted, searched from end to end for every
 * question. No tables, no order but the list's.
 */

import { crc32c } from '../../../src/wire/crc32c.ts';
import { encodeKeyValue, type KeyValue } from '../../../src/wire/v3/key-value.ts';
import type {
  Compare,
  DeleteRangeRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../src/wire/v3/kv-types.ts';
import { bytes, NO_BYTES, text } from './requests.ts';

interface Change {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  /** Undefined: the key was deleted. */
  readonly kv: KeyValue | undefined;
}

type Answer = { kind: string; [field: string]: unknown } | string;

export class NaiveStore {
  changes: Change[] = [];
  revision = 1;
  compacted = -1;
  leases = new Set<bigint>();
  #newest = 1;
  #sub = 0;

  /** Every key's version at a revision, in the order of keys. */
  versionsAt(revision: number): KeyValue[] {
    const newest = new Map<string, KeyValue | undefined>();
    for (const change of this.changes) if (change.main <= revision) newest.set(change.key, change.kv);
    return [...newest.values()]
      .filter((kv) => kv !== undefined)
      .sort((a, b) => (text(a.key) < text(b.key) ? -1 : 1));
  }

  range(request: RangeRequest): Answer {
    if (request.revision > this.#newest) return 'future-revision';
    const revision = request.revision > 0 ? request.revision : this.#newest;
    if (revision < this.compacted) return 'compacted';
    const all = this.versionsAt(revision).filter((kv) => isWithin(request, kv.key));
    if (request.countOnly)
      return { kind: 'range', revision: this.#newest, kvs: [], more: false, count: all.length };
    let kvs = all.filter(
      (kv) =>
        (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
        (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
        (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision) &&
        (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision),
    );
    const isFiltered =
      request.minModRevision ||
      request.maxModRevision ||
      request.minCreateRevision ||
      request.maxCreateRevision;
    // etcd's quirk: with a target but no order it cuts before it sorts.
    if (request.sortOrder === 0 && !isFiltered && request.limit > 0) kvs = kvs.slice(0, request.limit + 1);
    if (request.sortOrder !== 0 || request.sortTarget !== 0) {
      const by = (kv: KeyValue): number | string =>
        [text(kv.key), kv.version, kv.createRevision, kv.modRevision, text(kv.value)][request.sortTarget]!;
      const sign = request.sortOrder === 2 ? -1 : 1;
      kvs.sort((a, b) => (by(a) < by(b) ? -sign : by(a) > by(b) ? sign : 0));
    }
    const more = request.limit > 0 && kvs.length > request.limit;
    if (more) kvs = kvs.slice(0, request.limit);
    if (request.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: NO_BYTES }));
    return { kind: 'range', revision: this.#newest, kvs: kvs.map(shown), more, count: all.length };
  }

  put(request: PutRequest): Answer {
    if (request.lease !== 0n && !this.leases.has(request.lease)) return 'lease-not-found';
    const answer = this.#put(request);
    this.#finish();
    return answer;
  }

  deleteRange(request: DeleteRangeRequest): Answer {
    const answer = this.#delete(request);
    this.#finish();
    return answer;
  }

  txn(request: TxnRequest): Answer {
    const chosen = this.#choose(request);
    const flat = chosen.flat();
    for (const operation of flat) {
      if (operation.kind !== 'put') continue;
      const { key, ignoreValue, ignoreLease, lease } = operation.request;
      if ((ignoreValue || ignoreLease) && this.#get(key) === undefined) return 'key-not-found';
      if (lease !== 0n && !this.leases.has(lease)) return 'lease-not-found';
    }
    for (const operation of flat) {
      if (operation.kind !== 'range' || operation.request.revision === 0) continue;
      if (operation.request.revision > this.revision) return 'future-revision';
      if (operation.request.revision < this.compacted) return 'compacted';
    }
    const answer = this.#apply(chosen);
    this.#finish();
    return { ...answer, revision: this.revision };
  }

  compact(revision: number): string {
    if (revision <= this.compacted) return 'compacted';
    if (revision > this.revision) return 'future-revision';
    this.compacted = revision;
    this.changes = this.changes.filter((change, i) => {
      if (change.main > revision) return true;
      if (change.kv === undefined) return change.main === revision;
      return !this.changes.some((later, j) => j > i && later.key === change.key && later.main <= revision);
    });
    return 'done';
  }

  deleteLeaseKeys(lease: bigint): number {
    for (const key of this.leaseKeys(lease)) this.#change(key, undefined);
    this.#finish();
    return this.revision;
  }

  leaseKeys(lease: bigint): string[] {
    return this.versionsAt(this.revision)
      .filter((kv) => kv.lease === lease)
      .map((kv) => text(kv.key));
  }

  /** As etcd computes it once its compactions are through. */
  hashKv(revision: number): number {
    const keep = new Set(this.versionsAt(revision).map((kv) => `${text(kv.key)}@${kv.modRevision}`));
    let crc = crc32c(0, bytes('key'));
    for (const { main, sub, key, kv } of this.changes) {
      if (main > revision) continue;
      if (main <= this.compacted && keep.size > 0 && !(kv !== undefined && keep.has(`${key}@${main}`)))
        continue;
      if (main === this.compacted && kv === undefined) continue;
      const name = Buffer.alloc(kv === undefined ? 18 : 17);
      name.writeBigUInt64BE(BigInt(main), 0);
      name.write('_', 8);
      name.writeBigUInt64BE(BigInt(sub), 9);
      if (kv === undefined) name.write('t', 17);
      crc = crc32c(crc, name);
      crc = crc32c(crc, kv === undefined ? encodeKeyValue(bytes(key), 0, 0, 0, NO_BYTES, 0n) : encoded(kv));
    }
    return crc;
  }

  /** `5 put a=1 ...` */
  events(from: number): string[] | string {
    if (from < this.compacted) return 'compacted';
    return this.changes
      .filter((change) => change.main >= from)
      .map(({ main, key, kv }) => (kv === undefined ? `${main} delete ${key}` : `${main} put ${shown(kv)}`));
  }

  #choose(request: TxnRequest): Chosen {
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const operations = succeeded ? request.success : request.failure;
    const nested = operations.map((operation) =>
      operation.kind === 'txn' ? this.#choose(operation.request) : undefined,
    );
    return new Chosen(succeeded, operations, nested);
  }

  #holds(compare: Compare): boolean {
    const kvs = this.versionsAt(this.revision).filter((kv) => isWithin(compare, kv.key));
    if (kvs.length === 0) {
      if (compare.target === 3) return false;
      kvs.push({ key: NO_BYTES, createRevision: 0, modRevision: 0, version: 0, value: NO_BYTES, lease: 0n });
    }
    return kvs.every((kv) => {
      const mine = [kv.version, kv.createRevision, kv.modRevision, text(kv.value), kv.lease][compare.target]!;
      const operand = compare.operand;
      const matches = operand?.kind === ['version', 'create', 'mod', 'value', 'lease'][compare.target];
      let theirs: number | string | bigint = compare.target === 3 ? '' : 0;
      if (operand !== undefined && matches)
        theirs = operand.kind === 'value' ? text(operand.value) : operand.value;
      // A bigint and a number are compared by value.
      const order = mine < theirs ? -1 : mine > theirs ? 1 : 0;
      return [order === 0, order > 0, order < 0, order !== 0][compare.result]!;
    });
  }

  #apply(chosen: Chosen): { kind: string; [field: string]: unknown } {
    const responses = chosen.operations.map((operation, i): Answer => {
      switch (operation.kind) {
        case 'range':
          return this.range(operation.request);
        case 'put':
          return this.#put(operation.request);
        case 'delete-range':
          return this.#delete(operation.request);
        case 'txn':
          return this.#apply(chosen.nested[i]!);
        default:
          throw new Error('never drawn');
      }
    });
    return { kind: 'txn', revision: 0, succeeded: chosen.succeeded, responses };
  }

  #put(request: PutRequest): Answer {
    const before = this.#get(request.key);
    if ((request.ignoreValue || request.ignoreLease) && before === undefined) return 'key-not-found';
    const value = request.ignoreValue ? before!.value : request.value;
    const lease = request.ignoreLease ? before!.lease : request.lease;
    const main = this.revision + 1;
    this.#change(text(request.key), {
      key: request.key,
      createRevision: before?.createRevision ?? main,
      modRevision: main,
      version: (before?.version ?? 0) + 1,
      value,
      lease,
    });
    const prevKv = request.prevKv && before !== undefined ? shown(before) : undefined;
    return { kind: 'put', revision: main, prevKv };
  }

  #delete(request: DeleteRangeRequest): Answer {
    const kvs = this.versionsAt(this.#newest).filter((kv) => isWithin(request, kv.key));
    for (const kv of kvs) this.#change(text(kv.key), undefined);
    return {
      kind: 'delete-range',
      revision: this.#newest,
      deleted: kvs.length,
      prevKvs: request.prevKv ? kvs.map(shown) : [],
    };
  }

  #get(key: Uint8Array): KeyValue | undefined {
    return this.versionsAt(this.#newest).find((kv) => text(kv.key) === text(key));
  }

  #change(key: string, kv: KeyValue | undefined): void {
    this.#newest = this.revision + 1;
    this.changes.push({ main: this.#newest, sub: this.#sub++, key, kv });
  }

  #finish(): void {
    this.revision = this.#newest;
    this.#sub = 0;
  }
}

class Chosen {
  readonly succeeded: boolean;
  readonly operations: readonly RequestOp[];
  readonly nested: readonly (Chosen | undefined)[];

  constructor(succeeded: boolean, operations: readonly RequestOp[], nested: readonly (Chosen | undefined)[]) {
    this.succeeded = succeeded;
    this.operations = operations;
    this.nested = nested;
  }

  /** All operations of the branches taken, depth first. */
  flat(): RequestOp[] {
    return this.operations.flatMap((operation, i) => this.nested[i]?.flat() ?? [operation]);
  }
}

function isWithin(range: KeyRange, key: Uint8Array): boolean {
  const [wanted, start, end] = [text(key), text(range.key), text(range.rangeEnd)];
  if (end === '') return wanted === start;
  return wanted >= start && (end === '\0' || wanted < end);
}

function encoded(kv: KeyValue): Uint8Array {
  return encodeKeyValue(kv.key, kv.createRevision, kv.modRevision, kv.version, kv.value, kv.lease);
}

function shown(kv: KeyValue): string {
  const lease = kv.lease === 0n ? '' : ` L${kv.lease}`;
  return `${text(kv.key)}=${text(kv.value)} c${kv.createRevision} m${kv.modRevision} v${kv.version}${lease}`;
}
