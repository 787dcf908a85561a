/** What etcd refuses of a KV request before it goes anywhere. */
import {
  type RangeRequest,
  type RequestOp,
  SortOrder,
  SortTarget,
  type TxnRequest,
} from '../../wire/v3/kv-types.ts';
import { type RpcError, RpcErrors } from './errors.ts';
import { WriteSet } from './write-set.ts';

interface Keyed {
  readonly key: Uint8Array;
}

export function checkKey({ key }: Keyed): RpcError | undefined {
  return key.length === 0 ? RpcErrors.emptyKey : undefined;
}

export function checkPut(request: {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}): RpcError | undefined {
  if (request.key.length === 0) return RpcErrors.emptyKey;
  if (request.ignoreValue && request.value.length > 0) return RpcErrors.valueProvided;
  if (request.ignoreLease && request.lease !== 0n) return RpcErrors.leaseProvided;
  return undefined;
}

/** KV.RangeStream knows one order, and no filters. */
export function checkStream(request: RangeRequest): RpcError | undefined {
  const { sortOrder, sortTarget } = request;
  if (!isOneOf(SortOrder, sortOrder) || !isOneOf(SortTarget, sortTarget)) return RpcErrors.invalidSort;
  const isByKey =
    sortOrder === SortOrder.none || (sortOrder === SortOrder.ascend && sortTarget === SortTarget.key);
  if (!isByKey) return RpcErrors.streamSortUnsupported;
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const isFiltered = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some(
    (bound) => bound !== 0,
  );
  return isFiltered ? RpcErrors.streamFilterUnsupported : undefined;
}

function isOneOf(names: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(names).includes(value);
}

/** `operationsMax`: `--max-txn-ops`; each level of nesting uses up what the level above it has left. */
export function checkTxn(request: TxnRequest, operationsMax: number): RpcError | undefined {
  return checkOperations(request, operationsMax) ?? checkOverlaps(request);
}

function checkOperations(request: TxnRequest, operationsMax: number): RpcError | undefined {
  const { compare, success, failure } = request;
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > operationsMax) return RpcErrors.tooManyOperations;
  for (const each of compare) if (each.key.length === 0) return RpcErrors.emptyKey;
  for (const branch of [success, failure]) {
    for (const operation of branch) {
      const error = checkOperation(operation, operationsMax - count);
      if (error !== undefined) return error;
    }
  }
  return undefined;
}

function checkOperation(operation: RequestOp, operationsMax: number): RpcError | undefined {
  switch (operation.kind) {
    case 'range':
    case 'delete-range':
      return checkKey(operation.request);
    case 'put':
      return checkPut(operation.request);
    case 'txn':
      return checkOperations(operation.request, operationsMax);
    case 'none':
      return RpcErrors.keyNotFound;
  }
}

/** No key may be written twice in one transaction: the result would depend on the order. */
function checkOverlaps({ success, failure }: TxnRequest): RpcError | undefined {
  return WriteSet.of(success) === undefined || WriteSet.of(failure) === undefined
    ? RpcErrors.duplicateKey
    : undefined;
}
