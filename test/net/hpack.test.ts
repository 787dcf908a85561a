/** HPACK: the examples of RFC 7541's appendix C byte for byte, its rules one by one, and round trips. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HeaderField } from '../../src/net/http2/header-field.ts';
import { headerField } from '../../src/net/http2/header-field.ts';
import { HpackDecoder } from '../../src/net/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../src/net/http2/hpack-encoder.ts';
import { DynamicTable, staticTable } from '../../src/net/http2/hpack-tables.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../src/net/http2/huffman.ts';
import { fc } from '../support/fast-check.ts';
import { hpackInteger, hpackText } from './http2-client.ts';

const listBytes = 64 * 1024;

function newDecoder(): HpackDecoder {
  return new HpackDecoder(listBytes, 100);
}

function decode(decoder: HpackDecoder, bytes: Buffer): string[] | 'error' {
  const fields: HeaderField[] = [];
  if (!decoder.decode(bytes, 0, bytes.length, fields)) return 'error';
  return fields.map(({ name, value }) => `${name}: ${value}`);
}

function tableOf(decoder: HpackDecoder): string[] {
  return Array.from({ length: decoder.table.count }, (_, index) => {
    const { name, value } = decoder.table.at(index + 1);
    return `${name}: ${value}`;
  });
}

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

interface Example {
  readonly section: string;
  readonly blocks: readonly {
    readonly bytes: string;
    readonly fields: readonly string[];
    readonly table: readonly string[];
    readonly tableSize: number;
  }[];
  readonly tableLimit?: number;
}

const requests = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ],
];
const requestTables = [
  [':authority: www.example.com'],
  ['cache-control: no-cache', ':authority: www.example.com'],
  ['custom-key: custom-value', 'cache-control: no-cache', ':authority: www.example.com'],
];
const first = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const second = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const location = 'location: https://www.example.com';
const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const responses = [
  [':status: 302', 'cache-control: private', first, location],
  [':status: 307', 'cache-control: private', first, location],
  [':status: 200', 'cache-control: private', second, location, 'content-encoding: gzip', cookie],
];
const responseTables = [
  [location, first, 'cache-control: private', ':status: 302'],
  [':status: 307', location, first, 'cache-control: private'],
  [cookie, 'content-encoding: gzip', second],
];

function series(
  bytes: readonly string[],
  fields: readonly (readonly string[])[],
  tables: readonly (readonly string[])[],
  sizes: readonly number[],
): Example['blocks'] {
  return bytes.map((each, i) => ({
    bytes: each,
    fields: fields[i]!,
    table: tables[i]!,
    tableSize: sizes[i]!,
  }));
}

const examples: readonly Example[] = [
  {
    section: 'C.2.1 literal with indexing',
    blocks: series(
      ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'],
      [['custom-key: custom-header']],
      [['custom-key: custom-header']],
      [55],
    ),
  },
  {
    section: 'C.2.2 literal without indexing',
    blocks: series(['040c 2f73 616d 706c 652f 7061 7468'], [[':path: /sample/path']], [[]], [0]),
  },
  {
    section: 'C.2.3 literal never indexed',
    blocks: series(['1008 7061 7373 776f 7264 0673 6563 7265 74'], [['password: secret']], [[]], [0]),
  },
  { section: 'C.2.4 indexed', blocks: series(['82'], [[':method: GET']], [[]], [0]) },
  {
    section: 'C.3 requests without Huffman',
    blocks: series(
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
      requests,
      requestTables,
      [57, 110, 164],
    ),
  },
  {
    section: 'C.4 requests with Huffman',
    blocks: series(
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
      requests,
      requestTables,
      [57, 110, 164],
    ),
  },
  {
    section: 'C.5 responses without Huffman',
    tableLimit: 256,
    blocks: series(
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '4803 3330 37c1 c0bf',
        '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
      ],
      responses,
      responseTables,
      [222, 222, 215],
    ),
  },
  {
    section: 'C.6 responses with Huffman',
    tableLimit: 256,
    blocks: series(
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        '4883 640e ffc1 c0bf',
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      ],
      responses,
      responseTables,
      [222, 222, 215],
    ),
  },
];

describe('RFC 7541, appendix C', () => {
  for (const { section, blocks, tableLimit } of examples) {
    test(section, () => {
      const decoder = newDecoder();
      if (tableLimit !== undefined) decode(decoder, hpackInteger(0x20, 5, tableLimit));
      for (const { bytes, fields, table, tableSize } of blocks) {
        assert.deepEqual(decode(decoder, hex(bytes)), fields);
        assert.deepEqual(tableOf(decoder), table);
        assert.equal(decoder.table.size, tableSize);
      }
    });
  }

  test('C.1 integers', () => {
    assert.deepEqual(hpackInteger(0, 5, 10), hex('0a'));
    assert.deepEqual(hpackInteger(0, 5, 1337), hex('1f9a0a'));
    assert.deepEqual(hpackInteger(0, 8, 42), hex('2a'));
  });
});

describe('what a decoder must refuse', () => {
  const cases: Readonly<Record<string, Buffer>> = {
    'index 0 (6.1)': hex('80'),
    'an index beyond both tables (2.3.3)': hex('be'),
    'a far index': hpackInteger(0x80, 7, 1_000_000),
    'a name index beyond both tables': Buffer.concat([hpackInteger(0x40, 6, 70), hpackText('x')]),
    'an integer that does not end (5.1)': hex('ffffffffffffffffffff'),
    'an integer of endless zeros': hex('ff808080808080808080808080'),
    'an integer cut off': hex('ff80'),
    'a string longer than the block (5.2)': hex('0005 6162'),
    'a block that ends after a name': Buffer.concat([hex('00'), hpackText('name')]),
    'a block that ends before a name': hex('00'),
    'a table larger than we allow (6.3)': hpackInteger(0x20, 5, 4097),
    'a change of size after a field (4.2)': Buffer.concat([hex('82'), hpackInteger(0x20, 5, 0)]),
    'more changes of size than make sense': Buffer.concat(
      [0, 1, 2].map((size) => hpackInteger(0x20, 5, size)),
    ),
    'padding of eight bits or more (5.2)': Buffer.concat([hex('00'), hpackText('a'), hex('82 1fff')]),
    'padding that is not ones': Buffer.concat([hex('00'), hpackText('a'), hex('81 18')]),
    'the end-of-string symbol': Buffer.concat([hex('00'), hpackText('a'), hex('84 ffff ffff')]),
  };
  for (const [title, bytes] of Object.entries(cases)) {
    test(title, () => assert.equal(decode(newDecoder(), bytes), 'error'));
  }
});

test('an entry larger than the table empties it (4.4)', () => {
  const decoder = newDecoder();
  decode(decoder, Buffer.concat([hex('40'), hpackText('a'), hpackText('b')]));
  assert.equal(decoder.table.count, 1);
  decode(decoder, Buffer.concat([hex('40'), hpackText('a'), hpackText('b'.repeat(5000))]));
  assert.equal(decoder.table.count, 0);
  assert.equal(decoder.table.size, 0);
});

test('a new entry may take its name from one that it evicts (4.4)', () => {
  const decoder = newDecoder();
  decode(decoder, hpackInteger(0x20, 5, 100));
  decode(decoder, Buffer.concat([hex('40'), hpackText('name'), hpackText('x'.repeat(40))]));
  const next = Buffer.concat([hpackInteger(0x40, 6, 62), hpackText('y'.repeat(50))]);
  assert.deepEqual(decode(decoder, next), [`name: ${'y'.repeat(50)}`]);
  assert.equal(decoder.table.count, 1);
});

test('a list beyond the limits is counted and not kept, and the table stays in step', () => {
  const decoder = newDecoder();
  const large = Buffer.concat([hex('40'), hpackText('bomb'), hpackText('x'.repeat(3000))]);
  const fields: HeaderField[] = [];
  const bomb = Buffer.concat([large, Buffer.alloc(16_000, 0xbe)]);
  assert.equal(decoder.decode(bomb, 0, bomb.length, fields), true);
  assert.equal(decoder.overflowed, true);
  assert.equal(decoder.listBytes, 16_001 * 3036);
  assert.equal(fields.length, Math.floor(listBytes / 3036));
  assert.equal(decode(decoder, hex('be'))[0], `bomb: ${'x'.repeat(3000)}`);
});

test('the static table is that of appendix A, at its corners', () => {
  const at = (index: number) => `${staticTable[index]!.name}: ${staticTable[index]!.value}`;
  assert.equal(staticTable.length, 62);
  assert.equal(at(1), ':authority: ');
  assert.equal(at(8), ':status: 200');
  assert.equal(at(16), 'accept-encoding: gzip, deflate');
  assert.equal(at(31), 'content-type: ');
  assert.equal(at(61), 'www-authenticate: ');
});

const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('Huffman: what is encoded is decoded, for any bytes', () => {
  fc.assert(
    fc.property(anyBytes, (text) => {
      const length = huffmanLength(text);
      const coded = Buffer.alloc(length + 8);
      assert.equal(huffmanEncode(text, coded, 0), length);
      const target = Buffer.alloc(Math.ceil(length * 1.6) + 8);
      const count = huffmanDecode(coded, 0, length, target);
      assert.equal(target.toString('latin1', 0, count), text);
    }),
  );
});

test('Huffman: random bytes are decoded only if encoding gives them back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const target = Buffer.alloc(80);
      const count = huffmanDecode(bytes, 0, bytes.length, target);
      if (count === -1) return;
      const again = Buffer.alloc(80);
      const end = huffmanEncode(target.toString('latin1', 0, count), again, 0);
      assert.deepEqual(again.subarray(0, end), Buffer.from(bytes));
    }),
    { numRuns: 2000 },
  );
});

const names = fc.oneof(
  fc.constantFrom(':status', 'content-type', 'date', 'set-cookie', 'x-etcd-index', 'server', 'grpc-status'),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
);

test('the encoder and the decoder agree over many blocks and changes of the table', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.array(fc.tuple(names, anyBytes), { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.nat({ max: 6000 }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = newDecoder();
      for (const each of steps) {
        if (typeof each === 'number') {
          encoder.setTableLimit(each);
          continue;
        }
        encoder.begin();
        for (const [name, value] of each) encoder.field(name, value);
        const fields: HeaderField[] = [];
        assert.equal(decoder.decode(encoder.bytes, 0, encoder.length, fields), true);
        assert.deepEqual(
          fields.map(({ name, value }) => [name, value]),
          each,
        );
        assert.equal(encoder.table.size, decoder.table.size);
        assert.equal(encoder.table.count, decoder.table.count);
      }
    }),
  );
});

test('a table that shrinks and grows again between blocks tells both sizes (4.2)', () => {
  const encoder = new HpackEncoder();
  encoder.begin();
  encoder.field('server', 'a');
  encoder.setTableLimit(0);
  encoder.setTableLimit(4096);
  encoder.begin();
  assert.deepEqual(encoder.bytes.subarray(0, encoder.length), hex('20 3fe11f'));
  assert.equal(encoder.table.count, 0);
});

test('credentials are never indexed (7.1.3)', () => {
  const encoder = new HpackEncoder();
  encoder.begin();
  encoder.field('authorization', 'secret');
  assert.equal(encoder.bytes[0]! >>> 4, 1);
  assert.equal(encoder.table.count, 0);
});

test('the dynamic table keeps the newest entries that fit, as a plain list would', () => {
  const action = fc.oneof(
    fc.record({ insert: fc.nat({ max: 120 }) }),
    fc.record({ limit: fc.nat({ max: 2000 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const table = new DynamicTable(500);
      let model: HeaderField[] = [];
      let limit = 500;
      const size = () => model.reduce((sum, each) => sum + each.size, 0);
      for (const [index, each] of actions.entries()) {
        if ('limit' in each) {
          limit = each.limit;
          table.setLimit(limit);
        } else {
          const field = headerField(`n${index}`, 'v'.repeat(each.insert));
          table.insert(field);
          model = [field, ...model];
        }
        while (size() > limit) model.pop();
        assert.equal(table.size, size());
        assert.deepEqual(
          Array.from({ length: table.count }, (_, at) => table.at(at + 1)),
          model,
        );
      }
    }),
  );
});
