/** A client's v3 operation as what it asks of the server, and the server's answer as the client understands it. */
import type { ServerError, Submitted } from '../../server/contract.ts';
import type { V3Failure, V3Outcome as V3ServerOutcome } from '../../server/v3-contract.ts';
import type { OperationResult } from '../../store/mvcc/types.ts';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type PutRequest,
  type RequestOp,
  type TxnRequest,
} from '../../wire/v3/kv-types.ts';
import type { ObservedMember } from '../observed-member.ts';
import type {
  V3Compare,
  V3Operation,
  V3Outcome,
  V3Read,
  V3Step,
  V3StepResult,
  V3Txn,
} from '../v3-observation.ts';
import { bytesOf, rangeRequest, rowOf } from '../v3-texts.ts';

type Answer = (outcome: V3Outcome) => void;

/** Of a range in slices: so little that it takes several. */
const SLICE_BYTES = 60;

/** In the server's process. */
export function serveV3(host: ObservedMember, operation: V3Operation, answer: Answer): void {
  const { v3 } = host.server;
  const submitted = (outcome: Submitted<V3ServerOutcome>): void => {
    answer(outcome.ok ? outcomeOf(outcome.value) : unknown(outcome.error));
  };
  switch (operation.kind) {
    case 'put':
      v3.propose({ kind: 'put', request: putOf(operation) }, undefined, submitted);
      return;
    case 'delete':
      v3.propose({ kind: 'delete-range', request: deleteOf(operation) }, undefined, submitted);
      return;
    case 'txn':
      serveTxn(host, operation, answer, submitted);
      return;
    case 'range':
      if (operation.serializable) serveRead(host, operation, answer);
      else {
        host.server.awaitReadIndex((error) => {
          if (error === undefined) serveRead(host, operation, answer);
          else answer(unknown(error));
        });
      }
      return;
    case 'compact':
      v3.compact(operation.revision, operation.physical, submitted);
      return;
    case 'hash':
      v3.hashKv(operation.revision, (hashed) => {
        if (!hashed.ok) answer(failed(hashed.error));
        else {
          const { hash, hashRevision: at, compactRevision: compacted } = hashed.value;
          answer(done({ hash: { hash, at, compacted } }));
        }
      });
      return;
    case 'lease-grant':
      v3.grantLease(BigInt(operation.lease), operation.ttl, submitted);
      return;
    case 'lease-revoke':
      v3.propose({ kind: 'lease-revoke', request: { id: BigInt(operation.lease) } }, undefined, submitted);
      return;
    case 'lease-renew':
      v3.renewLease({
        id: BigInt(operation.lease),
        renewed: (ttl) =>
          answer(ttl > 0 ? done({ ttl }) : failed({ kind: 'error', code: 'lease-not-found' })),
        failed: (error) => answer(failed(error)),
      });
      return;
    case 'lease-times':
      v3.leaseTimes(BigInt(operation.lease), true, (times) =>
        answer(times.ok ? done({ ttl: times.value.ttl }) : failed(times.error)),
      );
      return;
    default:
      unreachable(operation);
  }
}

/** Transactions that only read do not go through the log. */
function serveTxn(
  host: ObservedMember,
  operation: V3Txn,
  answer: Answer,
  submitted: (outcome: Submitted<V3ServerOutcome>) => void,
): void {
  const request = txnOf(operation);
  const { v3 } = host.server;
  if ([...operation.success, ...operation.failure].some(({ kind }) => kind !== 'range')) {
    v3.propose({ kind: 'txn', request }, undefined, submitted);
    return;
  }
  host.server.awaitReadIndex((error) =>
    answer(error === undefined ? outcomeOf(v3.kv.txn(request)) : unknown(error)),
  );
}

