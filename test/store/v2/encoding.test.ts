/** The texts: Go's string escapes, times, events, errors, and the order of keys. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { httpStatusOfV2Error, v2Error, v2ErrorKinds } from '../../../src/store/v2/errors.ts';
import {
  EventEncoder,
  encodeActionOnly,
  encodeError,
  encodeEvent,
} from '../../../src/store/v2/event-encoder.ts';
import { formatRfc3339, parseRfc3339 } from '../../../src/store/v2/rfc3339.ts';
import type { V2Event, V2Node } from '../../../src/store/v2/types.ts';
import { compareUtf8 } from '../../../src/store/v2/utf8-order.ts';
import { quoteGo } from '../../../src/wire/go-json.ts';
import { fc } from '../../support/fast-check.ts';

test('strings are escaped as Go escapes them', () => {
  const cases: readonly (readonly [text: string, quoted: string])[] = [
    ['', '""'],
    ['plain é \u{1f600} \u007f \ufffd', '"plain é \u{1f600} \u007f \ufffd"'],
    ['<a href="x">&\\', '"\\u003ca href=\\"x\\"\\u003e\\u0026\\\\"'],
    ['\u0000\u0001\b\t\n\u000b\f\r\u001f', '"\\u0000\\u0001\\u0008\\t\\n\\u000b\\u000c\\r\\u001f"'],
    ['\u2027\u2028\u2029\u202a', '"\u2027\\u2028\\u2029\u202a"'],
    ['\ud800', '"\\ufffd"'],
    ['\udc00\ud83d\ude00\ud83d', '"\\ufffd\u{1f600}\\ufffd"'],
  ];
  for (const [text, quoted] of cases) assert.equal(quoteGo(text), quoted);
});

test('escaped strings are JSON for the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      assert.equal(JSON.parse(quoteGo(text)), Buffer.from(text).toString());
    }),
  );
});

test('times are written as RFC 3339 and read back, in any zone', () => {
  assert.equal(formatRfc3339(0n), '1970-01-01T00:00:00Z');
  assert.equal(formatRfc3339(-1n), '1969-12-31T23:59:59.999999999Z');
  assert.equal(formatRfc3339(951_782_400_100_000_000n), '2000-02-29T00:00:00.1Z');
  assert.equal(parseRfc3339('2013-12-11T10:33:56.5-05:30'), parseRfc3339('2013-12-11T16:03:56.5Z'));
  for (const bad of [
    '',
    '2013-12-11',
    '2013-13-11T00:00:00Z',
    '2013-12-11T24:00:00Z',
    '2013-12-11T00:00:00',
  ]) {
    assert.equal(parseRfc3339(bad), undefined, bad);
  }
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 1n }), (timeNs) => {
      const text = formatRfc3339(timeNs);
      assert.equal(parseRfc3339(text), timeNs);
      const iso = new Date(Number(timeNs / 1_000_000n) - (timeNs % 1_000_000n < 0n ? 1 : 0)).toISOString();
      assert.equal(text.slice(0, 19), iso.slice(0, 19));
    }),
  );
});

test('keys are ordered by their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      assert.equal(Math.sign(compareUtf8(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
  assert.ok(compareUtf8('\uff01', '\u{1f600}') < 0);
});

test('empty fields are left out of an event', () => {
  const node: V2Node = { key: '/1', dir: true, modifiedIndex: 0, createdIndex: 0 };
  const event = (changes: Partial<V2Event>): V2Event => ({ action: 'get', node, etcdIndex: 3, ...changes });
  assert.equal(encodeEvent(event({}), 2), '{"action":"get","node":{"dir":true}}\n');
  assert.equal(encodeEvent(event({}), 0), '{"action":"get","node":{"key":"/1","dir":true}}\n');
  assert.equal(
    encodeEvent(event({ node: { modifiedIndex: 0, createdIndex: 4 } }), 0),
    '{"action":"get","node":{"createdIndex":4}}\n',
  );
  assert.equal(
    encodeEvent(event({ node: { modifiedIndex: 0, createdIndex: 0 } }), 0),
    '{"action":"get","node":{}}\n',
  );
  assert.equal(
    encodeEvent(
      event({
        action: 'set',
        node: { key: '/1/a', value: '', expirationNs: 1n, ttlSeconds: 0, modifiedIndex: 2, createdIndex: 1 },
        prevNode: {
          key: '/1/a',
          value: '<',
          expirationNs: 0n,
          ttlSeconds: -1,
          modifiedIndex: 1,
          createdIndex: 1,
        },
        refresh: true,
      }),
      2,
    ),
    '{"action":"set","node":{"key":"/a","value":"","expiration":"1970-01-01T00:00:00.000000001Z","modifiedIndex":2,"createdIndex":1},' +
      '"prevNode":{"key":"/a","value":"\\u003c","expiration":"1970-01-01T00:00:00Z","ttl":-1,"modifiedIndex":1,"createdIndex":1}}\n',
  );
  assert.equal(encodeActionOnly(event({ action: 'set' })), '{"action":"set"}\n');
});

test('an event comes out the same in pieces of any size', () => {
  const { node: nodeArbitrary } = fc.letrec<{ node: V2Node }>((tie) => ({
    node: fc.record({
      key: fc.string().map((name) => `/1/${name}`),
      value: fc.option(fc.string(), { nil: undefined }),
      dir: fc.constantFrom(undefined, true),
      nodes: fc.option(fc.array(tie('node'), { maxLength: 5 }), { nil: undefined, maxDepth: 4 }),
      modifiedIndex: fc.nat(3),
      createdIndex: fc.nat(3),
    }),
  }));
  fc.assert(
    fc.property(
      nodeArbitrary,
      fc.option(nodeArbitrary, { nil: undefined }),
      fc.nat(200),
      (node, prev, budget) => {
        const prevNode = prev === undefined ? undefined : { ...prev, nodes: undefined };
        const event: V2Event = { action: 'get', node, prevNode, etcdIndex: 1 };
        const encoder = new EventEncoder(event, 2);
        let text = '';
        for (let piece = encoder.next(budget + 1); piece !== undefined; piece = encoder.next(budget + 1))
          text += piece;
        assert.equal(text, encodeEvent(event, 2));
        assert.deepEqual(JSON.parse(text), plain(event));
      },
    ),
  );
});

/** The event as JSON should say it. */
function plain(event: V2Event): unknown {
  const node = (from: V2Node): unknown =>
    Object.fromEntries(
      Object.entries({ ...from, key: from.key!.slice(2), nodes: from.nodes?.map(node) }).filter(
        ([name, value]) =>
          value !== undefined &&
          value !== 0 &&
          (value !== '' || name === 'value') &&
          !(Array.isArray(value) && value.length === 0),
      ),
    );
  return {
    action: event.action,
    node: node(event.node),
    ...(event.prevNode === undefined ? {} : { prevNode: node(event.prevNode) }),
  };
}

