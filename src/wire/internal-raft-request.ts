/**
 * etcdserverpb.InternalRaftRequest: the envelope of v3 requests in the log. Entries of the v2 line hold a bare
 * etcdserverpb.Request instead, and nothing marks which of the two an entry holds:
 *
 *   Request              1: id   2: method, a short word      3: path ...
 *   InternalRaftRequest  1: id   2: v2, a whole Request       3 and up: one v3 request each
 *
 * They are told apart by field 2: a method's name is no valid encoding of a Request, since none begins with field 1.
 */
import { BYTES, Reader, tagOf, VARINT } from './protobuf.ts';
import { decodeV2Request, type V2Request } from './v2-request.ts';

export type LogRequest =
  | { readonly kind: 'v2'; readonly id: bigint; readonly request: V2Request }
  /** A request of the v3 line; `field` is its number in InternalRaftRequest. */
  | { readonly kind: 'v3'; readonly field: number };

const REQUEST_ID_TAG = tagOf(1, VARINT);

/** Decodes a normal entry's data. Throws DecodeError on malformed bytes. */
export function decodeLogRequest(data: Uint8Array): LogRequest {
  const reader = new Reader(data);
  let v3Field = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(2, BYTES)) {
      const bytes = reader.bytes();
      const wrapped = bytes[0] === REQUEST_ID_TAG;
      return { kind: 'v2', ...decodeV2Request(wrapped ? bytes : data) };
    }
    if (tag >>> 3 > 2 && tag >>> 3 !== HEADER_FIELD) v3Field = tag >>> 3;
    reader.skip(tag);
  }
  return { kind: 'v3', field: v3Field };
}

const HEADER_FIELD = 100;
