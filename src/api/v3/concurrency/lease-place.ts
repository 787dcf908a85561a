/**
 * What locks and elections are made of: below the prefix `NAME/` stands one key for each lease that wants its turn,
 *
 *     NAME/LEASE      LEASE in hexadecimal; attached to the lease, so that it goes with it
 *
 * and whoever's key has the lowest create revision has the turn. Clients that do the same by themselves (etcdctl lock, etcdctl elect) stand in the same line.
 *
 * All failures are told with the status `unknown`, as in etcd, whose services are clients of its own API.
 */
import { type GrpcCall, GrpcStatus } from '../../../net/grpc-call.ts';
import type { ServerError } from '../../../server/contract.ts';
import type { V3Failure } from '../../../server/v3-contract.ts';
import type { TxnResult } from '../../../store/mvcc/types.ts';
import { CompareResult, CompareTarget, type RequestOp, type TxnRequest } from '../../../wire/v3/kv-types.ts';
import { rpcError } from '../errors.ts';
import type { RpcContext } from '../rpc-context.ts';

/** Of a lease that the server grants for who brings none. */
const SESSION_TTL_SECONDS = 60;
const EMPTY = new Uint8Array(0);

export interface Place {
  readonly key: Uint8Array;
  readonly createRevision: number;
}

export function prefixOf(name: Uint8Array): Uint8Array {
  return Buffer.concat([name, SLASH]);
}

export function placeKey(name: Uint8Array, lease: bigint): Uint8Array {
  return Buffer.concat([prefixOf(name), Buffer.from(lease.toString(16))]);
}

const SLASH = Uint8Array.of('/'.charCodeAt(0));

export function failUnknown(call: GrpcCall, error: ServerError | V3Failure): void {
  call.fail(GrpcStatus.unknown, rpcError(error).message);
}

/** With the client's lease, or one that is granted now if it brings none. */
export function withLease(
  context: RpcContext,
  call: GrpcCall,
  lease: bigint,
  then: (lease: bigint) => void,
): void {
  if (lease !== 0n) {
    then(lease);
    return;
  }
  context.v3.grantLease(0n, SESSION_TTL_SECONDS, (outcome) => {
    if (!outcome.ok) failUnknown(call, outcome.error);
    else if (outcome.value.kind === 'error') failUnknown(call, outcome.value);
    else if (outcome.value.kind === 'lease-grant') then(outcome.value.id);
  });
}

/** `then` is called even if the call is closed by then: what was written may have to be taken back. */
export function runTxn(
  context: RpcContext,
  call: GrpcCall,
  request: TxnRequest,
  then: (result: TxnResult) => void,
): void {
  context.v3.propose({ kind: 'txn', request }, undefined, (outcome) => {
    if (!outcome.ok) failUnknown(call, outcome.error);
    else if (outcome.value.kind === 'error') failUnknown(call, outcome.value);
    else if (outcome.value.kind === 'txn') then(outcome.value);
  });
}

/** The operations, if the key was created at that revision: 0 if it isn't there. */
export function ifCreatedAt(
  { key, createRevision }: Place,
  success: readonly RequestOp[],
  failure: readonly RequestOp[] = [],
): TxnRequest {
  const operand = { kind: 'create', value: createRevision } as const;
  const compare = {
    key,
    rangeEnd: EMPTY,
    result: CompareResult.equal,
    target: CompareTarget.create,
    operand,
  };
  return { compare: [compare], success, failure };
}

export function putOperation(key: Uint8Array, value: Uint8Array, lease: bigint): RequestOp {
  const request = { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { kind: 'put', request };
}

export function deleteOperation(key: Uint8Array): RequestOp {
  return { kind: 'delete-range', request: { key, rangeEnd: EMPTY, prevKv: false } };
}

/** Gives up a place, unless somebody else has the key by now. Nobody waits for it. */
export function leave(context: RpcContext, place: Place): void {
  const request = ifCreatedAt(place, [deleteOperation(place.key)]);
  context.v3.propose({ kind: 'txn', request }, undefined, () => {});
}
