/**
 * etcdserverpb.ResponseHeader, with which every answer begins:
 *
 *   0a len { 08 cluster_id  10 member_id  18 revision  20 raft_term }
 *
 * The ids never change while a process runs: their bytes are made once.
 */
import { BYTES, tagOf, VARINT, Writer } from '../protobuf.ts';

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Of the store when the request was applied; 0: left out. */
  readonly revision: number;
  readonly raftTerm: number;
}

const HEADER = tagOf(1, BYTES);
const REVISION = tagOf(3, VARINT);
const RAFT_TERM = tagOf(4, VARINT);

/** Tag of field 1 and a length of 0. */
const EMPTY_HEADER = Uint8Array.of(HEADER, 0);

let idsClusterId = 0n;
let idsMemberId = 0n;
let idBytes: Uint8Array = new Uint8Array(0);

/** Writes the header as field 1 of a response. */
export function writeHeader(writer: Writer, header: ResponseHeader): void {
  if (header.clusterId !== idsClusterId || header.memberId !== idsMemberId)
    encodeIds(header.clusterId, header.memberId);
  writer.varint32(HEADER);
  const mark = writer.begin();
  writer.raw(idBytes);
  if (header.revision !== 0) writer.varint32(REVISION).varint(header.revision);
  if (header.raftTerm !== 0) writer.varint32(RAFT_TERM).varint(header.raftTerm);
  writer.end(mark);
}

/** The header of an answer inside of a transaction's: etcd tells the revision only, and of a nested transaction (undefined) not even that. */
export function writeNestedHeader(writer: Writer, revision: number | undefined): void {
  if (revision === undefined || revision === 0) {
    writer.raw(EMPTY_HEADER);
    return;
  }
  writer.varint32(HEADER);
  const mark = writer.begin();
  writer.varint32(REVISION).varint(revision);
  writer.end(mark);
}

function encodeIds(clusterId: bigint, memberId: bigint): void {
  const writer = new Writer(32);
  if (clusterId !== 0n) writer.tag(1, VARINT).varintBig(clusterId);
  if (memberId !== 0n) writer.tag(2, VARINT).varintBig(memberId);
  idBytes = writer.finish();
  idsClusterId = clusterId;
  idsMemberId = memberId;
}
