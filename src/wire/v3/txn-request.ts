/**
 * etcdserverpb.TxnRequest: comparisons and two lists of operations, which may be transactions again.
 *
 *   TxnRequest  1: Compare ...   2: RequestOp if all hold ...   3: RequestOp otherwise ...
 *   RequestOp   one of 1: range  2: put  3: delete-range  4: txn
 *   Compare     1: result  2: target  3: key  one of 4..8: operand  64: range_end
 *
 * Of a oneof the last one sent counts, as in etcd. Nesting has a limit, so that no request can exhaust the stack.
 */
import { BYTES, DecodeError, Reader, tagOf, VARINT, type Writer } from '../protobuf.ts';
import {
  readDeleteRangeRequest,
  readPutRequest,
  readRangeRequest,
  writeBytes,
  writeDeleteRangeRequest,
  writeNumber,
  writePutRequest,
  writeRangeRequest,
} from './kv-requests.ts';
import type { Compare, RequestOp, TxnRequest } from './kv-types.ts';

/** Transactions within transactions. The Go implementation of protobuf stops at 10,000 levels of messages; nobody means that. */
export const TXN_DEPTH_MAX = 100;

const EMPTY: Uint8Array = new Uint8Array(0);

/** Keys and values are views. Throws DecodeError on malformed bytes. */
export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return readTxnRequest(new Reader(bytes), 0);
}

function readTxnRequest(reader: Reader, depth: number): TxnRequest {
  if (depth > TXN_DEPTH_MAX) throw new DecodeError('transactions nested too deep', reader.position);
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag < tagOf(1, BYTES) || tag > tagOf(3, BYTES) || (tag & 7) !== BYTES) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    if (tag === tagOf(1, BYTES)) compare.push(readCompare(reader));
    else (tag === tagOf(2, BYTES) ? success : failure).push(readRequestOp(reader, depth));
    reader.leave(outer);
  }
  return { compare, success, failure };
}

function readRequestOp(reader: Reader, depth: number): RequestOp {
  let operation: RequestOp = { kind: 'none' };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag < tagOf(1, BYTES) || tag > tagOf(4, BYTES) || (tag & 7) !== BYTES) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    if (tag === tagOf(1, BYTES)) operation = { kind: 'range', request: readRangeRequest(reader) };
    else if (tag === tagOf(2, BYTES)) operation = { kind: 'put', request: readPutRequest(reader) };
    else if (tag === tagOf(3, BYTES))
      operation = { kind: 'delete-range', request: readDeleteRangeRequest(reader) };
    else operation = { kind: 'txn', request: readTxnRequest(reader, depth + 1) };
    reader.leave(outer);
  }
  return operation;
}

function readCompare(reader: Reader): Compare {
  let result = 0;
  let target = 0;
  let key = EMPTY;
  let rangeEnd = EMPTY;
  let operand: Compare['operand'];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) result = reader.varint32();
    else if (tag === tagOf(2, VARINT)) target = reader.varint32();
    else if (tag === tagOf(3, BYTES)) key = reader.bytes();
    else if (tag === tagOf(4, VARINT)) operand = { kind: 'version', value: reader.varintClamped() };
    else if (tag === tagOf(5, VARINT)) operand = { kind: 'create', value: reader.varintClamped() };
    else if (tag === tagOf(6, VARINT)) operand = { kind: 'mod', value: reader.varintClamped() };
    else if (tag === tagOf(7, BYTES)) operand = { kind: 'value', value: reader.bytes() };
    else if (tag === tagOf(8, VARINT)) operand = { kind: 'lease', value: reader.varintBigSigned() };
    else if (tag === tagOf(64, BYTES)) rangeEnd = reader.bytes();
    else reader.skip(tag);
  }
  return { result, target, key, rangeEnd, operand };
}

export function writeTxnRequest(writer: Writer, request: TxnRequest): void {
  for (const compare of request.compare) {
    writer.tag(1, BYTES);
    const mark = writer.begin();
    writeCompare(writer, compare);
    writer.end(mark);
  }
  for (const operation of request.success) writeRequestOp(writer, 2, operation);
  for (const operation of request.failure) writeRequestOp(writer, 3, operation);
}

function writeRequestOp(writer: Writer, field: number, operation: RequestOp): void {
  writer.tag(field, BYTES);
  const mark = writer.begin();
  if (operation.kind !== 'none') {
    writer.tag(OPERATION_FIELD[operation.kind], BYTES);
    const inner = writer.begin();
    writeOperation(writer, operation);
    writer.end(inner);
  }
  writer.end(mark);
}

const OPERATION_FIELD = { range: 1, put: 2, 'delete-range': 3, txn: 4 } as const;

function writeOperation(writer: Writer, operation: Exclude<RequestOp, { kind: 'none' }>): void {
  switch (operation.kind) {
    case 'range':
      writeRangeRequest(writer, operation.request);
      return;
    case 'put':
      writePutRequest(writer, operation.request);
      return;
    case 'delete-range':
      writeDeleteRangeRequest(writer, operation.request);
      return;
    case 'txn':
      writeTxnRequest(writer, operation.request);
      return;
  }
}

function writeCompare(writer: Writer, compare: Compare): void {
  writeNumber(writer, 1, compare.result);
  writeNumber(writer, 2, compare.target);
  writeBytes(writer, 3, compare.key);
  const { operand } = compare;
  // A member of a oneof is written even with its default.
  switch (operand?.kind) {
    case 'version':
      writer.tag(4, VARINT).varint(operand.value);
      break;
    case 'create':
      writer.tag(5, VARINT).varint(operand.value);
      break;
    case 'mod':
      writer.tag(6, VARINT).varint(operand.value);
      break;
    case 'value':
      writer.tag(7, BYTES).bytes(operand.value);
      break;
    case 'lease':
      writer.tag(8, VARINT).varintBig(operand.value);
      break;
    case undefined:
      break;
  }
  writeBytes(writer, 64, compare.rangeEnd);
}
