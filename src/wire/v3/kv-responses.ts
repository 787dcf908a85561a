/**
 * Answers of the KV service, in one pass from the store's results: key values arrive encoded and are copied into the answer. `header.revision` is the
 * answer's; the revisions inside of a transaction's answer are those of its results.
 *
 * Every encoder appends to `writer` and returns a view of what it wrote. Large answers get a buffer of their own, of the right size.
 */
import type {
  DeleteRangeResult,
  EncodedKeyValue,
  OperationResult,
  PutResult,
  RangeResult,
  TxnResult,
} from '../../store/mvcc/types.ts';
import { BYTES, tagOf, VARINT, varint32Length, Writer } from '../protobuf.ts';
import { type ResponseHeader, writeHeader, writeNestedHeader } from './response-header.ts';

/** From here on an answer does not share a slab. */
const LARGE_BYTES = 16 * 1024;
/** More than header, flags, count and the lengths of the outer messages can take. */
const ENVELOPE_BYTES = 128;

/** More than the answer in a transaction's to a put without prev_kv can take. */
const PLAIN_PUT_BYTES_MAX = 24;

const KVS = tagOf(2, BYTES);

export function encodePutResponse(writer: Writer, header: ResponseHeader, result: PutResult): Uint8Array {
  const roomy = withRoom(writer, result.prevKv === undefined ? 0 : result.prevKv.length);
  writeHeader(roomy, header);
  writePutBody(roomy, result);
  return roomy.finish();
}

export function encodeRangeResponse(writer: Writer, header: ResponseHeader, result: RangeResult): Uint8Array {
  const roomy = withRoom(writer, keyValuesLength(result.kvs));
  writeHeader(roomy, header);
  writeRangeBody(roomy, result);
  return roomy.finish();
}

/** A RangeResponse in parts, to be sent one behind the other: first its header (`encodeHeaderResponse`), then any number of these, then the end. */
export function encodeRangePart(writer: Writer, kvs: readonly EncodedKeyValue[]): Uint8Array {
  const roomy = withRoom(writer, keyValuesLength(kvs));
  writeKeyValues(roomy, KVS, kvs);
  return roomy.finish();
}

export function encodeRangeEnd(writer: Writer, more: boolean, count: number): Uint8Array {
  writeMoreAndCount(writer, more, count);
  return writer.finish();
}

/** A TxnResponse of ranges in parts: this, then for each range its head (`encodeTxnRangeHead`), its parts and its end. */
export function encodeTxnHead(writer: Writer, header: ResponseHeader, succeeded: boolean): Uint8Array {
  writeHeader(writer, header);
  if (succeeded) writer.tag(2, VARINT).bool(true);
  return writer.finish();
}

/** @param partsBytes of the parts and the end that follow */
export function encodeTxnRangeHead(writer: Writer, revision: number, partsBytes: number): Uint8Array {
  const header = new Writer(ENVELOPE_BYTES);
  writeNestedHeader(header, revision);
  const nested = header.finish();
  const body = nested.length + partsBytes;
  writer.tag(3, BYTES).varint32(1 + varint32Length(body) + body);
  writer.tag(RESPONSE_FIELD.range, BYTES).varint32(body).raw(nested);
  return writer.finish();
}

/**
 * One piece of KV.RangeStream. All but the last hold key values only (`last` undefined); header, more and count come with the last.
 *
 *   RangeStreamResponse 1: RangeResponse
 */
export function encodeRangeStreamResponse(
  writer: Writer,
  kvs: readonly EncodedKeyValue[],
  last: { readonly header: ResponseHeader; readonly more: boolean; readonly count: number } | undefined,
): Uint8Array {
  // The length is known before, so that nothing large is moved.
  let head: Uint8Array | undefined;
  let tail: Uint8Array | undefined;
  if (last !== undefined) {
    const parts = new Writer(ENVELOPE_BYTES);
    writeHeader(parts, last.header);
    head = parts.finish();
    writeMoreAndCount(parts, last.more, last.count);
    tail = parts.finish();
  }
  const kvsLength = keyValuesLength(kvs);
  const roomy = withRoom(writer, kvsLength);
  roomy.tag(1, BYTES).varint32(kvsLength + (head?.length ?? 0) + (tail?.length ?? 0));
  if (head !== undefined) roomy.raw(head);
  writeKeyValues(roomy, KVS, kvs);
  if (tail !== undefined) roomy.raw(tail);
  return roomy.finish();
}

export function encodeDeleteRangeResponse(
  writer: Writer,
  header: ResponseHeader,
  result: DeleteRangeResult,
): Uint8Array {
  const roomy = withRoom(writer, keyValuesLength(result.prevKvs));
  writeHeader(roomy, header);
  writeDeleteRangeBody(roomy, result);
  return roomy.finish();
}

