/**
 * Transactions as etcd applies them: all comparisons of the whole tree first, against the state before; then everything that could fail is
 * checked along the branches taken, so that nothing is ever half applied; then the operations in order, each seeing those before it.
 */

import type { RangeRequest, RequestOp, TxnRequest } from '../../wire/v3/kv-types.ts';
import type { ChangeWriter } from './change-writer.ts';
import { compareHolds } from './compare.ts';
import { range } from './range.ts';
import type { MvccState, MvccTables } from './tables.ts';
import type { LeaseRegister, MvccError, OperationResult, TxnResult } from './types.ts';
import { deleteKeys, putKey } from './write-operations.ts';

/** A transaction with its branch chosen, and those of the transactions within. */
interface ChosenBranch {
  readonly succeeded: boolean;
  readonly operations: readonly RequestOp[];
  /** Of the nested transactions among the operations, in order. */
  readonly nested: readonly ChosenBranch[];
}

export interface TransactionParts {
  readonly tables: MvccTables;
  readonly state: MvccState;
  readonly writer: ChangeWriter;
  readonly leases: LeaseRegister;
}

/** Errors: 'key-not-found', 'lease-not-found', 'future-revision', 'compacted'; nothing was changed then. The caller ends the revision. */
export function transact(parts: TransactionParts, request: TxnRequest): TxnResult | MvccError {
  const branch = choose(parts.tables, request);
  const error = checkPuts(parts, branch) ?? checkRanges(parts.state, branch);
  if (error !== undefined) return error;
  const responses = apply(parts, branch);
  return { kind: 'txn', revision: parts.state.newest, succeeded: branch.succeeded, responses };
}

function choose(tables: MvccTables, request: TxnRequest): ChosenBranch {
  const succeeded = request.compare.every((compare) => compareHolds(tables, compare));
  const operations = succeeded ? request.success : request.failure;
  const nested: ChosenBranch[] = [];
  for (const operation of operations) {
    if (operation.kind === 'txn') nested.push(choose(tables, operation.request));
  }
  return { succeeded, operations, nested };
}

function checkPuts(parts: TransactionParts, branch: ChosenBranch): MvccError | undefined {
  let nested = 0;
  for (const operation of branch.operations) {
    if (operation.kind === 'txn') {
      const error = checkPuts(parts, branch.nested[nested++]!);
      if (error !== undefined) return error;
    } else if (operation.kind === 'put') {
      const { key, lease, ignoreValue, ignoreLease } = operation.request;
      if ((ignoreValue || ignoreLease) && parts.tables.newest.get(key) === undefined) {
        return { kind: 'error', code: 'key-not-found' };
      }
      if (lease !== 0n && !parts.leases.exists(lease)) return { kind: 'error', code: 'lease-not-found' };
    } else if (operation.kind === 'none') {
      // So answers etcd's API, before the log.
      return { kind: 'error', code: 'key-not-found' };
    }
  }
  return undefined;
}

function checkRanges(state: MvccState, branch: ChosenBranch): MvccError | undefined {
  let nested = 0;
  for (const operation of branch.operations) {
    const error =
      operation.kind === 'txn'
        ? checkRanges(state, branch.nested[nested++]!)
        : operation.kind === 'range'
          ? checkRange(state, operation.request)
          : undefined;
    if (error !== undefined) return error;
  }
  return undefined;
}

/** Unlike a range of its own, one in a transaction does not take a negative revision for the newest. */
export function checkRange(state: MvccState, request: RangeRequest): MvccError | undefined {
  const { revision } = request;
  if (revision === 0) return undefined;
  if (revision > state.revision) return { kind: 'error', code: 'future-revision' };
  return revision < state.compactedRevision ? { kind: 'error', code: 'compacted' } : undefined;
}

function apply(parts: TransactionParts, branch: ChosenBranch): OperationResult[] {
  const results: OperationResult[] = [];
  let nested = 0;
  for (const operation of branch.operations) {
    switch (operation.kind) {
      case 'range':
        results.push(assured(range(parts.tables, parts.state, operation.request)));
        break;
      case 'put':
        results.push(assured(putKey(parts.tables, parts.writer, operation.request)));
        break;
      case 'delete-range':
        results.push(deleteKeys(parts.tables, parts.state, parts.writer, operation.request));
        break;
      case 'txn': {
        const inner = branch.nested[nested++]!;
        // As in etcd, the header of a nested answer has no revision.
        results.push({
          kind: 'txn',
          revision: 0,
          succeeded: inner.succeeded,
          responses: apply(parts, inner),
        });
        break;
      }
      case 'none':
        throw new Error('an operation without a request passed the checks of a transaction');
      default:
        operation satisfies never;
    }
  }
  return results;
}

/** The checks let nothing through that fails later; if they did, members could differ: better to stop, as etcd does. */
function assured<R extends OperationResult>(result: R | MvccError): R {
  if (result.kind === 'error') {
    throw new Error(`an operation of a transaction failed after its checks: ${result.code}`);
  }
  return result;
}
