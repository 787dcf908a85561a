import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareUtf8 } from '../../src/store/v2/utf8-order.ts';
import { quoteGo, quoteGoKeepingBytes } from '../../src/wire/go-json.ts';
import { Reader, Writer } from '../../src/wire/protobuf.ts';
import { bytesOfText, textOfBytes } from '../../src/wire/utf8.ts';
import { fc } from '../support/fast-check.ts';

/** Bytes as hostile as they come: characters of all lengths, whole, cut short and mixed with others. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }).map((text) => [...Buffer.from(text, 'utf8')]),
  fc.string({ unit: 'binary', maxLength: 2 }).map((text) => [...Buffer.from(text, 'utf8').subarray(0, -1)]),
  fc.constantFrom(
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xef, 0xbf, 0xbd],
    [0xef, 0xbb, 0xbf],
  ),
  fc.array(fc.constantFrom(0x2f, 0x61, 0x80, 0xbf, 0xc3, 0xe2, 0xff), { maxLength: 4 }),
);
const bytes = fc.array(piece, { maxLength: 40 }).map((pieces) => Uint8Array.from(pieces.flat()));

describe('bytes that may be no UTF-8', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(bytes, (original) => {
        const text = textOfBytes(original);
        assert.deepEqual(bytesOfText(text), original);
        assert.equal(text.isWellFormed(), Buffer.from(original).equals(Buffer.from(text, 'utf8')));
      }),
    );
  });

  it('pass through a message', () => {
    fc.assert(
      fc.property(bytes, (original) => {
        const written = new Writer(16).string(textOfBytes(original)).finish();
        assert.deepEqual(written, new Writer(16).bytes(original).finish());
        assert.equal(new Reader(written).string(), textOfBytes(original));
      }),
    );
  });

  it('are ordered as bytes', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.nat(8), (a, b, shared) => {
        const other = Uint8Array.from([...a.subarray(0, shared), ...b]);
        assert.equal(
          Math.sign(compareUtf8(textOfBytes(a), textOfBytes(other))),
          Buffer.compare(a, other),
          `${Buffer.from(a).toString('hex')} ${Buffer.from(other).toString('hex')}`,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('are kept by one of the two ways to write JSON', () => {
    fc.assert(
      fc.property(bytes, (original) => {
        const text = textOfBytes(original);
        assert.equal(JSON.parse(quoteGo(text)), text.toWellFormed());
        assert.equal(JSON.parse(quoteGoKeepingBytes(text)), text);
      }),
    );
  });

  it('are not longer than one call of a function can take', () => {
    const original = new Uint8Array(1_500_000).fill(0xff);
    assert.deepEqual(bytesOfText(textOfBytes(original)), original);
  });
});

describe('text', () => {
  it('loses surrogates that stand for no byte', () => {
    assert.deepEqual(
      [...bytesOfText('\ud800\udc7f\udd00a')],
      [...Buffer.from('\ud800\udc7f\ufffda', 'utf8')],
    );
    assert.deepEqual([...bytesOfText('\ud800a')], [0xef, 0xbf, 0xbd, 0x61]);
  });
});
