import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type {
  DeleteRangeResult,
  OperationResult,
  PutResult,
  RangeResult,
  TxnResult,
} from '../../../src/store/mvcc/types.ts';
import type { WatchEvent } from '../../../src/watch/types.ts';
import {
  DeleteRangeResponseSchema,
  PutResponseSchema,
  RangeResponseSchema,
  RangeStreamResponseSchema,
  type ResponseOpSchema,
  TxnResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { WatchResponseSchema } from '../../../src/wire/generated/etcdserverpb/watch_pb.ts';
import {
  type Event,
  EventSchema,
  type KeyValue,
  KeyValueSchema,
} from '../../../src/wire/generated/mvccpb/kv_pb.ts';
import { Writer } from '../../../src/wire/protobuf.ts';
import { encodeKeyValue } from '../../../src/wire/v3/key-value.ts';
import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
} from '../../../src/wire/v3/kv-responses.ts';
import type { ResponseHeader } from '../../../src/wire/v3/response-header.ts';
import {
  encodeWatchEvents,
  encodeWatchResponse,
  watchEventLength,
} from '../../../src/wire/v3/watch-responses.ts';
import { fc } from '../../support/fast-check.ts';
import { bytes, int64, revision, safe, uint64 } from './arbitraries.ts';

const plain = { noNullPrototype: true } as const;
const header: fc.Arbitrary<ResponseHeader> = fc.record(
  { clusterId: uint64, memberId: uint64, revision, raftTerm: revision },
  plain,
);
const kv = fc
  .tuple(bytes, revision, revision, revision, bytes, int64)
  .map((fields) => Uint8Array.from(encodeKeyValue(...fields)));
const kvs = fc.array(kv, { maxLength: 5 });
const maybeKv = fc.option(kv, { nil: undefined });

const putResult: fc.Arbitrary<PutResult> = fc.record(
  { kind: fc.constant('put' as const), revision, prevKv: maybeKv },
  plain,
);
const rangeResult: fc.Arbitrary<RangeResult> = fc.record(
  { kind: fc.constant('range' as const), revision, kvs, more: fc.boolean(), count: revision },
  plain,
);
const deleteRangeResult: fc.Arbitrary<DeleteRangeResult> = fc.record(
  { kind: fc.constant('delete-range' as const), revision, deleted: revision, prevKvs: kvs },
  plain,
);
const leaf: fc.Arbitrary<OperationResult> = fc.oneof(putResult, rangeResult, deleteRangeResult);
const txnOf = (each: fc.Arbitrary<OperationResult>): fc.Arbitrary<TxnResult> =>
  fc.record(
    {
      kind: fc.constant('txn' as const),
      revision,
      succeeded: fc.boolean(),
      responses: fc.array(each, { maxLength: 4 }),
    },
    plain,
  );
const txnResult = txnOf(fc.oneof(leaf, txnOf(leaf)));

const writer = new Writer(16);
const topHeader = (fields: ResponseHeader) => ({
  ...fields,
  revision: BigInt(fields.revision),
  raftTerm: BigInt(fields.raftTerm),
});
const generatedKv = (encoded: Uint8Array): KeyValue => fromBinary(KeyValueSchema, encoded);

function generatedPut(result: PutResult) {
  return result.prevKv === undefined ? {} : { prevKv: generatedKv(result.prevKv) };
}

function generatedRange(result: RangeResult) {
  return { kvs: result.kvs.map(generatedKv), more: result.more, count: BigInt(result.count) };
}

function generatedDelete(result: DeleteRangeResult) {
  return { deleted: BigInt(result.deleted), prevKvs: result.prevKvs.map(generatedKv) };
}

function generatedTxn(result: TxnResult): {
  succeeded: boolean;
  responses: MessageInitShape<typeof ResponseOpSchema>[];
} {
  return { succeeded: result.succeeded, responses: result.responses.map(generatedOperation) };
}

/** Inside of a transaction the header tells the revision alone, of another transaction nothing. */
function generatedOperation(result: OperationResult): MessageInitShape<typeof ResponseOpSchema> {
  const inner = { header: { revision: BigInt(result.revision) } };
  switch (result.kind) {
    case 'put':
      return { response: { case: 'responsePut', value: { ...inner, ...generatedPut(result) } } };
    case 'range':
      return { response: { case: 'responseRange', value: { ...inner, ...generatedRange(result) } } };
    case 'delete-range':
      return { response: { case: 'responseDeleteRange', value: { ...inner, ...generatedDelete(result) } } };
    case 'txn':
      return { response: { case: 'responseTxn', value: { header: {}, ...generatedTxn(result) } } };
  }
}

