/**
 * Election.Observe: the value of whoever leads, whenever it changes.
 *
 *     looking    reads who is first; nobody: waits for the first put below the prefix
 *     following  watches the leader's key: a put is told, a delete leads back to looking
 *
 * Values of leaders that came and went between two looks are not told, as in etcd; the last one always is.
 */
import type { GrpcStreamCall } from '../../../net/grpc-call.ts';
import type { EncodedKeyValue } from '../../../store/mvcc/types.ts';
import type { Watch, WatchEvent, WatchRequest } from '../../../watch/types.ts';
import { BYTES } from '../../../wire/protobuf.ts';
import { peekKey } from '../../../wire/v3/key-value.ts';
import { ownCopy } from '../../../wire/v3/kv-requests.ts';
import { writeHeader } from '../../../wire/v3/response-header.ts';
import type { RpcContext } from '../rpc-context.ts';
import { firstCreatedRequest, prefixEnd, readNow } from './first-created.ts';
import { failUnknown } from './lease-place.ts';

const EMPTY = new Uint8Array(0);

/** LeaderResponse  1: header  2: kv */
export function encodeLeaderResponse(context: RpcContext, revision: number, kv: EncodedKeyValue): Uint8Array {
  const { writer } = context;
  writeHeader(writer, context.header(revision));
  writer.tag(2, BYTES).bytes(kv);
  return writer.finish();
}

export class LeaderObserver {
  readonly #context: RpcContext;
  readonly #call: GrpcStreamCall;
  readonly #prefix: Uint8Array;
  #watch: Watch | undefined;

  constructor(context: RpcContext, call: GrpcStreamCall, prefix: Uint8Array) {
    this.#context = context;
    this.#call = call;
    this.#prefix = prefix;
  }

  start(): void {
    this.#call.sendHeaders();
    this.#call.onClose(() => this.#unwatch());
    this.#call.onDrain(() => this.#watch?.resume());
    this.#look();
  }

  #look(): void {
    this.#unwatch();
    this.#context.server.awaitReadIndex((error) => {
      if (this.#call.closed) return;
      if (error !== undefined) failUnknown(this.#call, error);
      else this.#lookNow();
    });
  }

  #lookNow(): void {
    const { kvs, revision } = readNow(this.#context.v3.kv, firstCreatedRequest(this.#prefix));
    const [first] = kvs;
    if (first === undefined) {
      this.#awaitFirst(revision);
      return;
    }
    const key = ownCopy(peekKey(first));
    this.#tell(revision, first);
    this.#follow(key, revision);
  }

  #awaitFirst(revision: number): void {
    const keys = { key: this.#prefix, rangeEnd: prefixEnd(this.#prefix), noDelete: true };
    this.#observe(keys, revision + 1, ([first]) => {
      if (first === undefined) return true;
      const key = ownCopy(peekKey(first.kv));
      const hasRoom = this.#tell(first.revision, first.kv);
      this.#follow(key, first.revision);
      return hasRoom;
    });
  }

  #follow(key: Uint8Array, revision: number): void {
    this.#observe({ key, rangeEnd: EMPTY, noDelete: false }, revision + 1, (events, now) => {
      let hasRoom = true;
      for (const { type, kv } of events) {
        if (type === 'delete') {
          this.#look();
          return true;
        }
        hasRoom = this.#tell(now, kv);
      }
      return hasRoom;
    });
  }

  #observe(
    keys: Pick<WatchRequest, 'key' | 'rangeEnd' | 'noDelete'>,
    startRevision: number,
    events: (events: readonly WatchEvent[], revision: number) => boolean,
  ): void {
    this.#unwatch();
    if (this.#call.closed) return;
    this.#watch = this.#context.v3.watches.watch(
      { ...keys, startRevision, prevKv: false, noPut: false },
      { events, compacted: () => this.#look() },
    );
  }

  /** False: the client is slow. */
  #tell(revision: number, kv: EncodedKeyValue): boolean {
    return this.#call.write(encodeLeaderResponse(this.#context, revision, kv));
  }

  #unwatch(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }
}
