/** JSON and messages: against the generated code's own JSON where the two agree, and etcd 3.5.30's words where one is refused. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, type DescMessage, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { JsonError } from '../../../src/api/gateway/json-node.ts';
import { jsonToMessage } from '../../../src/api/gateway/json-to-message.ts';
import { messageShape } from '../../../src/api/gateway/message-shape.ts';
import { JsonRenderer, messageToJson } from '../../../src/api/gateway/message-to-json.ts';
import {
  MemberAddRequestSchema,
  MemberRemoveRequestSchema,
} from '../../../src/wire/generated/etcdserverpb/cluster_pb.ts';
import {
  PutRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import { WatchRequestSchema } from '../../../src/wire/generated/etcdserverpb/watch_pb.ts';
import { DecodeError } from '../../../src/wire/protobuf.ts';
import { fc } from '../../support/fast-check.ts';
import { generatedTxn, txnRequest } from '../../wire/v3/arbitraries.ts';

function read(schema: DescMessage, text: string): unknown {
  const bytes = jsonToMessage(messageShape(schema), text);
  return toJson(schema, fromBinary(schema, bytes), { useProtoFieldName: true });
}

function refusal(schema: DescMessage, text: string): string {
  try {
    jsonToMessage(messageShape(schema), text);
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return error.message;
  }
  return 'accepted';
}

describe('messages in JSON', () => {
  it('come out as the generated code has them, and are read back', () => {
    fc.assert(
      fc.property(txnRequest, (request) => {
        const message = create(TxnRequestSchema, generatedTxn(request));
        const bytes = toBinary(TxnRequestSchema, message);
        const text = messageToJson(messageShape(TxnRequestSchema), bytes);
        assert.deepEqual(JSON.parse(text), toJson(TxnRequestSchema, message, { useProtoFieldName: true }));
        assert.deepEqual(
          Buffer.from(jsonToMessage(messageShape(TxnRequestSchema), text)),
          Buffer.from(bytes),
        );
        const camelCase = JSON.stringify(toJson(TxnRequestSchema, message));
        assert.deepEqual(
          Buffer.from(jsonToMessage(messageShape(TxnRequestSchema), camelCase)),
          Buffer.from(bytes),
        );
      }),
    );
  });

  it('come out the same in pieces', () => {
    fc.assert(
      fc.property(txnRequest, fc.integer({ min: 1, max: 100 }), (request, charactersMin) => {
        const bytes = toBinary(TxnRequestSchema, create(TxnRequestSchema, generatedTxn(request)));
        const renderer = new JsonRenderer(messageShape(TxnRequestSchema), bytes);
        let text = '';
        while (!renderer.done) text += renderer.next(charactersMin);
        assert.equal(text, messageToJson(messageShape(TxnRequestSchema), bytes));
      }),
    );
  });

  it('have lists of enums', () => {
    const text = '{"create_request":{"filters":["NODELETE",0,"LATER",1]}}';
    assert.deepEqual(read(WatchRequestSchema, text), {
      create_request: { filters: ['NODELETE', 'NOPUT', 'NODELETE'] },
    });
    const packed = toBinary(
      WatchRequestSchema,
      create(WatchRequestSchema, {
        requestUnion: { case: 'createRequest', value: { filters: [1, 0, 7 as 0] } },
      }),
    );
    assert.equal(
      messageToJson(messageShape(WatchRequestSchema), packed),
      '{"create_request":{"filters":["NODELETE","NOPUT",7]}}',
    );
  });

  it('accept what Go accepts', () => {
    const same: readonly (readonly [DescMessage, string, unknown])[] = [
      [PutRequestSchema, '', {}],
      [PutRequestSchema, ' \n', {}],
      [PutRequestSchema, '{}', {}],
      [PutRequestSchema, '{"key":"YQ=="} trailing', { key: 'YQ==' }],
      [PutRequestSchema, '{"key":"_-8="}', { key: '/+8=' }],
      [PutRequestSchema, '{"key":"_-8"}', { key: '/+8=' }],
      [PutRequestSchema, '{"key":"Y\\nQ=\\n="}', 'no'],
      [PutRequestSchema, '{"key":"YQ\\r\\n\\r\\n=="}', { key: 'YQ==' }],
      [PutRequestSchema, '{"key":null,"lease":null}', {}],
      [PutRequestSchema, '{"lease":1e3}', { lease: '1000' }],
      [PutRequestSchema, '{"lease":"10E-1"}', { lease: '1' }],
      [PutRequestSchema, '{"lease":-0}', {}],
      [PutRequestSchema, '{"lease":"7=}"}', { lease: '7' }],
      [PutRequestSchema, '{"lease":0e999999999}', {}],
      [PutRequestSchema, '{"unknown":{"a":[1,{}]},"key":"\\u0059Q=="}', { key: 'YQ==' }],
      [PutRequestSchema, '{"k\\u0065y":"YQ=="}', { key: 'YQ==' }],
      [RangeRequestSchema, '{"sort_order":"NOPE"}', {}],
      [RangeRequestSchema, '{"sort_order":77}', { sort_order: 77 }],
      [TxnRequestSchema, '{"success":null}', {}],
      [TxnRequestSchema, '{"success":[{"request_range":null}]}', { success: [{}] }],
      [TxnRequestSchema, '{"compare":[{"version":"0"}]}', { compare: [{ version: '0' }] }],
      [MemberRemoveRequestSchema, '{"ID":"18446744073709551615"}', { ID: '18446744073709551615' }],
      [MemberAddRequestSchema, '{"peerURLs":["a\\ud83d\\ude00\\/"]}', { peerURLs: ['a😀/'] }],
    ];
    for (const [schema, text, expected] of same) {
      if (expected === 'no') assert.match(refusal(schema, text), /invalid value for bytes/, text);
      else assert.deepEqual(read(schema, text), expected, text);
    }
  });

  it('are refused in the words of etcd', () => {
    const words: readonly (readonly [DescMessage, string, string])[] = [
      [PutRequestSchema, '{"key":"!!"}', 'proto: (line 1:8): invalid value for bytes field key: "!!"'],
      [PutRequestSchema, '{"key":5}', 'proto: (line 1:8): invalid value for bytes field key: 5'],
      [PutRequestSchema, '{"key":{}}', 'proto: (line 1:8): invalid value for bytes field key: {'],
      [PutRequestSchema, '{"key":[]}', 'proto: (line 1:8): invalid value for bytes field key: ['],
      [PutRequestSchema, '{"lease":"x"}', 'proto: (line 1:10): invalid value for int64 field lease: "x"'],
      [PutRequestSchema, '{"lease":" 1"}', 'proto: (line 1:10): invalid value for int64 field lease: " 1"'],
      [PutRequestSchema, '{"lease":1.5}', 'proto: (line 1:10): invalid value for int64 field lease: 1.5'],
      [PutRequestSchema, '{"lease":""}', 'proto: (line 1:10): invalid value for int64 field lease: ""'],
      [
        PutRequestSchema,
        '{"lease":"123456789012345678901"}',
        'proto: (line 1:10): invalid value for int64 field lease: "123456789012345678901"',
      ],
      [
        PutRequestSchema,
        '{"prev_kv":"true"}',
        'proto: (line 1:12): invalid value for bool field prevKv: "true"',
      ],
      [PutRequestSchema, '{"prev_kv":true,"prevKv":false}', 'proto: (line 1:17): duplicate field "prevKv"'],
      [PutRequestSchema, '[]', 'proto: syntax error (line 1:1): unexpected token ['],
      [PutRequestSchema, ' 5', 'proto: syntax error (line 1:1): unexpected token 5'],
      [PutRequestSchema, '55e-{', "invalid character '{' in exponent of numeric literal"],
      [PutRequestSchema, '1.25x', 'proto: syntax error (line 1:1): unexpected token 1.25'],
      [PutRequestSchema, '1.25ex', "invalid character 'x' in exponent of numeric literal"],
      [PutRequestSchema, '1.x', "invalid character 'x' after decimal point in numeric literal"],
      [PutRequestSchema, '01', 'proto: syntax error (line 1:1): unexpected token 0'],
      [PutRequestSchema, 'null', 'proto: syntax error (line 1:1): unexpected token null'],
      [PutRequestSchema, '{"key":"YQ=="', 'unexpected EOF'],
      [
        PutRequestSchema,
        '{"key":"YQ==",}',
        "invalid character '}' looking for beginning of object key string",
      ],
      [PutRequestSchema, '{"key":"YQ==" "x":1}', `invalid character '"' after object key:value pair`],
      [PutRequestSchema, '{"key":"a\nb"}', "invalid character '\\n' in string literal"],
      [PutRequestSchema, 'garbage', "invalid character 'g' looking for beginning of value"],
      [
        RangeRequestSchema,
        '{"sort_order":true}',
        'proto: (line 1:15): invalid value for enum field sortOrder: true',
      ],
      [
        RangeRequestSchema,
        '{"sort_order":1.5}',
        'proto: (line 1:15): invalid value for enum field sortOrder: 1.5',
      ],
      [
        RangeRequestSchema,
        '{"sort_order":12345678901}',
        'proto: (line 1:15): invalid value for enum field sortOrder: 12345678901',
      ],
      [RangeRequestSchema, '{"limit":1E-1}', 'proto: (line 1:10): invalid value for int64 field limit: 1E-1'],
      [
        RangeRequestSchema,
        '{"key":"YQ==",\n "é":1, "limit":true}',
        'proto: (line 2:17): invalid value for int64 field limit: true',
      ],
      [TxnRequestSchema, '{"success":{}}', 'proto: syntax error (line 1:12): unexpected token {'],
      [TxnRequestSchema, '{"success":[null]}', 'proto: syntax error (line 1:13): unexpected token null'],
      [
        TxnRequestSchema,
        '{"success":[{"request_range":{},"request_put":{}}]}',
        'proto: (line 1:33): error parsing "request_put", oneof etcdserverpb.RequestOp.request is already set',
      ],
      [
        MemberRemoveRequestSchema,
        '{"ID":"-5"}',
        'proto: (line 1:7): invalid value for uint64 field ID: "-5"',
      ],
      [MemberAddRequestSchema, '{"peerURLs":"x"}', 'proto: syntax error (line 1:13): unexpected token "x"'],
      [
        MemberAddRequestSchema,
        '{"peerURLs":[null]}',
        'proto: (line 1:14): invalid value for string field peerURLs: null',
      ],
      [
        PutRequestSchema,
        '{"key":"YQ==\\ud800","lease":"1"}',
        String.raw`proto: syntax error (line 1:8): invalid escape code "\",\"lea" in string`,
      ],
      [
        PutRequestSchema,
        '{"k\\ud83d\\ude00\\udc00ey":1, "lease":"1"}',
        String.raw`proto: syntax error (line 1:2): invalid escape code "ey\":1," in string`,
      ],
      [PutRequestSchema, `{"x":${'['.repeat(2000)}`, 'exceeded max depth'],
    ];
    for (const [schema, text, message] of words) assert.equal(refusal(schema, text), message, text);
  });

  it('end in an error when they are malformed, and never in an exception of another kind', () => {
    const shape = messageShape(TxnRequestSchema);
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom(...'{}[]:,"\\1ae ') })),
        (text) => {
          try {
            jsonToMessage(shape, text);
          } catch (error) {
            assert.ok(error instanceof JsonError, String(error));
          }
        },
      ),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (garbage) => {
        try {
          JSON.parse(messageToJson(shape, garbage));
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
