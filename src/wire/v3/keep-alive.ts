/**
 * Keep-alives of leases, of which a member answers very many:
 *
 *   LeaseKeepAliveRequest   1: ID
 *   LeaseKeepAliveResponse  1: header  2: ID  3: TTL
 */
import { VARINT, Writer } from '../protobuf.ts';
import { decodeLeaseRevokeRequest } from './kv-requests.ts';
import { type ResponseHeader, writeHeader } from './response-header.ts';

/** The lease to keep alive: the request looks like that of a revocation. Throws DecodeError. */
export function decodeKeepAliveRequest(bytes: Uint8Array): bigint {
  return decodeLeaseRevokeRequest(bytes).id;
}

/** Writes answers one behind the other; the bytes of their header are made anew only when it changes. */
export class KeepAliveAnswers {
  readonly #writer = new Writer();
  #header: Uint8Array = new Uint8Array(0);
  #clusterId = 0n;
  #memberId = 0n;
  #revision = -1;
  #raftTerm = -1;

  /** `ttl` in seconds; 0: the lease is gone. The bytes stay as they are. */
  encode(header: ResponseHeader, id: bigint, ttl: number): Uint8Array {
    const { clusterId, memberId, revision, raftTerm } = header;
    if (revision !== this.#revision || raftTerm !== this.#raftTerm) this.#takeHeader(header);
    else if (memberId !== this.#memberId || clusterId !== this.#clusterId) this.#takeHeader(header);
    const writer = this.#writer.raw(this.#header);
    if (id !== 0n) writer.tag(2, VARINT).varintBig(id);
    if (ttl !== 0) writer.tag(3, VARINT).varint(ttl);
    return writer.finish();
  }

  #takeHeader(header: ResponseHeader): void {
    this.#clusterId = header.clusterId;
    this.#memberId = header.memberId;
    this.#revision = header.revision;
    this.#raftTerm = header.raftTerm;
    writeHeader(this.#writer, header);
    this.#header = this.#writer.finish();
  }
}
