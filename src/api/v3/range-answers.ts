/** How ranges are answered: at once where they are surely small, otherwise in slices, and KV.RangeStream in a message for each slice. */
import type { GrpcCall, GrpcStreamCall } from '../../net/grpc-call.ts';
import type { Timer } from '../../ports/clock.ts';
import type { EncodedKeyValue } from '../../store/mvcc/types.ts';
import {
  encodeHeaderResponse,
  encodeRangeEnd,
  encodeRangePart,
  encodeRangeResponse,
  encodeRangeStreamResponse,
} from '../../wire/v3/kv-responses.ts';
import type { RangeRequest } from '../../wire/v3/kv-types.ts';
import { RpcErrors, rpcError } from './errors.ts';
import { failCall, type RpcContext } from './rpc-context.ts';
import { SLICE_BYTES, SlicedRange } from './sliced-range.ts';

/** Ranges with at most this limit are small, whatever their values are. */
const SMALL_LIMIT = 16;
/** What a gRPC message can say of its length, as far as clients read it. */
export const MESSAGE_BYTES_MAX = 2 ** 31 - 1;
/** So long a stream waits for its client before it lets go of the revision that it reads, which compactions wait for. */
const STALL_MS = 60_000;

/** Answered at once. */
export function isSmallRange({ rangeEnd, limit }: RangeRequest): boolean {
  return rangeEnd.length === 0 || (limit > 0 && limit <= SMALL_LIMIT);
}

export function answerRange(context: RpcContext, call: GrpcCall, request: RangeRequest): void {
  const { kv } = context.v3;
  if (isSmallRange(request)) {
    const result = kv.range(request);
    if (result.kind === 'error') failCall(call, rpcError(result));
    else call.respond(encodeRangeResponse(context.writer, context.header(result.revision), result));
    return;
  }
  const job = kv.rangeJob(request);
  if (job.kind === 'error') {
    failCall(call, rpcError(job));
    return;
  }
  const { revision } = job;
  const first = job.run(SLICE_BYTES);
  if (first.kind === 'error') failCall(call, rpcError(first));
  else if (first.done) {
    const result = { ...first, kind: 'range', revision } as const;
    call.respond(encodeRangeResponse(context.writer, context.header(revision), result));
  } else {
    const parts = new AnswerParts(context, call, revision);
    const range = new SlicedRange(context, call, job, parts);
    call.onClose(() => range.abandon());
    parts.slice(first.kvs);
    context.clock.defer(range.run);
  }
}

/** The parts of one RangeResponse, which is sent when its length is known. */
class AnswerParts {
  readonly #context: RpcContext;
  readonly #call: GrpcCall;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(context: RpcContext, call: GrpcCall, revision: number) {
    this.#context = context;
    this.#call = call;
    this.#add(encodeHeaderResponse(context.writer, context.header(revision)));
  }

  slice(kvs: readonly EncodedKeyValue[]): boolean {
    this.#add(encodeRangePart(this.#context.writer, kvs));
    if (this.#bytes <= MESSAGE_BYTES_MAX) return true;
    failCall(this.#call, RpcErrors.answerTooLarge);
    return false;
  }

  last(kvs: readonly EncodedKeyValue[], more: boolean, count: number): void {
    if (!this.slice(kvs)) return;
    this.#add(encodeRangeEnd(this.#context.writer, more, count));
    this.#call.respondParts(this.#parts);
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part);
    this.#bytes += part.length;
  }
}

/** All key values at one revision; header, more and count come with the last message. */
export function streamRange(context: RpcContext, call: GrpcStreamCall, request: RangeRequest): void {
  if (call.closed) return;
  const job = context.v3.kv.rangeJob(request);
  if (job.kind === 'error') {
    failCall(call, rpcError(job));
    return;
  }
  const { writer } = context;
  let stall: Timer | undefined;
  const range = new SlicedRange(context, call, job, {
    slice: (kvs) => {
      const hasRoom = call.write(encodeRangeStreamResponse(writer, kvs, undefined));
      if (hasRoom || call.closed) return hasRoom;
      stall = context.clock.schedule(STALL_MS, () => {
        range.abandon();
        failCall(call, RpcErrors.slowReader);
      });
      return false;
    },
    last: (kvs, more, count) => {
      const header = context.header(job.revision);
      call.write(encodeRangeStreamResponse(writer, kvs, { header, more, count }));
      call.end();
    },
  });
  const goOn = (): void => stall?.cancel();
  call.onDrain(() => {
    goOn();
    range.resume();
  });
  call.onClose(() => {
    goOn();
    range.abandon();
  });
  range.run();
}
