/** Who is first in a line, or last before somebody, and waiting for one's turn in it. */
import type { EncodedKeyValue, MvccStore, RangeResult } from '../../../store/mvcc/types.ts';
import type { Watch } from '../../../watch/types.ts';
import { peekKey } from '../../../wire/v3/key-value.ts';
import { ownCopy } from '../../../wire/v3/kv-requests.ts';
import { type RangeRequest, SortOrder, SortTarget } from '../../../wire/v3/kv-types.ts';
import type { RpcContext } from '../rpc-context.ts';

const EMPTY = new Uint8Array(0);

export function getRequest(key: Uint8Array, rangeEnd: Uint8Array = EMPTY): RangeRequest {
  return {
    key,
    rangeEnd,
    limit: 0,
    revision: 0,
    sortOrder: SortOrder.none,
    sortTarget: SortTarget.key,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/** The key below a prefix that was created first. */
export function firstCreatedRequest(prefix: Uint8Array): RangeRequest {
  return {
    ...getRequest(prefix, prefixEnd(prefix)),
    sortOrder: SortOrder.ascend,
    sortTarget: SortTarget.create,
    limit: 1,
  };
}

/** A range of the newest revision, which has no errors. */
export function readNow(kv: MvccStore, request: RangeRequest): RangeResult {
  const result = kv.range(request);
  if (result.kind === 'error') throw new Error(`a read of the newest revision failed: ${result.code}`);
  return result;
}

/** A prefix ends in '/', which has a successor. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}

/**
 * Calls back once no key below the prefix has a lower create revision. What this member has applied is enough to know that: such keys can only become fewer. Each
 * in the line waits for the one before it, so that a turn that ends wakes one and not all.
 */
export class TurnWait {
  readonly #context: RpcContext;
  readonly #prefix: Uint8Array;
  readonly #createRevision: number;
  readonly #done: () => void;
  #watch: Watch | undefined;

  constructor(context: RpcContext, prefix: Uint8Array, createRevision: number, done: () => void) {
    this.#context = context;
    this.#prefix = prefix;
    this.#createRevision = createRevision;
    this.#done = done;
  }

  start(): void {
    const before = this.#before();
    if (before === undefined) this.#done();
    else this.#awaitDelete(ownCopy(peekKey(before)));
  }

  cancel(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  #before(): EncodedKeyValue | undefined {
    const request = {
      ...getRequest(this.#prefix, prefixEnd(this.#prefix)),
      sortOrder: SortOrder.descend,
      sortTarget: SortTarget.create,
      limit: 1,
      keysOnly: true,
      maxCreateRevision: this.#createRevision - 1,
    };
    return readNow(this.#context.v3.kv, request).kvs[0];
  }

  #awaitDelete(key: Uint8Array): void {
    const { kv, watches } = this.#context.v3;
    const again = (): void => {
      this.cancel();
      this.start();
    };
    const startRevision = kv.revision + 1;
    this.#watch = watches.watch(
      { key, rangeEnd: EMPTY, startRevision, prevKv: false, noPut: true, noDelete: false },
      {
        events: (events) => {
          if (events.length > 0) again();
          return true;
        },
        compacted: again,
      },
    );
  }
}
