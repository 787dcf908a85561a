/**
 * A v2 request as tests write it, what a member does with it, and how random ones are made. The choice of the operation follows etcd's
 * apply step: prevExist, prevValue and prevIndex decide what a PUT or DELETE becomes.
 */

import type { V2Outcome, V2Store, V2Ttl } from '../../../src/store/v2/types.ts';
import { fc } from '../../support/fast-check.ts';

export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'EXPIRE';
  /** Store path; of EXPIRE: ignored. */
  readonly path: string;
  readonly value: string;
  readonly dir: boolean;
  /** Seconds from now; EXPIRE: how far the clock goes on before expired nodes are removed. */
  readonly ttlSeconds: number | undefined;
  readonly refresh: boolean;
  readonly prevExist: boolean | undefined;
  readonly prevValue: string;
  /** 0: none; n: n indexes before the store's present one, plus 1; -1: the node's own. */
  readonly prevIndexBack: number;
  readonly recursive: boolean;
}

/** What both the store and the naive model offer. */
export type StoreUnderTest = Pick<
  V2Store,
  | 'currentIndex'
  | 'get'
  | 'set'
  | 'create'
  | 'update'
  | 'compareAndSwap'
  | 'compareAndDelete'
  | 'delete'
  | 'deleteExpired'
  | 'hasTtlNodes'
  | 'stats'
> & {
  watch(
    path: string,
    recursive: boolean,
    stream: boolean,
    sinceIndex: number,
    onEvent: Parameters<V2Store['watch']>[4],
    nowNs: bigint,
  ): ReturnType<V2Store['watch']>;
};

/** The prevIndex that a request asks for, from the point of view of this store. Reads without counting. */
export function prevIndexOf(request: Request, index: number, modifiedIndex: number): number {
  if (request.prevIndexBack === 0) return 0;
  if (request.prevIndexBack === -1) return modifiedIndex;
  return Math.max(1, index + 1 - request.prevIndexBack);
}

export function applyRequest(
  store: StoreUnderTest,
  request: Request,
  prevIndex: number,
  nowNs: bigint,
): V2Outcome | undefined {
  const { method, path, value, dir, prevExist, prevValue, recursive } = request;
  const ttl: V2Ttl = {
    expireTimeNs:
      request.ttlSeconds === undefined ? undefined : nowNs + BigInt(request.ttlSeconds) * 1_000_000_000n,
    refresh: request.refresh,
  };
  switch (method) {
    case 'GET':
      return store.get(path, recursive, true, nowNs);
    case 'POST':
      return store.create(path, dir, value, true, ttl, nowNs);
    case 'DELETE':
      return prevIndex > 0 || prevValue !== ''
        ? store.compareAndDelete(path, prevValue, prevIndex, nowNs)
        : store.delete(path, dir, recursive, nowNs);
    case 'EXPIRE':
      store.deleteExpired(nowNs);
      return undefined;
    case 'PUT':
      if (prevExist === false) return store.create(path, dir, value, false, ttl, nowNs);
      if (prevIndex > 0 || prevValue !== '') {
        return store.compareAndSwap(path, prevValue, prevIndex, value, ttl, nowNs);
      }
      return prevExist === true
        ? store.update(path, value, ttl, nowNs)
        : store.set(path, dir, value, ttl, nowNs);
  }
}

const names = ['a', 'b', '_h', 'ab', 'é', '\u{1f600}', '\uff01'];
const values = ['', '1', '2', '<&>"\\\n\t\u0001\b\u007f', 'é\u2028\u{1f600}'];

export const pathArbitrary: fc.Arbitrary<string> = fc
  .array(fc.constantFrom(...names), { minLength: 0, maxLength: 4 })
  .map((parts) => ['/1', ...parts].join('/'));

/** `expiring`: with short TTLs and EXPIRE steps; otherwise TTLs so long that nothing expires. */
export function requestArbitrary(expiring: boolean): fc.Arbitrary<Request> {
  const ttl = expiring ? fc.integer({ min: 0, max: 20 }) : fc.integer({ min: 1000, max: 2000 });
  return fc
    .record({
      method: fc.oneof(
        { weight: 6, arbitrary: fc.constant('PUT' as const) },
        { weight: 2, arbitrary: fc.constant('POST' as const) },
        { weight: 3, arbitrary: fc.constant('DELETE' as const) },
        { weight: 2, arbitrary: fc.constant('GET' as const) },
        { weight: expiring ? 2 : 0, arbitrary: fc.constant('EXPIRE' as const) },
      ),
      path: pathArbitrary,
      value: fc.constantFrom(...values),
      dir: fc.nat(9).map((n) => n < 2),
      ttlSeconds: fc.option(ttl, { nil: undefined, freq: 3 }),
      refresh: fc.nat(9).map((n) => n < 2),
      prevExist: fc.option(fc.boolean(), { nil: undefined, freq: 3 }),
      prevValue: fc.oneof(
        { weight: 4, arbitrary: fc.constant('') },
        { weight: 1, arbitrary: fc.constantFrom(...values) },
      ),
      prevIndexBack: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -1, max: 3 }) },
      ),
      recursive: fc.boolean(),
    })
    .map((request) =>
      // What the API refuses before it comes to the store: a refresh with a value or without a TTL.
      request.refresh && request.ttlSeconds !== undefined
        ? { ...request, value: '' }
        : { ...request, refresh: false },
    );
}
