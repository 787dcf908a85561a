/** A committed v2 request becomes an operation of the tree, by etcd's rules of precedence. */
import type { V2Outcome, V2Store, V2Ttl } from '../store/v2/types.ts';
import type { V2Request } from '../wire/v2-request.ts';
import {
  CLUSTER_NAMESPACE,
  CLUSTER_VERSION_PATH,
  type Cluster,
  memberOfAttributesPath,
} from './membership/cluster.ts';

const PERMANENT: V2Ttl = { expireTimeNs: undefined, refresh: false };
const PERMANENT_REFRESH: V2Ttl = { expireTimeNs: undefined, refresh: true };

/** Undefined for requests whose outcome nobody reads: the cluster's own attributes and version, and SYNC. */
export function applyV2Request(
  request: V2Request,
  store: V2Store,
  cluster: Cluster,
  nowNs: bigint,
): V2Outcome | undefined {
  switch (request.method) {
    case 'PUT':
      return applyPut(request, store, cluster, nowNs);
    case 'POST':
      return store.create(request.path, request.dir, request.value, true, ttlOf(request), nowNs);
    case 'DELETE':
      return request.prevIndex > 0 || request.prevValue !== ''
        ? store.compareAndDelete(request.path, request.prevValue, request.prevIndex, nowNs)
        : store.delete(request.path, request.dir, request.recursive, nowNs);
    case 'GET':
    case 'QGET':
      return store.get(request.path, request.recursive, request.sorted, nowNs);
    case 'SYNC':
      store.deleteExpired(request.timeNs);
      return undefined;
    default:
      return unreachable(request.method);
  }
}

function applyPut(
  request: V2Request,
  store: V2Store,
  cluster: Cluster,
  nowNs: bigint,
): V2Outcome | undefined {
  const { path, value, prevValue, prevIndex, prevExist } = request;
  const ttl = ttlOf(request);
  const compares = prevIndex > 0 || prevValue !== '';
  if (prevExist === false) return store.create(path, request.dir, value, false, ttl, nowNs);
  if (compares) return store.compareAndSwap(path, prevValue, prevIndex, value, ttl, nowNs);
  if (prevExist === true) return store.update(path, value, ttl, nowNs);
  if (path.startsWith(CLUSTER_NAMESPACE)) {
    const member = memberOfAttributesPath(path);
    if (member !== undefined) {
      cluster.setAttributes(member, value);
      return undefined;
    }
    if (path === CLUSTER_VERSION_PATH) {
      cluster.setVersion(value);
      return undefined;
    }
  }
  return store.set(path, request.dir, value, ttl, nowNs);
}

function ttlOf(request: V2Request): V2Ttl {
  if (request.expirationNs !== 0n)
    return { expireTimeNs: request.expirationNs, refresh: request.refresh === true };
  return request.refresh === true ? PERMANENT_REFRESH : PERMANENT;
}

function unreachable(value: never): never {
  throw new Error(`unknown method ${String(value)}`);
}