function same(ours: Uint8Array, theirs: Uint8Array): void {
  assert.deepEqual(Buffer.from(ours), Buffer.from(theirs));
}

describe('answers are encoded as the generated code does', () => {
  it('put', () => {
    fc.assert(
      fc.property(header, putResult, (top, result) => {
        const fields = { ...generatedPut(result), header: topHeader(top) };
        same(
          encodePutResponse(writer, top, result),
          toBinary(PutResponseSchema, create(PutResponseSchema, fields)),
        );
      }),
    );
  });

  it('range', () => {
    fc.assert(
      fc.property(header, rangeResult, (top, result) => {
        const fields = { ...generatedRange(result), header: topHeader(top) };
        const theirs = toBinary(RangeResponseSchema, create(RangeResponseSchema, fields));
        same(encodeRangeResponse(writer, top, result), theirs);
      }),
    );
  });

  it('a large range, in a buffer of its own', () => {
    const value = new Uint8Array(3000).fill(120);
    const rows = Array.from({ length: 500 }, (_, i) =>
      encodeKeyValue(Uint8Array.of(i >> 8, i), i + 2, i + 2, 1, value, 0n),
    );
    const top = { clusterId: 1n, memberId: 2n, revision: 600, raftTerm: 3 };
    const result: RangeResult = { kind: 'range', revision: 600, kvs: rows, more: true, count: 700 };
    const encoded = encodeRangeResponse(writer, top, result);
    assert.equal(fromBinary(RangeResponseSchema, encoded).kvs.length, 500);
    assert.ok(encoded.buffer.byteLength < encoded.length + 1024);
  });

  it('delete-range', () => {
    fc.assert(
      fc.property(header, deleteRangeResult, (top, result) => {
        const fields = { ...generatedDelete(result), header: topHeader(top) };
        const theirs = toBinary(DeleteRangeResponseSchema, create(DeleteRangeResponseSchema, fields));
        same(encodeDeleteRangeResponse(writer, top, result), theirs);
      }),
    );
  });

  it('txn, with what etcd puts into the headers inside', () => {
    fc.assert(
      fc.property(header, txnResult, (top, result) => {
        const fields = { ...generatedTxn(result), header: topHeader(top) };
        same(
          encodeTxnResponse(writer, top, result),
          toBinary(TxnResponseSchema, create(TxnResponseSchema, fields)),
        );
      }),
    );
  });

  it('the pieces of a streamed range', () => {
    fc.assert(
      fc.property(header, rangeResult, fc.boolean(), (top, result, isLast) => {
        const pieces = { kvs: result.kvs.map(generatedKv) };
        const fields = isLast ? { ...generatedRange(result), header: topHeader(top) } : pieces;
        const message = create(RangeStreamResponseSchema, { rangeResponse: fields });
        const last = isLast ? { header: top, more: result.more, count: result.count } : undefined;
        same(
          encodeRangeStreamResponse(writer, result.kvs, last),
          toBinary(RangeStreamResponseSchema, message),
        );
      }),
    );
  });

  it('watch', () => {
    const event = fc.record(
      { type: fc.constantFrom<WatchEvent['type']>('put', 'delete'), revision, kv, prevKv: maybeKv },
      plain,
    );
    const fields = fc.record(
      {
        watchId: fc.oneof(safe, int64),
        created: fc.boolean(),
        canceled: fc.boolean(),
        compactRevision: revision,
        cancelReason: fc.string({ unit: 'grapheme' }),
        fragment: fc.boolean(),
      },
      { noNullPrototype: true, requiredKeys: ['watchId'] },
    );
    fc.assert(
      fc.property(header, fields, fc.array(event, { maxLength: 4 }), (top, own, events) => {
        const message = create(WatchResponseSchema, {
          ...own,
          header: topHeader(top),
          watchId: BigInt(own.watchId),
          compactRevision: BigInt(own.compactRevision ?? 0),
          events: events.map(generatedEvent),
        });
        const encodedEvents = Uint8Array.from(encodeWatchEvents(writer, events));
        assert.equal(
          encodedEvents.length,
          events.reduce((sum, each) => sum + watchEventLength(each), 0),
        );
        const ours = encodeWatchResponse(writer, top, { ...own, events: encodedEvents });
        same(ours, toBinary(WatchResponseSchema, message));
      }),
    );
  });
});

function generatedEvent(event: WatchEvent): Event {
  return create(EventSchema, {
    type: event.type === 'put' ? 0 : 1,
    kv: generatedKv(event.kv),
    ...(event.prevKv === undefined ? {} : { prevKv: generatedKv(event.prevKv) }),
  });
}
