/** Arbitrary requests of the v3 log, and the same in the shape of the generated code. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CompareSchema,
  RangeRequestSchema,
  RequestOpSchema,
  TxnRequestSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import type { InternalRaftRequestSchema } from '../../../src/wire/generated/etcdserverpb/raft_internal_pb.ts';
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  V3Request,
} from '../../../src/wire/v3/kv-types.ts';
import { fc } from '../../support/fast-check.ts';

export const bytes = fc.uint8Array({ maxLength: 200 });
export const safe = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
);
export const revision = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());
export const int64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 5n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
export const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const option = fc.boolean();
const plain = { noNullPrototype: true } as const;

export const putRequest: fc.Arbitrary<PutRequest> = fc.record(
  { key: bytes, value: bytes, lease: int64, prevKv: option, ignoreValue: option, ignoreLease: option },
  plain,
);

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record(
  {
    key: bytes,
    rangeEnd: bytes,
    limit: safe,
    revision: safe,
    sortOrder: fc.nat({ max: 2 }),
    sortTarget: fc.nat({ max: 4 }),
    serializable: option,
    keysOnly: option,
    countOnly: option,
    minModRevision: safe,
    maxModRevision: safe,
    minCreateRevision: safe,
    maxCreateRevision: safe,
  },
  plain,
);

export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record(
  { key: bytes, rangeEnd: bytes, prevKv: option },
  plain,
);

const compare: fc.Arbitrary<Compare> = fc.record(
  {
    key: bytes,
    rangeEnd: bytes,
    result: fc.nat({ max: 3 }),
    target: fc.nat({ max: 4 }),
    operand: fc.option(
      fc.oneof(
        fc.record({ kind: fc.constantFrom('version', 'create', 'mod'), value: safe }, plain),
        fc.record({ kind: fc.constant('value' as const), value: bytes }, plain),
        fc.record({ kind: fc.constant('lease' as const), value: int64 }, plain),
      ),
      { nil: undefined },
    ),
  },
  plain,
);

function txnWith(operation: fc.Arbitrary<RequestOp>): fc.Arbitrary<TxnRequest> {
  const operations = fc.array(operation, { maxLength: 3 });
  return fc.record(
    { compare: fc.array(compare, { maxLength: 3 }), success: operations, failure: operations },
    plain,
  );
}

const simpleOperation: fc.Arbitrary<RequestOp> = fc.oneof(
  fc.record({ kind: fc.constant('range' as const), request: rangeRequest }, plain),
  fc.record({ kind: fc.constant('put' as const), request: putRequest }, plain),
  fc.record({ kind: fc.constant('delete-range' as const), request: deleteRangeRequest }, plain),
  fc.constant({ kind: 'none' as const }),
);
const nested = fc.record({ kind: fc.constant('txn' as const), request: txnWith(simpleOperation) }, plain);
export const txnRequest: fc.Arbitrary<TxnRequest> = txnWith(fc.oneof(simpleOperation, nested));

function kind<K extends string>(name: K): fc.Arbitrary<K> {
  return fc.constant(name);
}

/** All but those of auth, which have no encoder. */
export const v3Request: fc.Arbitrary<Exclude<V3Request, { kind: 'auth' }>> = fc.oneof(
  fc.record({ kind: kind('range'), request: rangeRequest }, plain),
  fc.record({ kind: kind('put'), request: putRequest }, plain),
  fc.record({ kind: kind('delete-range'), request: deleteRangeRequest }, plain),
  fc.record({ kind: kind('txn'), request: txnRequest }, plain),
  fc.record(
    { kind: kind('compaction'), request: fc.record({ revision: safe, physical: option }, plain) },
    plain,
  ),
  fc.record({ kind: kind('lease-grant'), request: fc.record({ ttl: safe, id: int64 }, plain) }, plain),
  fc.record({ kind: kind('lease-revoke'), request: fc.record({ id: int64 }, plain) }, plain),
  fc.record(
    {
      kind: kind('lease-checkpoint'),
      checkpoints: fc.array(fc.record({ id: int64, remainingTtl: safe }, plain), { maxLength: 5 }),
    },
    plain,
  ),
  fc.record(
    {
      kind: kind('alarm'),
      request: fc.record({ action: fc.nat({ max: 2 }), memberId: uint64, alarm: fc.nat({ max: 2 }) }, plain),
    },
    plain,
  ),
  fc.record({ kind: kind('cluster-version-set'), version: text }, plain),
  fc.record(
    {
      kind: kind('member-attributes-set'),
      memberId: uint64,
      name: text,
      clientURLs: fc.array(text, { maxLength: 3 }),
    },
    plain,
  ),
  fc.record({ kind: kind('downgrade-info-set'), enabled: option, version: text }, plain),
);

