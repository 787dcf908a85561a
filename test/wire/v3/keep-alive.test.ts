/** Keep-alives by hand against the generated codecs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
} from '../../../src/wire/generated/etcdserverpb/lease_pb.ts';
import { DecodeError } from '../../../src/wire/protobuf.ts';
import { decodeKeepAliveRequest, KeepAliveAnswers } from '../../../src/wire/v3/keep-alive.ts';
import type { ResponseHeader } from '../../../src/wire/v3/response-header.ts';
import { fc } from '../../support/fast-check.ts';
import { int64, revision, safe, uint64 } from './arbitraries.ts';

function request(ID: bigint): Uint8Array {
  return toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID }));
}

/** Fields that nobody knows: a varint, bytes, 4 and 8 bytes. */
const unknown = fc.constantFrom(
  [0x10, 0x96, 0x01],
  [0x1a, 2, 7, 7],
  [0x25, 1, 2, 3, 4],
  [0x29, 1, 2, 3, 4, 5, 6, 7, 8],
);

test('requests are read as they were meant', () => {
  fc.assert(
    fc.property(int64, (id) => {
      const bytes = request(id);
      assert.equal(decodeKeepAliveRequest(bytes), id);
      assert.equal(decodeKeepAliveRequest(Buffer.concat([Buffer.alloc(3), bytes]).subarray(3)), id);
    }),
  );
});

test('requests with more in them: the last id counts, unknown fields do not', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(int64, unknown), { maxLength: 4 }), (parts) => {
      const bytes = parts.flatMap((part) => (typeof part === 'bigint' ? [8, ...varint(part)] : part));
      const ids = parts.filter((part) => typeof part === 'bigint');
      assert.equal(decodeKeepAliveRequest(Uint8Array.from(bytes)), ids.at(-1) ?? 0n);
    }),
  );
});

test('a varint may be longer than it needs to be, but not than ten bytes or 64 bits', () => {
  assert.equal(decodeKeepAliveRequest(Uint8Array.of(8, 0x85, 0x80, 0x80, 0)), 5n);
  const longest = [8, ...Array<number>(9).fill(0xff), 1];
  assert.equal(decodeKeepAliveRequest(Uint8Array.from(longest)), -1n);
  longest[10] = 2;
  for (const bytes of [longest, [8, ...Array<number>(10).fill(0x80), 0], [8], [8, 0x80], [0xff], [8, 1, 8]]) {
    assert.throws(() => decodeKeepAliveRequest(Uint8Array.from(bytes)), DecodeError, String(bytes));
  }
});

test('answers are those of the generated codec, and stay as they are', () => {
  const header: fc.Arbitrary<ResponseHeader> = fc.record(
    { clusterId: uint64, memberId: uint64, revision, raftTerm: revision },
    { noNullPrototype: true },
  );
  const answers = new KeepAliveAnswers();
  const made: { readonly ours: Uint8Array; readonly theirs: Uint8Array }[] = [];
  fc.assert(
    fc.property(header, fc.array(fc.tuple(int64, safe), { maxLength: 5 }), (top, renewals) => {
      for (const [ID, ttl] of renewals) {
        const { clusterId, memberId } = top;
        const fields = {
          clusterId,
          memberId,
          revision: BigInt(top.revision),
          raftTerm: BigInt(top.raftTerm),
        };
        const message = create(LeaseKeepAliveResponseSchema, { header: fields, ID, TTL: BigInt(ttl) });
        const theirs = toBinary(LeaseKeepAliveResponseSchema, message);
        made.push({ ours: answers.encode(top, ID, ttl), theirs });
      }
    }),
    { numRuns: 2_000 },
  );
  assert(made.reduce((sum, { ours }) => sum + ours.length, 0) > 65_536, 'more than one slab was filled');
  for (const { ours, theirs } of made) assert.deepEqual(Uint8Array.from(ours), theirs);
});

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}
