import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  InternalRaftRequestSchema,
  RequestHeaderSchema,
} from '../../../src/wire/generated/etcdserverpb/raft_internal_pb.ts';
import { DecodeError, Writer } from '../../../src/wire/protobuf.ts';
import { encodeV2Request, v2Request } from '../../../src/wire/v2-request.ts';
import {
  decodeLogRequest,
  encodeV3,
  encodeV3Raw,
  V3_FIELD,
  v3RequestBytes,
  v3RequestId,
} from '../../../src/wire/v3/internal-raft-request.ts';
import { writePutRequest } from '../../../src/wire/v3/kv-requests.ts';
import { fc } from '../../support/fast-check.ts';
import { generatedV3, putRequest, uint64, v3Request } from './arbitraries.ts';

const id64 = uint64.filter((id) => id !== 0n);

const headerWith = (id: bigint) => create(RequestHeaderSchema, { ID: id });

describe('a log entry', () => {
  it('is a v2 request, bare or wrapped', () => {
    const request = v2Request({ method: 'PUT', path: '/1/a', value: 'b' });
    const bare = encodeV2Request(new Writer(), 7n, request);
    assert.deepEqual(decodeLogRequest(bare), { kind: 'v2', id: 7n, request });
    assert.equal(v3RequestId(bare), undefined);

    const wrapped = new Writer().tag(2, 2).bytes(bare).finish();
    assert.deepEqual(decodeLogRequest(wrapped), { kind: 'v2', id: 7n, request });
  });

  it('is a v3 request as etcd writes it', () => {
    fc.assert(
      fc.property(v3Request, id64, (request, id) => {
        const envelope = create(InternalRaftRequestSchema, {
          ...generatedV3(request),
          header: headerWith(id),
        });
        const theirs = toBinary(InternalRaftRequestSchema, envelope);
        assert.deepEqual(decodeLogRequest(theirs), { kind: 'v3', id, request });
      }),
    );
  });

  it('is a v3 request that etcd can read, with the id in front', () => {
    const writer = new Writer(16);
    fc.assert(
      fc.property(v3Request, id64, (request, id) => {
        const ours = encodeV3(id, request, writer);
        const expected = create(InternalRaftRequestSchema, {
          ...generatedV3(request),
          header: headerWith(id),
        });
        assert.deepEqual(fromBinary(InternalRaftRequestSchema, ours), expected);
        assert.deepEqual(decodeLogRequest(ours), { kind: 'v3', id, request });
        assert.equal(v3RequestId(ours), id);
      }),
    );
  });

  it('may be made around bytes that came from the client', () => {
    const writer = new Writer(16);
    fc.assert(
      fc.property(putRequest, id64, (request, id) => {
        const put = new Writer();
        writePutRequest(put, request);
        const requestBytes = put.finish();
        const data = encodeV3Raw(id, V3_FIELD.put, requestBytes, writer);
        assert.deepEqual(
          Buffer.from(data),
          Buffer.from(encodeV3(id, { kind: 'put', request }, new Writer())),
        );
        assert.deepEqual(Buffer.from(v3RequestBytes(data)), Buffer.from(requestBytes));
      }),
    );
  });

  it('has its id in the header or beside it, which counts more', () => {
    const put = { key: new Uint8Array(1) };
    const beside = toBinary(InternalRaftRequestSchema, create(InternalRaftRequestSchema, { ID: 5n, put }));
    assert.equal(decodeLogRequest(beside).id, 5n);
    assert.equal(v3RequestId(beside), undefined);
    const both = create(InternalRaftRequestSchema, { ID: 5n, header: { ID: 6n, username: 'root' }, put });
    assert.equal(decodeLogRequest(toBinary(InternalRaftRequestSchema, both)).id, 5n);
  });

  it('tells a request of auth by its field', () => {
    const add = create(InternalRaftRequestSchema, { header: { ID: 5n }, authUserAdd: { name: 'root' } });
    assert.deepEqual(decodeLogRequest(toBinary(InternalRaftRequestSchema, add)), {
      kind: 'v3',
      id: 5n,
      request: { kind: 'auth', field: 1100 },
    });
  });

  it('is refused by the name of a field that this version does not know', () => {
    const later = new Writer().tag(9900, 2).string('').finish();
    assert.throws(() => decodeLogRequest(later), /^DecodeError: InternalRaftRequest: field 9900 is unknown/);
    const number = new Writer().tag(12, 0).varint(1).finish();
    assert.throws(() => decodeLogRequest(number), /field 12 is unknown/);
    const empty = toBinary(InternalRaftRequestSchema, create(InternalRaftRequestSchema, { ID: 1n }));
    assert.throws(() => decodeLogRequest(empty), /no request in it/);
  });

  it('is an error and no exception of another kind when it is malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        for (const decode of [decodeLogRequest, v3RequestId]) {
          try {
            decode(garbage);
          } catch (error) {
            assert.ok(error instanceof DecodeError, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
