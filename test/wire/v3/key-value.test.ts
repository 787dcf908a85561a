import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { KeyValueSchema } from '../../../src/wire/generated/mvccpb/kv_pb.ts';
import { DecodeError } from '../../../src/wire/protobuf.ts';
import {
  decodeKeyValue,
  encodeKeyValue,
  type KeyValue,
  peekCreateRevision,
  peekKey,
  peekLease,
  peekModRevision,
  peekValue,
  peekVersion,
  withoutValue,
} from '../../../src/wire/v3/key-value.ts';
import { fc } from '../../support/fast-check.ts';
import { bytes, int64, revision } from './arbitraries.ts';

const keyValue: fc.Arbitrary<KeyValue> = fc.record(
  {
    key: bytes,
    createRevision: revision,
    modRevision: revision,
    version: revision,
    value: bytes,
    lease: int64,
  },
  { noNullPrototype: true },
);

function encoded(kv: KeyValue): Uint8Array {
  return encodeKeyValue(kv.key, kv.createRevision, kv.modRevision, kv.version, kv.value, kv.lease);
}

function generated(kv: KeyValue): Uint8Array {
  const { createRevision, modRevision, version } = kv;
  const numbers = {
    createRevision: BigInt(createRevision),
    modRevision: BigInt(modRevision),
    version: BigInt(version),
  };
  return toBinary(KeyValueSchema, create(KeyValueSchema, { ...kv, ...numbers }));
}

describe('a key value', () => {
  it('is encoded as the generated code does, and read back', () => {
    fc.assert(
      fc.property(keyValue, (kv) => {
        assert.deepEqual(Buffer.from(encoded(kv)), Buffer.from(generated(kv)));
        assert.deepEqual(decodeKeyValue(generated(kv)), kv);
      }),
    );
  });

  it('can be peeked into', () => {
    fc.assert(
      fc.property(keyValue, (kv) => {
        const all = encoded(kv);
        const peeked = {
          key: peekKey(all),
          createRevision: peekCreateRevision(all),
          modRevision: peekModRevision(all),
          version: peekVersion(all),
          value: peekValue(all),
          lease: peekLease(all),
        };
        assert.deepEqual(peeked, kv);
      }),
    );
  });

  it('loses its value and nothing else', () => {
    fc.assert(
      fc.property(keyValue, (kv) => {
        const all = encoded(kv);
        const before = Buffer.from(all);
        assert.deepEqual(decodeKeyValue(withoutValue(all)), { ...kv, value: new Uint8Array(0) });
        assert.deepEqual(Buffer.from(all), before);
      }),
    );
  });

  it('keeps what was handed out before', () => {
    const first = encodeKeyValue(Uint8Array.of(1), 1, 1, 1, Uint8Array.of(2), 0n);
    const before = Buffer.from(first);
    for (let i = 0; i < 5000; i++) encodeKeyValue(Uint8Array.of(9), i, i, i, new Uint8Array(100), 1n);
    assert.deepEqual(Buffer.from(first), before);
  });

  it('is refused when malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (garbage) => {
        for (const look of [decodeKeyValue, peekModRevision, peekValue, peekLease, withoutValue, peekKey]) {
          try {
            look(garbage);
          } catch (error) {
            assert.ok(error instanceof DecodeError, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
