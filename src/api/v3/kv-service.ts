/** etcdserverpb.KV: Range, RangeStream, Put, DeleteRange, Txn, and Compact. The hot path of a member. */
import type { GrpcCall, GrpcMethod, GrpcStreamCall } from '../../net/grpc-call.ts';
import type { Submitted } from '../../server/contract.ts';
import type { V3Outcome } from '../../server/v3-contract.ts';
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  ownCopy,
} from '../../wire/v3/kv-requests.ts';
import {
  encodeDeleteRangeResponse,
  encodeHeaderResponse,
  encodePutResponse,
  encodeTxnResponse,
} from '../../wire/v3/kv-responses.ts';
import { type RangeRequest, type RequestOp, SortTarget, type TxnRequest } from '../../wire/v3/kv-types.ts';
import { decodeTxnRequest } from '../../wire/v3/txn-request.ts';
import { RpcErrors, rpcError } from './errors.ts';
import { checkKey, checkPut, checkStream, checkTxn } from './kv-checks.ts';
import { answerRange, streamRange } from './range-answers.ts';
import { attempt, failCall, type RpcContext } from './rpc-context.ts';
import { answerTxnInSlices, isSmallRead } from './sliced-txn.ts';

export interface KvServiceOptions {
  /** `--max-txn-ops`. */
  readonly maxTxnOperations: number;
  /** `--max-request-bytes`, of an entry of the log. */
  readonly maxRequestBytes: number;
}

export class KvService {
  readonly #context: RpcContext;
  readonly #options: KvServiceOptions;

  constructor(context: RpcContext, options: KvServiceOptions) {
    this.#context = context;
    this.#options = options;
  }

