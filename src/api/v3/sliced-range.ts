/**
 * A range that may be large, read at one revision in slices between the other turns of the event loop, so that nobody waits for the whole of it:
 * the store's job, and when its next slice is due.
 */
import type { GrpcCall } from '../../net/grpc-call.ts';
import type { EncodedKeyValue, RangeJob } from '../../store/mvcc/types.ts';
import { rpcError } from './errors.ts';
import { failCall, type RpcContext } from './rpc-context.ts';

/** What is done with a slice. Its key values are valid until the turn ends. */
export interface SliceSink {
  /** False: no more before `SlicedRange.resume`. */
  slice(kvs: readonly EncodedKeyValue[]): boolean;
  last(kvs: readonly EncodedKeyValue[], more: boolean, count: number): void;
}

/** Of the key values in a slice, about: a millisecond's work. */
export const SLICE_BYTES = 512 * 1024;

/** Whoever makes it sees to it that it is abandoned when the call is closed. */
export class SlicedRange {
  readonly #context: RpcContext;
  readonly #call: GrpcCall;
  readonly #job: RangeJob;
  readonly #sink: SliceSink;
  /** The job is at its end, or was given up. */
  #over = false;
  #waits = false;

  constructor(context: RpcContext, call: GrpcCall, job: RangeJob, sink: SliceSink) {
    this.#context = context;
    this.#call = call;
    this.#job = job;
    this.#sink = sink;
  }

  readonly run = (): void => {
    if (this.#over) return;
    const slice = this.#job.run(SLICE_BYTES);
    if (slice.kind === 'error') {
      this.#over = true;
      failCall(this.#call, rpcError(slice));
    } else if (slice.done) {
      this.#over = true;
      this.#sink.last(slice.kvs, slice.more, slice.count);
    } else if (slice.kvs.length === 0 || this.#sink.slice(slice.kvs)) {
      this.#context.clock.defer(this.run);
    } else if (this.#call.closed) {
      this.abandon();
    } else {
      this.#waits = true;
    }
  };

  /** After the sink had enough for a while. */
  resume(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#context.clock.defer(this.run);
  }

  /** Compactions no longer wait for it. */
  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#job.release();
  }
}
