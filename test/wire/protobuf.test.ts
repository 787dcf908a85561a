import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import protobuf from 'protobufjs';
import { DecodeError, Reader, tagOf, Writer } from '../../src/wire/protobuf.ts';
import { fc } from '../support/fast-check.ts';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 60 }));

function reading(write: (writer: Writer) => void): Reader {
  const writer = new Writer(16);
  write(writer);
  return new Reader(writer.finish());
}

describe('protobuf wire format', () => {
  it('writes numbers as an independent implementation does, and reads them back', () => {
    fc.assert(
      fc.property(uint64, int64, safe, (unsigned, signed, number) => {
        const theirs = protobuf.Writer.create()
          .uint64(unsigned.toString())
          .int64(signed.toString())
          .int64(number.toString())
          .finish();
        const writer = new Writer(16).varintBig(unsigned).varintBig(signed).varint(number);
        const bytes = writer.finish();
        assert.deepEqual(Buffer.from(bytes), Buffer.from(theirs));
        const reader = new Reader(bytes);
        assert.equal(reader.varintBig(), unsigned);
        assert.equal(reader.varintBigSigned(), signed);
        assert.equal(reader.varintSigned(), number);
        assert.ok(reader.done);
      }),
    );
  });

  it('writes text and bytes as an independent implementation does, and reads them back', () => {
    fc.assert(
      fc.property(text, fc.uint8Array({ maxLength: 300 }), (words, bytes) => {
        const theirs = protobuf.Writer.create().string(words).bytes(bytes).finish();
        const ours = new Writer(16).string(words).bytes(bytes).finish();
        assert.deepEqual(Buffer.from(ours), Buffer.from(theirs));
        const reader = new Reader(ours);
        assert.equal(reader.string(), words);
        assert.deepEqual(Buffer.from(reader.bytes()), Buffer.from(bytes));
      }),
    );
  });

  it('closes nested messages of every length, also across a growing buffer', () => {
    for (const length of [0, 1, 127, 128, 129, 16_383, 16_384, 200_000]) {
      const reader = reading((writer) => {
        const outer = writer.tag(1, 2).begin();
        const inner = writer.tag(2, 2).begin();
        writer.raw(new Uint8Array(length).fill(7));
        writer.end(inner);
        writer.tag(3, 0).varint(5);
        writer.end(outer);
      });
      assert.equal(reader.tag(), tagOf(1, 2));
      const outer = reader.enter();
      assert.equal(reader.tag(), tagOf(2, 2));
      assert.equal(reader.bytes().length, length);
      assert.equal(reader.tag(), tagOf(3, 0));
      assert.equal(reader.varint(), 5);
      assert.ok(reader.done);
      reader.leave(outer);
      assert.ok(reader.done);
    }
  });

  it('never touches bytes that were handed out', () => {
    const writer = new Writer(64);
    const parts = Array.from({ length: 100 }, (_, i) => writer.varint(i).string(`part ${i}`).finish());
    parts.forEach((bytes, i) => {
      const reader = new Reader(bytes);
      assert.equal(reader.varint(), i);
      assert.equal(reader.string(), `part ${i}`);
    });
  });

  it('forgets what a failed encoding left behind', () => {
    const writer = new Writer(64);
    assert.throws(() => writer.varint(1).varint(2 ** 53), RangeError);
    writer.discard();
    assert.deepEqual([...writer.varint(9).finish()], [9]);
  });

  it('reads fixed numbers and doubles', () => {
    const reader = reading((writer) => writer.fixed32(0xfedcba98).double(-1.25));
    assert.equal(reader.fixed32(), 0xfedcba98);
    assert.equal(reader.double(), -1.25);
  });

  it('skips unknown fields of every wire type and refuses groups', () => {
    const reader = reading((writer) => {
      writer.tag(9, 0).varintBig(2n ** 64n - 1n);
      writer.tag(9, 1).double(1);
      writer.tag(9, 2).string('x');
      writer.tag(9, 5).fixed32(1);
      writer.tag(9, 3);
    });
    for (let i = 0; i < 4; i++) reader.skip(reader.tag());
    const group = reader.tag();
    assert.throws(() => reader.skip(group), DecodeError);
  });

  const malformed: readonly [string, readonly number[], (reader: Reader) => unknown][] = [
    ['a varint cut short', [0x80], (reader) => reader.varint()],
    ['a varint of eleven bytes', Array(11).fill(0x80), (reader) => reader.varintBig()],
    ['a varint beyond 64 bits', [...Array(9).fill(0xff), 0x02], (reader) => reader.varintBig()],
    ['an unsafe number', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], (reader) => reader.varint()],
    ['field number 0', [0x02], (reader) => reader.tag()],
    ['a tag beyond 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f], (reader) => reader.tag()],
    ['a length beyond the end', [5, 1, 2], (reader) => reader.bytes()],
    ['a huge length', [0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.bytes()],
    ['a nested message beyond the end', [5, 1, 2], (reader) => reader.enter()],
    ['a fixed number cut short', [1, 2, 3], (reader) => reader.fixed32()],
  ];
  for (const [name, bytes, read] of malformed) {
    it(`refuses ${name}`, () => {
      assert.throws(() => read(new Reader(Uint8Array.from(bytes))), DecodeError);
    });
  }

  it('keeps a nested message from reading beyond itself', () => {
    const reader = new Reader(Uint8Array.of(2, 0x08, 0x80, 0x01));
    reader.enter();
    assert.equal(reader.tag(), tagOf(1, 0));
    assert.throws(() => reader.varint(), DecodeError);
  });
});