export function generatedRange(request: RangeRequest): MessageInitShape<typeof RangeRequestSchema> {
  return {
    ...request,
    sortOrder: request.sortOrder as 0,
    sortTarget: request.sortTarget as 0,
    limit: BigInt(request.limit),
    revision: BigInt(request.revision),
    minModRevision: BigInt(request.minModRevision),
    maxModRevision: BigInt(request.maxModRevision),
    minCreateRevision: BigInt(request.minCreateRevision),
    maxCreateRevision: BigInt(request.maxCreateRevision),
  };
}

export function generatedTxn(request: TxnRequest): MessageInitShape<typeof TxnRequestSchema> {
  return {
    compare: request.compare.map(generatedCompare),
    success: request.success.map(generatedOperation),
    failure: request.failure.map(generatedOperation),
  };
}

function generatedCompare(compared: Compare): MessageInitShape<typeof CompareSchema> {
  const { operand, ...rest } = compared;
  return { ...rest, targetUnion: operandOf(operand) } as MessageInitShape<typeof CompareSchema>;
}

function operandOf(operand: Compare['operand']) {
  if (operand === undefined) return { case: undefined };
  switch (operand.kind) {
    case 'create':
      return { case: 'createRevision', value: BigInt(operand.value) };
    case 'mod':
      return { case: 'modRevision', value: BigInt(operand.value) };
    case 'version':
      return { case: 'version', value: BigInt(operand.value) };
    default:
      return { case: operand.kind, value: operand.value };
  }
}

function generatedOperation(operation: RequestOp): MessageInitShape<typeof RequestOpSchema> {
  switch (operation.kind) {
    case 'none':
      return {};
    case 'range':
      return { request: { case: 'requestRange', value: generatedRange(operation.request) } };
    case 'put':
      return { request: { case: 'requestPut', value: operation.request } };
    case 'delete-range':
      return { request: { case: 'requestDeleteRange', value: operation.request } };
    case 'txn':
      return { request: { case: 'requestTxn', value: generatedTxn(operation.request) } };
  }
}

/** The field of InternalRaftRequest. */
export function generatedV3(
  request: Exclude<V3Request, { kind: 'auth' }>,
): MessageInitShape<typeof InternalRaftRequestSchema> {
  switch (request.kind) {
    case 'range':
      return { range: generatedRange(request.request) };
    case 'put':
      return { put: request.request };
    case 'delete-range':
      return { deleteRange: request.request };
    case 'txn':
      return { txn: generatedTxn(request.request) };
    case 'compaction':
      return { compaction: { ...request.request, revision: BigInt(request.request.revision) } };
    case 'lease-grant':
      return { leaseGrant: { TTL: BigInt(request.request.ttl), ID: request.request.id } };
    case 'lease-revoke':
      return { leaseRevoke: { ID: request.request.id } };
    case 'lease-checkpoint':
      return {
        leaseCheckpoint: {
          checkpoints: request.checkpoints.map((each) => ({
            ID: each.id,
            remainingTTL: BigInt(each.remainingTtl),
          })),
        },
      };
    case 'alarm': {
      const { action, memberId, alarm } = request.request;
      return { alarm: { action: action as 0, memberID: memberId, alarm: alarm as 0 } };
    }
    case 'cluster-version-set':
      return { clusterVersionSet: { ver: request.version } };
    case 'member-attributes-set':
      return {
        clusterMemberAttrSet: {
          memberID: request.memberId,
          memberAttributes: { name: request.name, clientUrls: [...request.clientURLs] },
        },
      };
    case 'downgrade-info-set':
      return { downgradeInfoSet: { enabled: request.enabled, ver: request.version } };
  }
}