  methods(): [string, GrpcMethod][] {
    const unary = (
      name: string,
      handle: (call: GrpcCall, request: Uint8Array) => void,
    ): [string, GrpcMethod] => [
      `/etcdserverpb.KV/${name}`,
      { kind: 'unary', handle: (call, request) => attempt(call, () => handle(call, request)) },
    ];
    return [
      unary('Range', (call, bytes) => this.#range(call, bytes)),
      [
        '/etcdserverpb.KV/RangeStream',
        {
          kind: 'server-stream',
          handle: (call, request) => attempt(call, () => this.#rangeStream(call, request)),
        },
      ],
      unary('Put', (call, bytes) => this.#put(call, bytes)),
      unary('DeleteRange', (call, bytes) => this.#deleteRange(call, bytes)),
      unary('Txn', (call, bytes) => this.#txn(call, bytes)),
      unary('Compact', (call, bytes) => this.#compact(call, bytes)),
    ];
  }

  #put(call: GrpcCall, bytes: Uint8Array): void {
    const request = decodePutRequest(bytes);
    const error = this.#context.refuse(call, false) ?? checkPut(request);
    if (error !== undefined) failCall(call, error);
    else if (bytes.length > this.#options.maxRequestBytes) failCall(call, RpcErrors.requestTooLarge);
    else this.#context.v3.propose({ kind: 'put', request }, bytes, (outcome) => this.#answer(call, outcome));
  }

  #deleteRange(call: GrpcCall, bytes: Uint8Array): void {
    const request = decodeDeleteRangeRequest(bytes);
    const error = this.#context.refuse(call, false) ?? checkKey(request);
    if (error !== undefined) failCall(call, error);
    else if (bytes.length > this.#options.maxRequestBytes) failCall(call, RpcErrors.requestTooLarge);
    else
      this.#context.v3.propose({ kind: 'delete-range', request }, bytes, (outcome) =>
        this.#answer(call, outcome),
      );
  }

  #range(call: GrpcCall, bytes: Uint8Array): void {
    const views = decodeRangeRequest(bytes);
    const error = this.#context.refuse(call, views.serializable) ?? checkKey(views);
    if (error !== undefined) {
      failCall(call, error);
      return;
    }
    if (views.serializable) {
      this.#rangeNow(call, views);
      return;
    }
    const request: RangeRequest = { ...views, key: ownCopy(views.key), rangeEnd: ownCopy(views.rangeEnd) };
    this.#context.server.awaitReadIndex((failed) => {
      if (failed !== undefined) failCall(call, rpcError(failed));
      else this.#rangeNow(call, request);
    });
  }

  #rangeNow(call: GrpcCall, request: RangeRequest): void {
    if (!call.closed) answerRange(this.#context, call, request);
  }

  #rangeStream(call: GrpcStreamCall, bytes: Uint8Array): void {
    const decoded = decodeRangeRequest(ownCopy(bytes));
    const error =
      this.#context.refuseStream(call, decoded.serializable) ?? checkKey(decoded) ?? checkStream(decoded);
    if (error !== undefined) {
      failCall(call, error);
      return;
    }
    const request = { ...decoded, sortTarget: SortTarget.key };
    if (request.serializable) {
      streamRange(this.#context, call, request);
      return;
    }
    this.#context.server.awaitReadIndex((failed) => {
      if (failed !== undefined) failCall(call, rpcError(failed));
      else streamRange(this.#context, call, request);
    });
  }

  #txn(call: GrpcCall, bytes: Uint8Array): void {
    const views = decodeTxnRequest(bytes);
    const error = this.#context.refuse(call, false) ?? checkTxn(views, this.#options.maxTxnOperations);
    if (error !== undefined) {
      failCall(call, error);
      return;
    }
    if (!isReadOnly(views)) {
      if (bytes.length > this.#options.maxRequestBytes) failCall(call, RpcErrors.requestTooLarge);
      else
        this.#context.v3.propose({ kind: 'txn', request: views }, bytes, (outcome) =>
          this.#answer(call, outcome),
        );
      return;
    }
    const isNow = isSerializable(views);
    // What is not answered at once needs its own bytes.
    const request = isNow && isSmallRead(views) ? views : decodeTxnRequest(ownCopy(bytes));
    if (isNow) {
      this.#txnNow(call, request);
      return;
    }
    this.#context.server.awaitReadIndex((failed) => {
      if (failed !== undefined) failCall(call, rpcError(failed));
      else this.#txnNow(call, request);
    });
  }

  #txnNow(call: GrpcCall, request: TxnRequest): void {
    if (call.closed) return;
    if (!isSmallRead(request)) {
      answerTxnInSlices(this.#context, call, request);
      return;
    }
    const result = this.#context.v3.kv.txn(request);
    if (result.kind === 'error') failCall(call, rpcError(result));
    else call.respond(encodeTxnResponse(this.#context.writer, this.#context.header(result.revision), result));
  }

  #compact(call: GrpcCall, bytes: Uint8Array): void {
    const { revision, physical } = decodeCompactionRequest(bytes);
    const error = this.#context.refuse(call, false);
    if (error !== undefined) failCall(call, error);
    else this.#context.v3.compact(revision, physical, (outcome) => this.#answer(call, outcome));
  }

  #answer(call: GrpcCall, outcome: Submitted<V3Outcome>): void {
    if (call.closed) return;
    if (!outcome.ok) {
      failCall(call, rpcError(outcome.error));
      return;
    }
    const { value } = outcome;
    const { writer } = this.#context;
    switch (value.kind) {
      case 'put':
        call.respond(encodePutResponse(writer, this.#context.header(value.revision), value));
        return;
      case 'delete-range':
        call.respond(encodeDeleteRangeResponse(writer, this.#context.header(value.revision), value));
        return;
      case 'txn':
        call.respond(encodeTxnResponse(writer, this.#context.header(value.revision), value));
        return;
      case 'compaction':
        call.respond(encodeHeaderResponse(writer, this.#context.header()));
        return;
      case 'error':
        failCall(call, rpcError(value));
        return;
      default:
        throw new Error(`a request of KV was answered as ${value.kind}`);
    }
  }
}

function isReadOnly({ success, failure }: TxnRequest): boolean {
  return success.every(isRange) && failure.every(isRange);
}

function isSerializable({ success, failure }: TxnRequest): boolean {
  const serializable = (each: RequestOp): boolean => each.kind === 'range' && each.request.serializable;
  return success.every(serializable) && failure.every(serializable);
}

function isRange(each: RequestOp): boolean {
  return each.kind === 'range';
}
