/** Transactions of ranges only: large ones are read in slices of one revision, and answer as they would at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { KvService } from '../../../src/api/v3/kv-service.ts';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  type RangeRequestSchema,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { encodeTxnResponse } from '../../../src/wire/v3/kv-responses.ts';
import { decodeTxnRequest } from '../../../src/wire/v3/txn-request.ts';
import { bytes, deleteRequest, FROM_KEY, putRequest } from '../../store/mvcc/requests.ts';
import { fc } from '../../support/fast-check.ts';
import type { FakeStreamCall } from '../support/fake-stream-call.ts';
import { answerOf, ended, failureOf, Methods } from './support/calls.ts';
import { FakeMember } from './support/fake-member.ts';

const KEYS = 300;
const ALL = { key: bytes('k'), rangeEnd: FROM_KEY };

class Transactions {
  readonly member = new FakeMember();
  readonly #methods: Methods;

  constructor(valueBytes = 10_000) {
    const options = { maxTxnOperations: 128, maxRequestBytes: 1_500_000 };
    this.#methods = new Methods(new KvService(this.member.context, options).methods());
    for (let i = 0; i < KEYS; i++) this.put(keyOf(i), 'v'.repeat(valueBytes));
  }

  put(key: string, value: string): void {
    this.member.v3.kv.put(putRequest(key, value));
  }

  call(fields: MessageInitShape<typeof TxnRequestSchema>): FakeStreamCall {
    return this.#methods.call('/etcdserverpb.KV/Txn', TxnRequestSchema, fields);
  }

  /** What the store answers in one turn. */
  atOnce(fields: MessageInitShape<typeof TxnRequestSchema>): TxnResponse | string {
    const { kv } = this.member.v3;
    const request = decodeTxnRequest(toBinary(TxnRequestSchema, create(TxnRequestSchema, fields)));
    const result = kv.txn(request);
    if (result.kind === 'error') return result.code;
    const { context } = this.member;
    return fromBinary(
      TxnResponseSchema,
      Uint8Array.from(encodeTxnResponse(context.writer, context.header(result.revision), result)),
    );
  }
}

function keyOf(number: number): string {
  return `k${String(number).padStart(5, '0')}`;
}

function range(fields: MessageInitShape<typeof RangeRequestSchema>): {
  request: { case: 'requestRange'; value: MessageInitShape<typeof RangeRequestSchema> };
} {
  return { request: { case: 'requestRange', value: fields } };
}

test('two large ranges are one answer, of one revision, read in several turns', async () => {
  const transactions = new Transactions();
  const fields = { success: [range(ALL), range({ key: bytes(keyOf(7)) }), range(ALL)] };
  const expected = transactions.atOnce(fields);
  const call = transactions.call(fields);
  assert.equal(call.closed, false, 'more than one slice');
  const { kv } = transactions.member.v3;
  kv.deleteRange(deleteRequest('k', '\0'));
  transactions.put(keyOf(7), 'later');
  kv.compact({ revision: kv.revision, physical: false });
  while (kv.compactSlice()) await nextTurn();
  assert.equal(kv.compactionPending, true, 'it waits for the transaction');
  await ended(call);
  assert.deepEqual(answerOf(TxnResponseSchema, call), expected);
  while (kv.compactSlice()) await nextTurn();
  assert.equal(kv.compactionPending, false);
});

test('a client that leaves is not waited for', async () => {
  const transactions = new Transactions();
  const call = transactions.call({ success: [range(ALL)], failure: [range(ALL)] });
  const { kv } = transactions.member.v3;
  kv.deleteRange(deleteRequest('k', '\0'));
  kv.compact({ revision: kv.revision, physical: false });
  call.leave();
  await nextTurn();
  while (kv.compactSlice()) await nextTurn();
  assert.equal(kv.compactionPending, false);
});

test('an error of the branch taken, and none of the other', async () => {
  const transactions = new Transactions();
  const future = range({ ...ALL, revision: 1_000_000n });
  const compare = [version(ALL, 1n)];
  const taken = transactions.call({ compare, success: [range(ALL), future] });
  await ended(taken);
  assert.match(failureOf(taken), /required revision is a future revision/);
  const other = transactions.call({ compare, success: [range(ALL)], failure: [future] });
  await ended(other);
  assert.equal(answerOf(TxnResponseSchema, other).succeeded, true);
  const { kv } = transactions.member.v3;
  kv.compact({ revision: kv.revision, physical: false });
  while (kv.compactSlice()) await nextTurn();
  assert.equal(kv.compactionPending, false, 'neither holds its revision');
});

test('in slices and at once the same is answered', async () => {
  const transactions = new Transactions(2_000);
  for (let i = 0; i < KEYS; i += 3) transactions.put(keyOf(i), 'again');
  const key = fc.nat(KEYS + 5).map(keyOf);
  const span = fc.record({
    key: key.map(bytes),
    rangeEnd: fc.oneof(key.map(bytes), fc.constant(FROM_KEY), fc.constant(new Uint8Array(0))),
  });
  const ranged = fc
    .record({
      span,
      limit: fc.constantFrom(0n, 0n, 5n, 50n),
      revision: fc.constantFrom(0n, 0n, 100n, 350n, 9999n),
      keysOnly: fc.boolean(),
      countOnly: fc.boolean(),
      sortTarget: fc.constantFrom(0, 3),
      sortOrder: fc.constantFrom(0, 1, 2),
    })
    .map(({ span, ...rest }) => range({ ...span, ...rest }));
  const compared = fc.record({ span, is: fc.constantFrom(1n, 2n) }).map(({ span, is }) => version(span, is));
  await fc.assert(
    fc.asyncProperty(
      fc.array(compared, { maxLength: 2 }),
      fc.array(ranged, { maxLength: 4 }),
      fc.array(ranged, { maxLength: 4 }),
      async (compare, success, failure) => {
        const fields = { compare, success, failure };
        const expected = transactions.atOnce(fields);
        const call = transactions.call(fields);
        await ended(call);
        if (typeof expected === 'string') assert.match(failureOf(call), /future revision|compacted/);
        else assert.deepEqual(answerOf(TxnResponseSchema, call), expected);
      },
    ),
  );
});

function version(
  span: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
  is: bigint,
): MessageInitShape<typeof CompareSchema> {
  return {
    ...span,
    result: Compare_CompareResult.EQUAL,
    target: Compare_CompareTarget.VERSION,
    targetUnion: { case: 'version', value: is },
  };
}