test('errors: the prefix is cut where it stands, an empty cause is left out', () => {
  assert.equal(
    encodeError(v2Error(100, '/1/foo', 7), '/1'),
    '{"errorCode":100,"message":"Key not found","cause":"/foo","index":7}\n',
  );
  assert.equal(
    encodeError(v2Error(102, '/1', 7), '/1'),
    '{"errorCode":102,"message":"Not a file","index":7}\n',
  );
  assert.equal(
    encodeError(v2Error(101, '[/1 != <]', 7), '/1'),
    '{"errorCode":101,"message":"Compare failed","cause":"[/1 != \\u003c]","index":7}\n',
  );
  assert.equal(
    encodeError(v2Error(107, '/', 0), '/1'),
    '{"errorCode":107,"message":"Root is read only","cause":"/","index":0}\n',
  );
});

test('every code has a message and a status; an unknown one is a bug', () => {
  const statuses = new Map([
    [401, [110]],
    [403, [102, 108]],
    [404, [100]],
    [412, [101, 105]],
    [500, [300, 301]],
  ]);
  for (const { code, message, httpStatus } of v2ErrorKinds.values()) {
    assert.notEqual(message, '');
    const special = [...statuses].find(([, codes]) => codes.includes(code));
    assert.equal(httpStatus, special?.[0] ?? 400, String(code));
    assert.equal(httpStatusOfV2Error(v2Error(code, '', 0)), httpStatus);
  }
  assert.throws(() => v2Error(999, '', 0), RangeError);
});
