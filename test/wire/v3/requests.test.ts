import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { DecodeError, Writer } from '../../../src/wire/protobuf.ts';
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  ownCopy,
  writeDeleteRangeRequest,
  writePutRequest,
  writeRangeRequest,
} from '../../../src/wire/v3/kv-requests.ts';
import { decodeTxnRequest, TXN_DEPTH_MAX, writeTxnRequest } from '../../../src/wire/v3/txn-request.ts';
import { fc } from '../../support/fast-check.ts';
import {
  deleteRangeRequest,
  generatedRange,
  generatedTxn,
  putRequest,
  rangeRequest,
  txnRequest,
} from './arbitraries.ts';

function written<T>(write: (writer: Writer, request: T) => void, request: T): Buffer {
  const writer = new Writer(16);
  write(writer, request);
  return Buffer.from(writer.finish());
}

describe('requests of the KV service', () => {
  it('are written and read as the generated code does: put', () => {
    fc.assert(
      fc.property(putRequest, (request) => {
        const theirs = toBinary(PutRequestSchema, create(PutRequestSchema, request));
        assert.deepEqual(written(writePutRequest, request), Buffer.from(theirs));
        assert.deepEqual(decodePutRequest(theirs), request);
      }),
    );
  });

  it('are written and read as the generated code does: range', () => {
    fc.assert(
      fc.property(rangeRequest, (request) => {
        const theirs = toBinary(RangeRequestSchema, create(RangeRequestSchema, generatedRange(request)));
        assert.deepEqual(written(writeRangeRequest, request), Buffer.from(theirs));
        assert.deepEqual(decodeRangeRequest(theirs), request);
      }),
    );
  });

  it('are written and read as the generated code does: delete-range', () => {
    fc.assert(
      fc.property(deleteRangeRequest, (request) => {
        const theirs = toBinary(DeleteRangeRequestSchema, create(DeleteRangeRequestSchema, request));
        assert.deepEqual(written(writeDeleteRangeRequest, request), Buffer.from(theirs));
        assert.deepEqual(decodeDeleteRangeRequest(theirs), request);
      }),
    );
  });

  it('are written and read as the generated code does: txn', () => {
    fc.assert(
      fc.property(txnRequest, (request) => {
        const theirs = toBinary(TxnRequestSchema, create(TxnRequestSchema, generatedTxn(request)));
        assert.deepEqual(written(writeTxnRequest, request), Buffer.from(theirs));
        assert.deepEqual(decodeTxnRequest(theirs), request);
      }),
    );
  });

  it('take numbers that no revision reaches as the nearest safe one', () => {
    const largest = { revision: 2n ** 63n - 1n, limit: -(2n ** 63n) };
    const range = decodeRangeRequest(toBinary(RangeRequestSchema, create(RangeRequestSchema, largest)));
    assert.equal(range.revision, Number.MAX_SAFE_INTEGER);
    assert.equal(range.limit, Number.MIN_SAFE_INTEGER);
    const compaction = create(CompactionRequestSchema, { revision: -(2n ** 60n), physical: true });
    assert.deepEqual(decodeCompactionRequest(toBinary(CompactionRequestSchema, compaction)), {
      revision: Number.MIN_SAFE_INTEGER,
      physical: true,
    });
  });

  it('skip unknown fields', () => {
    const writer = new Writer();
    writer.tag(1, 2).string('k').tag(99, 2).string('later').tag(98, 0).varint(5).tag(2, 2).string('v');
    const put = decodePutRequest(writer.finish());
    assert.deepEqual([Buffer.from(put.key).toString(), Buffer.from(put.value).toString()], ['k', 'v']);
  });

  it('take the last of a oneof', () => {
    const writer = new Writer();
    writer.tag(2, 2);
    const operation = writer.begin();
    writer.tag(1, 2).string('').tag(3, 2).string('').end(operation);
    assert.deepEqual(
      decodeTxnRequest(writer.finish()).success.map((each) => each.kind),
      ['delete-range'],
    );
  });

  it('may not nest for ever', () => {
    const nest = (depth: number): Uint8Array => {
      let inner: Uint8Array = new Uint8Array(0);
      for (let i = 0; i < depth; i++) {
        const operation = new Writer().tag(4, 2).bytes(inner).finish();
        inner = new Writer().tag(2, 2).bytes(operation).finish();
      }
      return inner;
    };
    assert.equal(decodeTxnRequest(nest(TXN_DEPTH_MAX)).success.length, 1);
    assert.throws(() => decodeTxnRequest(nest(TXN_DEPTH_MAX + 1)), DecodeError);
  });

  it('end in a DecodeError when they are malformed, and never in anything else', () => {
    const decoders = [
      decodePutRequest,
      decodeRangeRequest,
      decodeDeleteRangeRequest,
      decodeTxnRequest,
      decodeCompactionRequest,
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        for (const decode of decoders) {
          try {
            decode(garbage);
          } catch (error) {
            assert.ok(error instanceof DecodeError, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(txnRequest, fc.nat(), (request, cut) => {
        const whole = written(writeTxnRequest, request);
        try {
          decodeTxnRequest(whole.subarray(0, cut % (whole.length + 1)));
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
    );
  });

  it('survive their buffer when copied first', () => {
    const buffer = Buffer.from(written(writePutRequest, { ...samplePut }));
    const kept = decodePutRequest(ownCopy(buffer));
    buffer.fill(0);
    assert.deepEqual(kept, samplePut);
  });
});

const samplePut = {
  key: Uint8Array.of(1, 2),
  value: Uint8Array.of(3),
  lease: 7n,
  prevKv: true,
  ignoreValue: false,
  ignoreLease: true,
};
