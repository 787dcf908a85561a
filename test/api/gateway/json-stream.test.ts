/** What a stream of JSON is cut into, whatever pieces it comes in. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JsonStream } from '../../../src/api/gateway/json-stream.ts';
import { heldBytes } from '../../net/memory.ts';
import { fc } from '../../support/fast-check.ts';

/** The pieces of `chunks`, and what is left of them at the end. */
function cut(chunks: readonly (string | Uint8Array)[]): string[] {
  const stream = new JsonStream();
  const pieces = chunks.flatMap((chunk) => [...stream.push(Buffer.from(chunk as string))]);
  return [...pieces, stream.rest()].map((piece) => Buffer.from(piece).toString().trim());
}

describe('a stream of JSON', () => {
  test('is cut into its values', () => {
    assert.deepEqual(cut(['{"a":"}{"}[1,[2]] "x\\"" 5 \n true\nfal', 'se']), [
      '{"a":"}{"}',
      '[1,[2]]',
      '"x\\""',
      '5',
      'true',
      'false',
    ]);
  });

  test('has nothing where there is only white space, in chunks of its own as well', () => {
    assert.deepEqual(cut(['{}\r\n', '\r\n', ' \t', '\n', '\n{}\n\n']), ['{}', '{}', '']);
    const stream = new JsonStream();
    assert.deepEqual([...stream.push(Buffer.from(' \n \n'))], []);
    assert.equal(stream.pendingBytes, 0);
  });

  test('is the same in any pieces', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((each) => JSON.stringify(each));
    const space = fc.constantFrom('\n', '\r\n', '\n\n \n');
    const values = fc.array(fc.tuple(value, space), { maxLength: 8 });
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (all, lengths) => {
        const bytes = Buffer.from(all.flat().join(''));
        const chunks: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const end = at + lengths.next().value;
          chunks.push(bytes.subarray(at, end));
          at = end;
        }
        assert.deepEqual(cut(chunks), [...all.map(([text]) => text), '']);
      }),
      { numRuns: 200 },
    );
  });

  test('costs no more than its bytes where it comes one by one', () => {
    const stream = new JsonStream();
    stream.push(Buffer.from('["')).next();
    const before = heldBytes();
    for (let i = 0; i < 200_000; i++) stream.push(Buffer.from('x')).next();
    assert.ok(heldBytes() - before < 2_000_000);
    assert.equal([...stream.push(Buffer.from('"]'))][0]?.length, 200_004);
  });

  // Looked at again for every line, these would take hours.
  test('takes blank lines without end', () => {
    assert.deepEqual(cut(['\n'.repeat(2 << 20), '{}']), ['{}', '']);
  });
});
