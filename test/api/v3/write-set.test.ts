/** No key is written twice in a transaction: the rule held against a twin that asks key by key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteSet } from '../../../src/api/v3/write-set.ts';
import type { RequestOp } from '../../../src/wire/v3/kv-types.ts';
import { deleteRequest, putRequest, rangeRequest, txnRequest } from '../../store/mvcc/requests.ts';
import { fc } from '../../support/fast-check.ts';

/** Every key there is: up to two letters, so that ranges begin and end between keys, too. */
const KEYS = ['a', 'b', 'c', 'd'].flatMap((first) => [
  first,
  ...['a', 'b', 'c', 'd'].map((next) => first + next),
]);

interface Written {
  readonly puts: ReadonlySet<string>;
  readonly deletes: ReadonlySet<string>;
}

/** Undefined: a key would be written twice. */
function naive(operations: readonly RequestOp[]): Written | undefined {
  const puts = new Set<string>();
  const deletes = new Set<string>();
  const nested: Written[] = [];
  for (const each of operations) {
    if (each.kind === 'delete-range') for (const key of keysOf(each.request)) deletes.add(key);
    if (each.kind !== 'txn') continue;
    const then = naive(each.request.success);
    const otherwise = naive(each.request.failure);
    if (then === undefined || otherwise === undefined) return undefined;
    // Only one of the branches happens, so that they may put the same keys.
    nested.push({
      puts: new Set([...then.puts, ...otherwise.puts]),
      deletes: new Set([...then.deletes, ...otherwise.deletes]),
    });
  }
  // In the order of the operations: what is deleted outside or in an earlier branch is taken, a later one's deletes are not looked at.
  for (const written of nested) {
    for (const key of written.puts) {
      if (puts.has(key) || deletes.has(key)) return undefined;
      puts.add(key);
    }
    for (const key of written.deletes) deletes.add(key);
  }
  for (const each of operations) {
    if (each.kind !== 'put') continue;
    const key = Buffer.from(each.request.key).toString();
    if (puts.has(key) || deletes.has(key)) return undefined;
    puts.add(key);
  }
  return { puts, deletes };
}

function keysOf(request: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): string[] {
  const start = Buffer.from(request.key).toString();
  const end = Buffer.from(request.rangeEnd).toString();
  if (end === '') return [start];
  return KEYS.filter((key) => key >= start && (end === '\0' || key < end));
}

const key = fc.constantFrom(...KEYS);
const leaf: fc.Arbitrary<RequestOp> = fc.oneof(
  { weight: 3, arbitrary: key.map((each) => ({ kind: 'put' as const, request: putRequest(each) })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, fc.oneof(fc.constant(''), fc.constant('\0'), key))
      .map(([start, end]) => ({ kind: 'delete-range' as const, request: deleteRequest(start, end) })),
  },
  { weight: 1, arbitrary: key.map((each) => ({ kind: 'range' as const, request: rangeRequest(each) })) },
);

function operations(depth: number): fc.Arbitrary<RequestOp[]> {
  if (depth === 0) return fc.array(leaf, { maxLength: 3 });
  const nested = fc
    .tuple(operations(depth - 1), operations(depth - 1))
    .map(([success, failure]): RequestOp => ({ kind: 'txn', request: txnRequest([], success, failure) }));
  return fc.array(fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: nested }), {
    maxLength: 4,
  });
}

test('the set finds exactly what the twin finds', (t) => {
  let accepted = 0;
  let refused = 0;
  const runs = process.env['QUORATE_FULL'] === '1' ? 50_000 : 3_000;
  fc.assert(
    fc.property(operations(2), (drawn) => {
      const isFree = WriteSet.of(drawn) !== undefined;
      assert.equal(isFree, naive(drawn) !== undefined);
      if (isFree) accepted++;
      else refused++;
    }),
    { numRuns: runs },
  );
  t.diagnostic(`${accepted} accepted, ${refused} refused`);
  assert.ok(accepted > runs / 10 && refused > runs / 10, 'both kinds are drawn often');
});
