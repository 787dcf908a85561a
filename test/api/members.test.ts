/** /v2/members; the texts were seen from etcd 3.4.23. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerErrorCode } from '../../src/server/contract.ts';
import { type Api, createApi, told } from './support/api.ts';

const JSON_TYPE = 'application/json';
const SELF_TEXT =
  '{"id":"8e9e05c52164694d","name":"default","peerURLs":["http://127.0.0.1:2380"],"clientURLs":["http://127.0.0.1:2379"]}';

function post(api: Api, body: string): string {
  return told(api.ask('POST /v2/members', body, JSON_TYPE));
}

test('the members, the leader, and who is neither', () => {
  const api = createApi();
  assert.equal(
    api.ask('/v2/members').transcript(),
    `200\nContent-Type: application/json\nX-Etcd-Cluster-Id: 1c45a069f3a1d796\n{"members":[${SELF_TEXT}]}\n`,
  );
  assert.equal(told(api.ask('/v2/members/')), `200 {"members":[${SELF_TEXT}]}`);
  assert.equal(told(api.ask('/v2/members/leader')), `200 ${SELF_TEXT}`);
  assert.equal(told(api.ask('/v2/members/8e9e05c52164694d')), '404 {"message":"Not found"}');
  api.server.leaderId = 0n;
  assert.equal(told(api.ask('/v2/members/leader')), '503 {"message":"During election"}');
});

test('a member is added, changed and removed', () => {
  const api = createApi();
  assert.equal(
    post(api, '{"peerURLs":["http://b:2","http://a:1"]}'),
    '201 {"id":"abc","name":"","peerURLs":["http://a:1","http://b:2"],"clientURLs":[]}',
  );
  assert.equal(post(api, '{"peerURLs":["http://a:1"]}'), '409 {"message":"membership: peerURL exists"}');
  const changed = api.ask('PUT /v2/members/abc', '{"peerURLs":["http://c:3"]}', JSON_TYPE);
  assert.deepEqual([changed.status, changed.answerBody], [204, '']);
  assert.equal(changed.answerHeaders, 'X-Etcd-Cluster-Id: 1c45a069f3a1d796\r\n');
  assert.deepEqual(api.server.list.at(-1)?.peerURLs, ['http://c:3']);
  assert.equal(api.ask('DELETE /v2/members/0000ABC').status, 204);
  assert.equal(told(api.ask('DELETE /v2/members/abc')), '410 {"message":"Member permanently removed: abc"}');
  assert.equal(told(api.ask('DELETE /v2/members/123')), '404 {"message":"No such member: 123"}');
  assert.equal(
    told(api.ask('PUT /v2/members/123', '{"peerURLs":["http://c:3"]}', JSON_TYPE)),
    '404 {"message":"No such member: 123"}',
  );
});

test('ids that are none', () => {
  const api = createApi();
  const cases: readonly (readonly [request: string, answer: string])[] = [
    ['DELETE /v2/members', '405 Method Not Allowed'],
    ['PUT /v2/members/', '405 Method Not Allowed'],
    ['DELETE /v2/members/xyz', '404 {"message":"No such member: xyz"}'],
    ['DELETE /v2/members/fffffffffffffffff', '404 {"message":"No such member: fffffffffffffffff"}'],
    ['DELETE /v2/members/0x12', '404 {"message":"No such member: 0x12"}'],
    ['DELETE /v2/members/a/b', '404 {"message":"No such member: a/b"}'],
    ['DELETE /v2/members/a%22<%0a', '404 {"message":"No such member: a\\"\\u003c\\n"}'],
    ['DELETE /v2/members/00000000000000000001', '404 {"message":"No such member: 1"}'],
  ];
  for (const [request, answer] of cases) assert.equal(told(api.ask(request)), answer, request);
  assert.doesNotMatch(api.ask('DELETE /v2/members').answerHeaders, /Allow/);
});

test('what keeps the server from changing members', () => {
  const codes: readonly ServerErrorCode[] = [
    'timeout',
    'unhealthy',
    'not-enough-started-members',
    'no-leader',
  ];
  for (const code of codes) {
    const api = createApi();
    api.server.failure = code;
    const refusal = '500 {"message":"Internal Server Error"}';
    assert.equal(post(api, '{"peerURLs":["http://a:1"]}'), refusal);
    assert.equal(told(api.ask('DELETE /v2/members/8e9e05c52164694d')), refusal);
  }
});

test('types of bodies', () => {
  const cases: readonly (readonly [contentType: string, answer: string])[] = [
    ['', '415 {"message":"Bad Content-Type , accept application/json"}'],
    ['text/plain', '415 {"message":"Bad Content-Type text/plain, accept application/json"}'],
    ['APPLICATION/JSON', '415 {"message":"Bad Content-Type APPLICATION/JSON, accept application/json"}'],
    ['APPLICATION/JSON ; x', '400 {"message":"no valid URLs given"}'],
    ['application/json; charset=utf-8', '400 {"message":"no valid URLs given"}'],
    [
      'Foo<&>Bar; x',
      '415 {"message":"Bad Content-Type foo\\u003c\\u0026\\u003ebar, accept application/json"}',
    ],
  ];
  for (const [contentType, answer] of cases) {
    assert.equal(told(createApi().ask('POST /v2/members', '{}', contentType)), answer);
  }
});

test('bodies that hold no good URLs', () => {
  const struct = 'struct { PeerURLs []string "json:\\"peerURLs\\"" }';
  const cases: readonly (readonly [body: string, message: string])[] = [
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"peerURLs":["http://x:1"', 'unexpected end of JSON input'],
    ['tru', "invalid character ' ' in literal true (expecting 'e')"],
    ['nul', "invalid character ' ' in literal null (expecting 'l')"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a"}', "invalid character '}' after object key"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ['{"a":1}}', "invalid character '}' after top-level value"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{"peerURLs":["http://x:1"],}', "invalid character '}' looking for beginning of object key string"],
    ['{"peerURLs":["http://x:1"]} x', "invalid character 'x' after top-level value"],
    ['[]', `json: cannot unmarshal array into Go value of type ${struct}`],
    ['"x"', `json: cannot unmarshal string into Go value of type ${struct}`],
    ['12', `json: cannot unmarshal number into Go value of type ${struct}`],
    ['true', `json: cannot unmarshal bool into Go value of type ${struct}`],
    ['null', 'no valid URLs given'],
    ['{}', 'no valid URLs given'],
    ['{"peerURLs":null}', 'no valid URLs given'],
    ['{"peerURLs":[]}', 'no valid URLs given'],
    ['{"peerURLs":"x"}', 'json: cannot unmarshal string into Go struct field .peerURLs of type []string'],
    ['{"peerURLs":{}}', 'json: cannot unmarshal object into Go struct field .peerURLs of type []string'],
    ['{"peerURLs":[1]}', 'json: cannot unmarshal number into Go struct field .peerURLs of type string'],
    ['{"PEERURLS":["y"]}', 'URL scheme must be http, https, unix, or unixs: y'],
    [
      '{"peerURLs":["http://x"],"peerURLs":["http://y"]}',
      'URL address does not have the form "host:port": http://y',
    ],
    ['{"peerURLs":[""]}', 'URL scheme must be http, https, unix, or unixs: '],
  ];
  for (const [body, message] of cases) {
    const answer = createApi().ask('POST /v2/members', body, JSON_TYPE);
    assert.equal(answer.status, 400, body);
    assert.deepEqual(JSON.parse(answer.answerBody), { message }, body);
  }
});

test('peer URLs that are none', () => {
  const noPort = 'URL address does not have the form "host:port": ';
  const cases: readonly (readonly [url: string, message: string])[] = [
    ['http://x', `${noPort}http://x`],
    ['http:x:1', `${noPort}http:x:1`],
    ['http://', `${noPort}http://`],
    ['http://x:1:2', `${noPort}http://x:1:2`],
    ['http://::1:80', `${noPort}http://::1:80`],
    ['http://x:1/', 'URL must not contain a path: http://x:1/'],
    ['http://x:1/p', 'URL must not contain a path: http://x:1/p'],
    ['http://user@x:1/', 'URL must not contain a path: http://user@x:1/'],
    ['ftp://x:1', 'URL scheme must be http, https, unix, or unixs: ftp://x:1'],
    ['x:1', 'URL scheme must be http, https, unix, or unixs: x:1'],
    ['http://a b:1', 'parse "http://a b:1": invalid character " " in host name'],
    ['http://[::1:1', 'parse "http://[::1:1": missing \']\' in host'],
    ['http://x:y', 'parse "http://x:y": invalid port ":y" after host'],
    ['://x', 'parse "://x": missing protocol scheme'],
    ['1http://x:1', 'parse "1http://x:1": first path segment in URL cannot contain colon'],
    ['10.0.0.1:2380', 'parse "10.0.0.1:2380": first path segment in URL cannot contain colon'],
    ['http://%zz:1', 'parse "http://%zz:1": invalid URL escape "%zz"'],
    ['\u0001http://x:1', 'parse "\\x01http://x:1": net/url: invalid control character in URL'],
  ];
  for (const [url, message] of cases) {
    const answer = createApi().ask('POST /v2/members', JSON.stringify({ peerURLs: [url] }), JSON_TYPE);
    assert.deepEqual(JSON.parse(answer.answerBody), { message }, url);
  }
});

test('peer URLs that are some', () => {
  const cases: readonly (readonly [url: string, normal: string])[] = [
    ['http://x:1', 'http://x:1'],
    [' HTTPS://x:1 ', 'https://x:1'],
    ['http://[::1]:2380', 'http://[::1]:2380'],
    ['http://x:1?%zz', 'http://x:1?%zz'],
    ['unix://a:1', 'unix://a:1'],
    ['http://x:', 'http://x:'],
  ];
  for (const [url, normal] of cases) {
    const api = createApi();
    assert.equal(
      api.ask('POST /v2/members', JSON.stringify({ peerURLs: [url] }), JSON_TYPE).status,
      201,
      url,
    );
    assert.deepEqual(api.server.list.at(-1)?.peerURLs, [normal]);
  }
});
