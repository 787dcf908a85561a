import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { DecodeError, Writer } from '../../src/wire/protobuf.ts';
import {
  decodeV2Request,
  decodeV2RequestId,
  encodeV2Request,
  type V2Method,
  type V2Request,
} from '../../src/wire/v2-request.ts';
import { fc } from '../support/fast-check.ts';

const root = protobuf.loadSync(join(import.meta.dirname, '../../proto/etcdserverpb/v2_request.proto'));
const Oracle = root.lookupType('etcdserverpb.Request');

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'binary', maxLength: 300 });
const optional = fc.option(fc.boolean(), { nil: undefined });
const anyRequest: fc.Arbitrary<V2Request> = fc.record(
  {
    method: fc.constantFrom<V2Method>('GET', 'QGET', 'PUT', 'POST', 'DELETE', 'SYNC'),
    path: text,
    value: text,
    dir: fc.boolean(),
    prevValue: text,
    prevIndex: safe,
    prevExist: optional,
    expirationNs: int64,
    wait: fc.boolean(),
    since: safe,
    recursive: fc.boolean(),
    sorted: fc.boolean(),
    quorum: fc.boolean(),
    timeNs: int64,
    stream: fc.boolean(),
    refresh: optional,
  },
  { noNullPrototype: true },
);

/** Encodes with protobufjs, every field written, as etcd does. */
function encodeByOracle(id: bigint, request: V2Request): Uint8Array {
  return Oracle.encode(
    Oracle.fromObject({
      ID: id.toString(),
      Method: request.method,
      Path: request.path,
      Val: request.value,
      Dir: request.dir,
      PrevValue: request.prevValue,
      PrevIndex: String(request.prevIndex),
      ...(request.prevExist === undefined ? {} : { PrevExist: request.prevExist }),
      Expiration: request.expirationNs.toString(),
      Wait: request.wait,
      Since: String(request.since),
      Recursive: request.recursive,
      Sorted: request.sorted,
      Quorum: request.quorum,
      Time: request.timeNs.toString(),
      Stream: request.stream,
      ...(request.refresh === undefined ? {} : { Refresh: request.refresh }),
    }),
  ).finish();
}

describe('etcdserverpb.Request', () => {
  it('encodes byte for byte as an independent implementation does, and decodes back', () => {
    const writer = new Writer();
    fc.assert(
      fc.property(uint64, anyRequest, (id, request) => {
        const bytes = encodeV2Request(writer, id, request);
        assert.deepEqual(Buffer.from(bytes), Buffer.from(encodeByOracle(id, request)));
        assert.deepEqual(decodeV2Request(bytes), { id, request });
        assert.equal(decodeV2RequestId(bytes), id);
      }),
    );
  });

  it('refuses an unknown method', () => {
    const bytes = Oracle.encode(Oracle.fromObject({ ID: 1, Method: 'PATCH', Path: '/1/a' })).finish();
    assert.throws(() => decodeV2Request(bytes), DecodeError);
  });
});
