/** Member and cluster ids as etcd computes them, so that a member keeps its id whichever program runs it. */
import { sha1 } from '@noble/hashes/legacy.js';
import type { MemberId } from '../../raft/types.ts';

/**
 * The first 8 bytes, big endian, of SHA-1 over the sorted peer URLs and the cluster token. A member added to a running
 * cluster also hashes the time of the request in whole seconds, so that its URLs can be used again after a removal.
 */
export function computeMemberId(
  peerURLs: readonly string[],
  token: string,
  addedAtSeconds?: number,
): MemberId {
  const time = addedAtSeconds === undefined ? '' : String(addedAtSeconds);
  return firstEightBytes(sha1(new TextEncoder().encode([...peerURLs].sort().join('') + token + time)));
}

/** The first 8 bytes, big endian, of SHA-1 over the sorted member ids, 8 bytes big endian each. */
export function computeClusterId(memberIds: readonly MemberId[]): bigint {
  const bytes = new Uint8Array(8 * memberIds.length);
  const view = new DataView(bytes.buffer);
  const sorted = [...memberIds].sort(compareIds);
  for (const [i, id] of sorted.entries()) view.setBigUint64(8 * i, id);
  return firstEightBytes(sha1(bytes));
}

export function compareIds(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstEightBytes(hash: Uint8Array): bigint {
  return new DataView(hash.buffer, hash.byteOffset).getBigUint64(0);
}
