/**
 * etcdserverpb.InternalRaftRequest: the envelope of v3 requests in the log. Entries of the v2 line hold a bare etcdserverpb.Request instead,
 * and nothing marks which of the two an entry holds:
 *
 *   Request              1: id   2: method, a short word      3: path ...
 *   InternalRaftRequest  1: id   2: v2, a whole Request       3 and up: one v3 request each   100: header { 1: id ... }
 *
 * They are told apart by field 2: a method's name is no valid encoding of a Request, since none begins with field 1.
 *
 * What is written here begins with the header, where etcd ends with it: the order is free, and so whoever applies an entry finds the id in its first bytes:
 *
 *   a2 06 len 08 id | tag len request
 */
import { BYTES, DecodeError, Reader, tagOf, VARINT, type Writer } from '../protobuf.ts';
import { decodeV2Request, type V2Request } from '../v2-request.ts';
import {
  decodeAlarmRequest,
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodeLeaseCheckpointRequest,
  decodeLeaseGrantRequest,
  decodeLeaseRevokeRequest,
  decodePutRequest,
  decodeRangeRequest,
  writeAlarmRequest,
  writeBig,
  writeBool,
  writeCompactionRequest,
  writeDeleteRangeRequest,
  writeLeaseCheckpointRequest,
  writeLeaseGrantRequest,
  writeLeaseRevokeRequest,
  writePutRequest,
  writeRangeRequest,
} from './kv-requests.ts';
import type { V3Request } from './kv-types.ts';
import { decodeTxnRequest, writeTxnRequest } from './txn-request.ts';

export type LogRequest =
  | { readonly kind: 'v2'; readonly id: bigint; readonly request: V2Request }
  | { readonly kind: 'v3'; readonly id: bigint; readonly request: V3Request };

/** Numbers in InternalRaftRequest. */
export const V3_FIELD = {
  range: 3,
  put: 4,
  'delete-range': 5,
  txn: 6,
  compaction: 7,
  'lease-grant': 8,
  'lease-revoke': 9,
  alarm: 10,
  'lease-checkpoint': 11,
  'cluster-version-set': 1300,
  'member-attributes-set': 1301,
  'downgrade-info-set': 1302,
} as const;

const AUTH_FIELDS: ReadonlySet<number> = new Set([
  1000, 1011, 1012, 1013, 1100, 1101, 1102, 1103, 1104, 1105, 1106, 1107, 1200, 1201, 1202, 1203, 1204,
]);

const ID = tagOf(1, VARINT);
const V2 = tagOf(2, BYTES);
const HEADER = tagOf(100, BYTES);
/** The header's tag as it stands in the log. */
const HEADER_BYTES = [0xa2, 0x06] as const;

/**
 * Decodes a normal entry's data; keys and values are views of it. Throws DecodeError on malformed bytes, and on requests that this version does not
 * know: to skip one would make the member differ from the others.
 */
export function decodeLogRequest(data: Uint8Array): LogRequest {
  const reader = new Reader(data);
  let id = 0n;
  let headerId = 0n;
  let request: V3Request | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === V2) {
      const bytes = reader.bytes();
      const wrapped = bytes[0] === ID;
      return { kind: 'v2', ...decodeV2Request(wrapped ? bytes : data) };
    }
    if (tag === ID) id = reader.varintBig();
    else if (tag === HEADER) headerId = readHeaderId(reader.bytes());
    else if ((tag & 7) === BYTES) request = decodeV3Field(tag >>> 3, reader.bytes(), reader.position);
    else throw new DecodeError(`InternalRaftRequest: field ${tag >>> 3} is unknown`, reader.position);
  }
  if (request === undefined) throw new DecodeError('InternalRaftRequest: no request in it', reader.position);
  return { kind: 'v3', id: id === 0n ? headerId : id, request };
}

/** The id of an entry that was written by `encodeV3` or `encodeV3Raw`; undefined: another kind of entry, or one that etcd wrote. */
export function v3RequestId(data: Uint8Array): bigint | undefined {
  if (data[0] !== HEADER_BYTES[0] || data[1] !== HEADER_BYTES[1] || data[3] !== ID) return undefined;
  return new Reader(data, 4).varintBig();
}

/** An entry's data. */
export function encodeV3(id: bigint, request: V3Request, writer: Writer): Uint8Array {
  if (request.kind === 'auth') throw new Error('requests of auth have no encoder');
  writeHeader(writer, id);
  writer.tag(V3_FIELD[request.kind], BYTES);
  const mark = writer.begin();
  writeV3Request(writer, request);
  return writer.end(mark).finish();
}

/** An entry's data around a request that is encoded already. `field`: of V3_FIELD. */
export function encodeV3Raw(id: bigint, field: number, requestBytes: Uint8Array, writer: Writer): Uint8Array {
  writeHeader(writer, id);
  return writer.tag(field, BYTES).bytes(requestBytes).finish();
}

/** The request in what `encodeV3` or `encodeV3Raw` has made: the message in the last field, as a view. */
export function v3RequestBytes(data: Uint8Array): Uint8Array {
  const reader = new Reader(data);
  reader.skip(reader.tag());
  reader.tag();
  return reader.bytes();
}

function writeHeader(writer: Writer, id: bigint): void {
  writer.tag(100, BYTES);
  const mark = writer.begin();
  writer.tag(1, VARINT).varintBig(id);
  writer.end(mark);
}