function serveRead(host: ObservedMember, operation: V3Read, answer: Answer): void {
  const { kv } = host.server.v3;
  const request = rangeRequest(operation, operation.revision, operation.limit, operation.serializable);
  if (operation.sliceMs === 0) {
    answer(outcomeOf(kv.range(request)));
    return;
  }
  const job = kv.rangeJob(request);
  if (job.kind === 'error') {
    answer(outcomeOf(job));
    return;
  }
  const rows: ReturnType<typeof rowOf>[] = [];
  const next = (): void => {
    const slice = job.run(SLICE_BYTES);
    if (slice.kind === 'error') {
      answer(outcomeOf(slice));
      return;
    }
    rows.push(...slice.kvs.map(rowOf));
    if (slice.done) {
      const { count, more } = slice;
      answer(done({ revision: job.revision, results: [{ kind: 'range', rows, count, more }] }));
    } else host.process?.schedule(operation.sliceMs, next);
  };
  next();
}

function outcomeOf(value: V3ServerOutcome): V3Outcome {
  switch (value.kind) {
    case 'error':
      return { kind: 'refused', code: value.code };
    case 'put':
    case 'range':
    case 'delete-range':
      return done({ revision: value.revision, results: [resultOf(value)] });
    case 'txn':
      return done({
        revision: value.revision,
        succeeded: value.succeeded,
        results: value.responses.map(resultOf),
      });
    case 'lease-grant':
      return done({ revision: value.revision, ttl: value.ttl });
    default:
      return done({ revision: value.revision });
  }
}

function resultOf(result: OperationResult): V3StepResult {
  switch (result.kind) {
    case 'put':
      return { kind: 'put', previous: result.prevKv && rowOf(result.prevKv) };
    case 'range':
      return { kind: 'range', rows: result.kvs.map(rowOf), count: result.count, more: result.more };
    case 'delete-range':
      return { kind: 'delete', previous: result.prevKvs.map(rowOf) };
    case 'txn':
      throw new Error('no client asks for a transaction within a transaction');
  }
}

function done(facts: Partial<Extract<V3Outcome, { kind: 'done' }>>): V3Outcome {
  return { kind: 'done', revision: 0, succeeded: true, results: [], ttl: 0, hash: undefined, ...facts };
}

function failed(error: ServerError | V3Failure): V3Outcome {
  return 'kind' in error ? outcomeOf(error) : unknown(error);
}

function unknown({ code }: ServerError): V3Outcome {
  return { kind: 'unknown', reason: code };
}

function putOf({ key, value, lease }: Extract<V3Step, { kind: 'put' }>): PutRequest {
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    lease: BigInt(lease),
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  };
}

function deleteOf({ key, end }: Extract<V3Step, { kind: 'delete' }>): DeleteRangeRequest {
  return { key: bytesOf(key), rangeEnd: bytesOf(end), prevKv: true };
}

function txnOf({ compares, success, failure }: V3Txn): TxnRequest {
  return { compare: compares.map(compareOf), success: success.map(stepOf), failure: failure.map(stepOf) };
}

function stepOf(step: V3Step): RequestOp {
  switch (step.kind) {
    case 'put':
      return { kind: 'put', request: putOf(step) };
    case 'delete':
      return { kind: 'delete-range', request: deleteOf(step) };
    case 'range':
      return { kind: 'range', request: rangeRequest(step, step.revision, step.limit, false) };
  }
}

const RESULTS = {
  '=': CompareResult.equal,
  '!=': CompareResult.notEqual,
  '<': CompareResult.less,
  '>': CompareResult.greater,
} as const;

function compareOf({ key, target, result, operand }: V3Compare): Compare {
  return {
    key: bytesOf(key),
    rangeEnd: new Uint8Array(0),
    result: RESULTS[result],
    target: CompareTarget[target],
    operand:
      target === 'value'
        ? { kind: 'value', value: bytesOf(String(operand)) }
        : { kind: target, value: Number(operand) },
  };
}

function unreachable(value: never): never {
  throw new Error(`unknown operation ${String(value)}`);
}