export function encodeTxnResponse(writer: Writer, header: ResponseHeader, result: TxnResult): Uint8Array {
  const roomy = withRoom(writer, txnLengthAtMost(result));
  writeHeader(roomy, header);
  writeTxnBody(roomy, result);
  return roomy.finish();
}

/** An answer that holds nothing but its header: CompactionResponse, LeaseRevokeResponse, DefragmentResponse, MoveLeaderResponse ... */
export function encodeHeaderResponse(writer: Writer, header: ResponseHeader): Uint8Array {
  writeHeader(writer, header);
  return writer.finish();
}

/** Size in bytes of the key values as a repeated field with a number up to 15. */
export function keyValuesLength(kvs: readonly EncodedKeyValue[]): number {
  let length = 0;
  for (let i = 0; i < kvs.length; i++) {
    const each = kvs[i]!.length;
    length += 1 + varint32Length(each) + each;
  }
  return length;
}

function withRoom(writer: Writer, payloadBytes: number): Writer {
  return payloadBytes < LARGE_BYTES ? writer : new Writer(payloadBytes + ENVELOPE_BYTES);
}

function writePutBody(writer: Writer, result: PutResult): void {
  if (result.prevKv !== undefined) writer.varint32(KVS).bytes(result.prevKv);
}

function writeRangeBody(writer: Writer, result: RangeResult): void {
  writeKeyValues(writer, KVS, result.kvs);
  writeMoreAndCount(writer, result.more, result.count);
}

function writeMoreAndCount(writer: Writer, more: boolean, count: number): void {
  if (more) writer.tag(3, VARINT).bool(true);
  if (count !== 0) writer.tag(4, VARINT).varint(count);
}

function writeDeleteRangeBody(writer: Writer, result: DeleteRangeResult): void {
  if (result.deleted !== 0) writer.tag(2, VARINT).varint(result.deleted);
  writeKeyValues(writer, tagOf(3, BYTES), result.prevKvs);
}

function writeTxnBody(writer: Writer, result: TxnResult): void {
  if (result.succeeded) writer.tag(2, VARINT).bool(true);
  for (const response of result.responses) {
    if (response.kind === 'put' && response.prevKv === undefined) {
      writer.raw(plainPut(response));
      continue;
    }
    // ResponseOp { one of 1: range  2: put  3: delete-range  4: txn }
    writer.tag(3, BYTES);
    const operation = writer.begin();
    writer.tag(RESPONSE_FIELD[response.kind], BYTES);
    const body = writer.begin();
    writeNestedResponse(writer, response);
    writer.end(body);
    writer.end(operation);
  }
}

/** Puts of one transaction share their result, and with it the bytes of their answer. */
let lastPut: PutResult | undefined;
let lastPutBytes: Uint8Array = new Uint8Array(0);
const plainPuts = new Writer(ENVELOPE_BYTES);

/** The answer in a transaction's to a put without prev_kv. */
function plainPut(result: PutResult): Uint8Array {
  if (result === lastPut) return lastPutBytes;
  const writer = plainPuts;
  writer.tag(3, BYTES);
  const operation = writer.begin();
  writer.tag(RESPONSE_FIELD.put, BYTES);
  const body = writer.begin();
  writeNestedHeader(writer, result.revision);
  writer.end(body);
  writer.end(operation);
  lastPut = result;
  lastPutBytes = writer.finish();
  return lastPutBytes;
}

const RESPONSE_FIELD = { range: 1, put: 2, 'delete-range': 3, txn: 4 } as const;

function writeNestedResponse(writer: Writer, response: OperationResult): void {
  writeNestedHeader(writer, response.kind === 'txn' ? undefined : response.revision);
  switch (response.kind) {
    case 'range':
      writeRangeBody(writer, response);
      return;
    case 'put':
      writePutBody(writer, response);
      return;
    case 'delete-range':
      writeDeleteRangeBody(writer, response);
      return;
    case 'txn':
      writeTxnBody(writer, response);
      return;
  }
}

function writeKeyValues(writer: Writer, tag: number, kvs: readonly EncodedKeyValue[]): void {
  for (let i = 0; i < kvs.length; i++) writer.varint32(tag).bytes(kvs[i]!);
}

function txnLengthAtMost(result: TxnResult): number {
  let length = 0;
  for (const response of result.responses) {
    if (response.kind === 'put' && response.prevKv === undefined) {
      length += PLAIN_PUT_BYTES_MAX;
      continue;
    }
    length += ENVELOPE_BYTES;
    if (response.kind === 'range') length += keyValuesLength(response.kvs);
    else if (response.kind === 'delete-range') length += keyValuesLength(response.prevKvs);
    else if (response.kind === 'txn') length += txnLengthAtMost(response);
    else length += response.prevKv?.length ?? 0;
  }
  return length;
}
