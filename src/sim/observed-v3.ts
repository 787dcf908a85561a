/** Looks at a member's v3 state for the observations: what it holds, and a hash over all of it that does not depend on when rows of compactions go. */
import type { V3State } from '../server/v3/v3-state.ts';
import { tagOf, VARINT } from '../wire/protobuf.ts';
import { decodeLogRequest } from '../wire/v3/internal-raft-request.ts';
import type { V3Request } from '../wire/v3/kv-types.ts';
import { Digest } from './digest.ts';
import type { V3Final } from './v3-observation.ts';

/** Requests of v2 begin with their id; those of v3 have theirs further inside. */
const V2_REQUEST_ID_TAG = tagOf(1, VARINT);

export function isOfV2(data: Uint8Array): boolean {
  return data[0] === V2_REQUEST_ID_TAG;
}

/** Undefined of what is none of v3's. */
export function v3RequestOf(data: Uint8Array): V3Request | undefined {
  if (data.length === 0 || isOfV2(data)) return undefined;
  const decoded = decodeLogRequest(data);
  return decoded.kind === 'v2' ? undefined : decoded.request;
}

/** 16 hexadecimal digits over HashKV, leases, their keys and alarms. */
export function hashV3State({ kv, lessor, alarms }: V3State): string {
  const digest = new Digest();
  const job = kv.hashKv(0);
  if ('kind' in job) throw new Error(`no hash of the newest revision: ${job.code}`);
  let hashed = job.run();
  while (hashed === undefined) hashed = job.run();
  digest.add(hashed);
  for (const id of lessor.list(0).sort((a, b) => (a < b ? -1 : 1))) {
    const { ttl, remainingTtl } = lessor.lease(id)!;
    digest.add([id, ttl, remainingTtl]);
    for (const key of kv.leaseKeys(id)) digest.addBytes(key);
  }
  digest.add(alarms.list());
  return digest.text;
}

export function leasesOf({ lessor }: V3State): V3Final['leases'] {
  return lessor.list(0).map((id) => ({ lease: Number(id), ttl: lessor.lease(id)!.ttl }));
}
