/**
 * A transaction of large ranges, read at one revision in slices between the other turns of the event loop, so that nobody waits for the whole of it. Its answer
 * is sent when its length is known.
 */
import type { GrpcCall } from '../../net/grpc-call.ts';
import type { RangeSlice, ReadTxnJob } from '../../store/mvcc/types.ts';
import {
  encodeRangeEnd,
  encodeRangePart,
  encodeTxnHead,
  encodeTxnRangeHead,
} from '../../wire/v3/kv-responses.ts';
import type { TxnRequest } from '../../wire/v3/kv-types.ts';
import { RpcErrors, rpcError } from './errors.ts';
import { isSmallRange, MESSAGE_BYTES_MAX } from './range-answers.ts';
import { failCall, type RpcContext } from './rpc-context.ts';
import { SLICE_BYTES } from './sliced-range.ts';

/** Whether a transaction of ranges is answered at once. */
export function isSmallRead({ compare, success, failure }: TxnRequest): boolean {
  const isSmall = (each: TxnRequest['success'][number]): boolean =>
    each.kind === 'range' && isSmallRange(each.request);
  return (
    compare.every(({ rangeEnd }) => rangeEnd.length === 0) && success.every(isSmall) && failure.every(isSmall)
  );
}

export function answerTxnInSlices(context: RpcContext, call: GrpcCall, request: TxnRequest): void {
  const txn = new SlicedTxn(context, call, context.v3.kv.readTxnJob(request));
  call.onClose(() => txn.abandon());
  txn.run();
}

class SlicedTxn {
  readonly #context: RpcContext;
  readonly #call: GrpcCall;
  readonly #job: ReadTxnJob;
  readonly #parts: Uint8Array[] = [];
  /** Of the range that goes on. */
  #rangeParts: Uint8Array[] = [];
  #rangeBytes = 0;
  #bytes = 0;
  #over = false;

  constructor(context: RpcContext, call: GrpcCall, job: ReadTxnJob) {
    this.#context = context;
    this.#call = call;
    this.#job = job;
  }

  readonly run = (): void => {
    if (this.#over) return;
    const slice = this.#job.run(SLICE_BYTES);
    if (slice.kind === 'error') {
      this.#over = true;
      failCall(this.#call, rpcError(slice));
      return;
    }
    const { writer } = this.#context;
    if (slice.succeeded !== undefined && this.#parts.length === 0) {
      this.#parts.push(encodeTxnHead(writer, this.#context.header(this.#job.revision), slice.succeeded));
    }
    for (const range of slice.ranges) this.#add(range);
    if (this.#bytes > MESSAGE_BYTES_MAX) {
      this.abandon();
      failCall(this.#call, RpcErrors.answerTooLarge);
    } else if (slice.done) {
      this.#over = true;
      this.#call.respondParts(this.#parts);
    } else this.#context.clock.defer(this.run);
  };

  /** Compactions no longer wait for it. */
  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#job.release();
  }

  #add({ kvs, done, more, count }: RangeSlice): void {
    const { writer } = this.#context;
    if (kvs.length > 0) this.#addPart(encodeRangePart(writer, kvs));
    if (!done) return;
    this.#addPart(encodeRangeEnd(writer, more, count));
    const head = encodeTxnRangeHead(writer, this.#job.revision, this.#rangeBytes);
    this.#parts.push(head, ...this.#rangeParts);
    this.#rangeParts = [];
    this.#rangeBytes = 0;
  }

  #addPart(part: Uint8Array): void {
    this.#rangeParts.push(part);
    this.#rangeBytes += part.length;
    this.#bytes += part.length;
  }
}