function readHeaderId(bytes: Uint8Array): bigint {
  const reader = new Reader(bytes);
  let id = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ID) id = reader.varintBig();
    else reader.skip(tag);
  }
  return id;
}

function decodeV3Field(field: number, bytes: Uint8Array, position: number): V3Request {
  switch (field) {
    case V3_FIELD.range:
      return { kind: 'range', request: decodeRangeRequest(bytes) };
    case V3_FIELD.put:
      return { kind: 'put', request: decodePutRequest(bytes) };
    case V3_FIELD['delete-range']:
      return { kind: 'delete-range', request: decodeDeleteRangeRequest(bytes) };
    case V3_FIELD.txn:
      return { kind: 'txn', request: decodeTxnRequest(bytes) };
    case V3_FIELD.compaction:
      return { kind: 'compaction', request: decodeCompactionRequest(bytes) };
    case V3_FIELD['lease-grant']:
      return { kind: 'lease-grant', request: decodeLeaseGrantRequest(bytes) };
    case V3_FIELD['lease-revoke']:
      return { kind: 'lease-revoke', request: decodeLeaseRevokeRequest(bytes) };
    case V3_FIELD.alarm:
      return { kind: 'alarm', request: decodeAlarmRequest(bytes) };
    case V3_FIELD['lease-checkpoint']:
      return { kind: 'lease-checkpoint', checkpoints: decodeLeaseCheckpointRequest(bytes) };
    case V3_FIELD['cluster-version-set']:
      return { kind: 'cluster-version-set', version: decodeVersionSet(bytes) };
    case V3_FIELD['member-attributes-set']:
      return decodeMemberAttributesSet(bytes);
    case V3_FIELD['downgrade-info-set']:
      return decodeDowngradeInfoSet(bytes);
    default:
      if (AUTH_FIELDS.has(field)) return { kind: 'auth', field };
      throw new DecodeError(`InternalRaftRequest: field ${field} is unknown`, position);
  }
}

function writeV3Request(writer: Writer, request: Exclude<V3Request, { kind: 'auth' }>): void {
  switch (request.kind) {
    case 'range':
      writeRangeRequest(writer, request.request);
      return;
    case 'put':
      writePutRequest(writer, request.request);
      return;
    case 'delete-range':
      writeDeleteRangeRequest(writer, request.request);
      return;
    case 'txn':
      writeTxnRequest(writer, request.request);
      return;
    case 'compaction':
      writeCompactionRequest(writer, request.request);
      return;
    case 'lease-grant':
      writeLeaseGrantRequest(writer, request.request);
      return;
    case 'lease-revoke':
      writeLeaseRevokeRequest(writer, request.request);
      return;
    case 'alarm':
      writeAlarmRequest(writer, request.request);
      return;
    case 'lease-checkpoint':
      writeLeaseCheckpointRequest(writer, request.checkpoints);
      return;
    case 'cluster-version-set':
      writeText(writer, 1, request.version);
      return;
    case 'member-attributes-set':
      writeMemberAttributesSet(writer, request);
      return;
    case 'downgrade-info-set':
      writeBool(writer, 1, request.enabled);
      writeText(writer, 2, request.version);
      return;
  }
}

/** membershippb.ClusterVersionSetRequest: 1 ver. */
function decodeVersionSet(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  let version = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, BYTES)) version = reader.string();
    else reader.skip(tag);
  }
  return version;
}

/** membershippb.ClusterMemberAttrSetRequest: 1 member_ID, 2 { 1 name, 2 client_urls ... }. */
function decodeMemberAttributesSet(bytes: Uint8Array): V3Request {
  const reader = new Reader(bytes);
  let memberId = 0n;
  let name = '';
  const clientURLs: string[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) memberId = reader.varintBig();
    else if (tag === tagOf(2, BYTES)) {
      const outer = reader.enter();
      while (!reader.done) {
        const inner = reader.tag();
        if (inner === tagOf(1, BYTES)) name = reader.string();
        else if (inner === tagOf(2, BYTES)) clientURLs.push(reader.string());
        else reader.skip(inner);
      }
      reader.leave(outer);
    } else reader.skip(tag);
  }
  return { kind: 'member-attributes-set', memberId, name, clientURLs };
}

function writeMemberAttributesSet(
  writer: Writer,
  request: Extract<V3Request, { kind: 'member-attributes-set' }>,
): void {
  writeBig(writer, 1, request.memberId);
  writer.tag(2, BYTES);
  const mark = writer.begin();
  writeText(writer, 1, request.name);
  for (const url of request.clientURLs) writer.tag(2, BYTES).string(url);
  writer.end(mark);
}

/** membershippb.DowngradeInfoSetRequest: 1 enabled, 2 ver. */
function decodeDowngradeInfoSet(bytes: Uint8Array): V3Request {
  const reader = new Reader(bytes);
  let enabled = false;
  let version = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) enabled = reader.bool();
    else if (tag === tagOf(2, BYTES)) version = reader.string();
    else reader.skip(tag);
  }
  return { kind: 'downgrade-info-set', enabled, version };
}

function writeText(writer: Writer, field: number, value: string): void {
  if (value !== '') writer.tag(field, BYTES).string(value);
}
