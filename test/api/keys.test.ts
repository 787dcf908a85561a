/** /v2/keys by requests and answers. All texts, statuses and headers were seen from etcd 3.4.23 with --enable-v2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TreeStore } from '../../src/store/v2/v2-store.ts';
import { type Api, createApi, told } from './support/api.ts';
import { ask } from './support/fake-exchange.ts';

test('a write, a read and a deletion, headers included', () => {
  const api = createApi();
  assert.equal(
    api.ask('PUT /v2/keys/message', 'value=Hello').transcript(),
    [
      '201',
      'Content-Type: application/json',
      'X-Etcd-Cluster-Id: 1c45a069f3a1d796',
      'X-Etcd-Index: 4',
      'X-Raft-Index: 5',
      'X-Raft-Term: 2',
      '{"action":"set","node":{"key":"/message","value":"Hello","modifiedIndex":4,"createdIndex":4}}\n',
    ].join('\n'),
  );
  const read = api.ask('/v2/keys/message');
  assert.equal(
    told(read),
    '200 {"action":"get","node":{"key":"/message","value":"Hello","modifiedIndex":4,"createdIndex":4}}',
  );
  assert.match(read.answerHeaders, /X-Etcd-Index: 4\r\nX-Raft-Index: 5\r\n/);
  assert.equal(
    told(api.ask('DELETE /v2/keys/message')),
    '200 {"action":"delete","node":{"key":"/message","modifiedIndex":5,"createdIndex":4},' +
      '"prevNode":{"key":"/message","value":"Hello","modifiedIndex":4,"createdIndex":4}}',
  );
  assert.equal(
    api.ask('/v2/keys/message').transcript(),
    [
      '404',
      'Content-Type: application/json',
      'X-Etcd-Cluster-Id: 1c45a069f3a1d796',
      'X-Etcd-Index: 5',
      '{"errorCode":100,"message":"Key not found","cause":"/message","index":5}\n',
    ].join('\n'),
  );
});

test('header lines follow the indexes', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  const first = api.ask('/v2/keys/a').answerHeaders;
  assert.equal(api.ask('/v2/keys/a').answerHeaders, first);
  api.server.raftTerm = 9;
  assert.equal(api.ask('/v2/keys/a').answerHeaders, first.replace('X-Raft-Term: 2', 'X-Raft-Term: 9'));
});

test('201 only for what was created', () => {
  const api = createApi();
  assert.equal(api.ask('PUT /v2/keys/a', 'value=1').status, 201);
  assert.equal(api.ask('PUT /v2/keys/a', 'value=2').status, 200);
  assert.equal(api.ask('PUT /v2/keys/a?prevExist=true', 'value=3').status, 200);
  assert.equal(api.ask('PUT /v2/keys/b?prevExist=false', 'value=3').status, 201);
  assert.equal(api.ask('POST /v2/keys/q', 'value=3').status, 201);
  assert.equal(api.ask('PUT /v2/keys/a?prevValue=3', 'value=4').status, 200);
});

test('noValueOnSuccess leaves the action, but not of a deletion', () => {
  const api = createApi();
  assert.equal(told(api.ask('PUT /v2/keys/a?noValueOnSuccess=true', 'value=1')), '201 {"action":"set"}');
  assert.equal(told(api.ask('POST /v2/keys/q?noValueOnSuccess=true', 'value=1')), '201 {"action":"create"}');
  assert.match(told(api.ask('DELETE /v2/keys/a?noValueOnSuccess=true')), /"prevNode"/);
});

test('where values come from: the form first, then the query; the first of several', () => {
  const cases: readonly (readonly [query: string, form: string | undefined, value: string])[] = [
    ['', 'value=1', '1'],
    ['?value=2', 'value=1', '1'],
    ['?value=2', undefined, '2'],
    ['?value=2&value=3', undefined, '2'],
    ['', 'value=1&value=2', '1'],
    ['', 'value=a%3Bb', 'a;b'],
    ['', 'value=1&&dir=false', '1'],
    ['', 'value', ''],
    ['', '=x', ''],
    ['', 'value=+x+%2B', ' x +'],
    ['', 'val%75e=z', 'z'],
    ['', 'value=a=b=c', 'a=b=c'],
    ['', 'value=%E4%BD%A0+\u00e9', '你 é'],
    ['', 'value=\ufeffx', '\ufeffx'],
    ['', 'value=%ff%fe', '\udcff\udcfe'],
    ['', 'value=%E2%80', '\udce2\udc80'],
    ['', 'value=%ed%a0%80', '\udced\udca0\udc80'],
    ['', 'value=%f0%9f%98%80', '😀'],
  ];
  for (const [query, form, value] of cases) {
    const api = createApi();
    api.ask(`PUT /v2/keys/a${query}`, form);
    assert.equal(api.server.requests[0]?.value, value, `${query} ${form}`);
  }
});

test('which bodies count as forms', () => {
  const form = 'application/x-www-form-urlencoded';
  const cases: readonly (readonly [contentType: string, outcome: string])[] = [
    [form, 'read'],
    [`${form}; charset=utf-8`, 'read'],
    [`${form} ; q=1`, 'read'],
    ['APPLICATION/X-www-form-urlencoded', 'read'],
    [`${form}; `, 'read'],
    [`${form};`, 'read'],
    ['', 'ignored'],
    ['application/json', 'ignored'],
    ['multipart/form-data; boundary=x', 'ignored'],
    ['text', 'ignored'],
    ['text/x;a="x;y";b=2', 'ignored'],
    ['text/x; a="x\\"y"', 'ignored'],
    ['text/x; a*0=b; a*1=c', 'ignored'],
    [`${form}; charset`, 'mime: invalid media parameter'],
    [`${form};;`, 'mime: invalid media parameter'],
    ['text/x; a=', 'mime: invalid media parameter'],
    ['text/x; a="', 'mime: invalid media parameter'],
    ['text/x; a=b c', 'mime: invalid media parameter'],
    ['text/x;=1', 'mime: invalid media parameter'],
    ['application x', 'mime: expected slash after first token'],
    [';', 'mime: no media type'],
    ['/text', 'mime: no media type'],
    ['text/', 'mime: expected token after slash'],
    ['text/x y', 'mime: unexpected content after media subtype'],
    ['text/x; a=1; A=1', 'mime: duplicate parameter name'],
  ];
  for (const [contentType, outcome] of cases) {
    const api = createApi();
    const answer = api.ask('PUT /v2/keys/a', 'value=1', contentType);
    const value = api.server.requests[0]?.value;
    const actual =
      value === '1'
        ? 'read'
        : value === ''
          ? 'ignored'
          : (JSON.parse(answer.answerBody) as { cause: string }).cause;
    assert.equal(actual, outcome, contentType);
  }
});

test('the form of a DELETE and of a GET does not count', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/d?dir=true');
  assert.equal(api.ask('DELETE /v2/keys/d', 'dir=true').status, 403);
  assert.equal(api.ask('GET /v2/keys/d', 'recursive=zzz').status, 200);
});

test('parameters that cannot be read', () => {
  const cases: readonly (readonly [parameters: string, errorCode: number, cause: string])[] = [
    ['value=%', 210, 'invalid URL escape "%"'],
    ['value=%zz', 210, 'invalid URL escape "%zz"'],
    ['a=%zz&b=%yy', 210, 'invalid URL escape "%zz"'],
    ['%=1', 210, 'invalid URL escape "%"'],
    ['value=%a\u00e9', 210, 'invalid URL escape "%a\\xc3"'],
    ['value=%\u00e9', 210, 'invalid URL escape "%é"'],
    ['value=%\u00a0', 210, 'invalid URL escape "%\\u00a0"'],
    ['value=%"\\', 210, 'invalid URL escape "%\\"\\\\"'],
    ['value=a;b=c', 210, 'invalid semicolon separator in query'],
    ['a=%zz&b;c', 210, 'invalid semicolon separator in query'],
    ['ttl=abc', 202, 'invalid value for "ttl"'],
    ['ttl=-1', 202, 'invalid value for "ttl"'],
    ['ttl=18446744073709551616', 202, 'invalid value for "ttl"'],
    [`ttl=${'9'.repeat(100_000)}`, 202, 'invalid value for "ttl"'],
    ['prevIndex=', 203, 'invalid value for "prevIndex"'],
    ['prevIndex=-1', 203, 'invalid value for "prevIndex"'],
    ['waitIndex=1.5', 203, 'invalid value for "waitIndex"'],
    ['recursive=', 209, 'invalid value for "recursive"'],
    ['sorted=2', 209, 'invalid value for "sorted"'],
    ['wait=yes', 209, 'invalid value for "wait"'],
    ['wait=true', 209, '"wait" can only be used with GET requests'],
    ['dir=tRUE', 209, 'invalid value for "dir"'],
    ['quorum=maybe', 209, 'invalid value for "quorum"'],
    ['stream=x', 209, 'invalid value for "stream"'],
    ['noValueOnSuccess=x', 209, 'invalid value for "noValueOnSuccess"'],
    ['prevExist=', 209, 'invalid value for prevExist'],
    ['refresh=x', 209, 'invalid value for refresh'],
    ['prevValue=', 201, '"prevValue" cannot be empty'],
    ['refresh=true&value=x&ttl=5', 211, 'A value was provided on a refresh'],
    ['refresh=true&value=', 212, 'No TTL value set'],
    // The order in which they are looked at.
    ['ttl=x&prevIndex=x', 203, 'invalid value for "prevIndex"'],
    ['refresh=x&ttl=x', 202, 'invalid value for "ttl"'],
    ['prevValue=&dir=x', 209, 'invalid value for "dir"'],
  ];
  const api = createApi();
  for (const [parameters, errorCode, cause] of cases) {
    const answer = api.ask('PUT /v2/keys/a', parameters);
    const error = JSON.parse(answer.answerBody) as { errorCode: number; cause: string; index: number };
    assert.deepEqual(
      [error.errorCode, error.cause, error.index],
      [errorCode, cause, 0],
      parameters.slice(0, 80),
    );
    assert.equal(answer.status, 400);
    assert.match(answer.answerHeaders, /X-Etcd-Index: 0\r\n/);
    assert.doesNotMatch(answer.answerHeaders, /X-Raft/);
  }
  assert.equal(api.server.requests.length, 0);
});

test('flags and numbers that can be read in more than one way', () => {
  const api = createApi();
  const last = (parameters: string) => {
    api.ask('PUT /v2/keys/a', parameters);
    return api.server.requests.at(-1);
  };
  for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) assert.equal(last(`dir=${text}`)?.dir, true);
  for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False'])
    assert.equal(last(`dir=${text}`)?.dir, false);
  assert.equal(last('prevIndex=007')?.prevIndex, 7);
  assert.equal(last('ttl=')?.expirationNs, 0n);
  assert.equal(last('ttl=0')?.expirationNs, api.server.timeNs);
  assert.equal(last('ttl=5')?.expirationNs, api.server.timeNs + 5_000_000_000n);
  // etcd's nanoseconds are 64 bits and wrap.
  assert.equal(last('ttl=18446744073709551615')?.expirationNs, api.server.timeNs - 1_000_000_000n);
  assert.equal(last('prevExist=false')?.prevExist, false);
  assert.equal(last('value=1')?.prevExist, undefined);
  assert.equal(last('refresh=false')?.refresh, false);
});

test('of several content types the first counts', () => {
  const api = createApi();
  const put = (types: readonly string[]): string =>
    told(
      ask(api.handler, {
        method: 'PUT',
        target: '/v2/keys/a',
        headers: { 'content-type': types },
        body: 'value=1',
      }),
    );
  const form = 'application/x-www-form-urlencoded';
  assert.match(put([form, 'text/plain']), /"value":"1"/);
  assert.match(put(['text/plain', form]), /"value":""/);
  assert.match(put([`${form}, text/plain`]), /"errorCode":210/);
});

test('a comparison with an index past 2^53 names that index', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  assert.equal(
    told(api.ask('PUT /v2/keys/a?prevValue=x&prevIndex=18446744073709551615', 'value=3')),
    '412 {"errorCode":101,"message":"Compare failed","cause":"[x != 1] [18446744073709551615 != 4]","index":4}',
  );
});

test('a quorum read waits for a read index, and goes before a watch', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  const before = api.server.requests.length;
  for (const query of ['quorum=true', 'quorum=true&wait=true', 'quorum=true&recursive=true']) {
    assert.match(told(api.ask(`/v2/keys/a?${query}`)), /^200 \{"action":"get"/);
  }
  assert.match(
    told(api.ask('/v2/keys/?quorum=true')),
    /^200 \{"action":"get","node":\{"dir":true,"nodes":\[/,
  );
  assert.equal(api.server.readIndexes, 4);
  assert.equal(api.ask('HEAD /v2/keys/a?quorum=true').status, 200);
  assert.equal(api.server.readIndexes, 4);
  assert.equal(api.server.requests.length, before);
});

test('what the server cannot do is a raft error', () => {
  const api = createApi();
  api.server.failure = 'timeout';
  for (const request of [
    'PUT /v2/keys/a',
    'GET /v2/keys/a?quorum=true',
    'DELETE /v2/keys/a',
    'POST /v2/keys/a',
  ]) {
    assert.equal(
      told(api.ask(request)),
      '500 {"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}',
    );
  }
});

test('other methods', () => {
  const answer = createApi().ask('PATCH /v2/keys/a');
  assert.equal(told(answer), '405 Method Not Allowed');
  assert.match(answer.answerHeaders, /Allow: HEAD,GET,PUT,POST,DELETE\r\n/);
});

test('a body past the limit is refused', () => {
  const api = createApi({ bodyBytesMax: 100 });
  assert.equal(api.ask('PUT /v2/keys/a', `value=${'x'.repeat(100)}`).status, 413);
  assert.equal(api.server.requests.length, 0);
});

test('a large directory goes out in pieces, as fast as the client takes them', () => {
  const api = createApi();
  const value = 'v'.repeat(100);
  for (let i = 0; i < 5000; i++) api.ask(`PUT /v2/keys/d/${i}`, `value=${value}`);
  const answer = api.ask('/v2/keys/d?sorted=true');
  assert.equal(answer.status, 200);
  assert.equal(answer.ended, false);
  for (let turn = 0; !answer.ended; turn++) {
    assert.ok(turn < 100);
    const chunks = answer.chunks?.length ?? 0;
    if (answer.pendingBytes > answer.highWaterBytes) answer.drain();
    else assert.ok(api.runDeferred());
    assert.ok((answer.chunks?.length ?? 0) <= chunks + 1, 'one piece a turn');
  }
  assert.ok((answer.chunks?.length ?? 0) > 3);
  const event = JSON.parse(answer.chunks?.join('') ?? '') as { node: { nodes: { value: string }[] } };
  assert.equal(event.node.nodes.length, 5000);
  assert.ok(event.node.nodes.every((node) => node.value === value));
});

/** How many listings are under way. */
function openViews(api: Api): number {
  assert.ok(api.server.store instanceof TreeStore);
  return api.server.store.state.views.length;
}

test('a client that leaves a large answer is not written to, and its listing is released', () => {
  const api = createApi();
  for (let i = 0; i < 10_000; i++) api.ask(`PUT /v2/keys/d/${i}`, `value=${'v'.repeat(100)}`);
  for (const isWaiting of [true, false]) {
    const answer = api.ask('/v2/keys/d');
    assert.equal(openViews(api), 1);
    if (!isWaiting) {
      answer.highWaterBytes = Number.POSITIVE_INFINITY;
      answer.drain();
      assert.ok(api.runDeferred() && api.runDeferred());
    }
    answer.leave();
    const chunks = answer.chunks?.length;
    while (api.runDeferred());
    assert.equal(answer.chunks?.length, chunks);
    assert.equal(openViews(api), 0);
  }
  const measured = api.ask('HEAD /v2/keys/d');
  assert.equal(measured.status, 200);
  assert.deepEqual(measured.chunks, []);
  assert.equal(openViews(api), 0);
});

test('a listing shows the tree as it was when it was asked for', () => {
  const api = createApi();
  for (let i = 0; i < 10_000; i++) api.ask(`PUT /v2/keys/d/${i}`, `value=${'v'.repeat(100)}`);
  const answer = api.ask('/v2/keys?recursive=true&quorum=true');
  for (let i = 0; i < 10_000; i += 2) api.ask(`DELETE /v2/keys/d/${i}`);
  api.ask('PUT /v2/keys/d/new', 'value=1');
  answer.highWaterBytes = Number.POSITIVE_INFINITY;
  answer.drain();
  while (api.runDeferred());
  assert.ok(answer.ended);
  const event = JSON.parse(answer.chunks?.join('') ?? '') as { node: { nodes: [{ nodes: unknown[] }] } };
  assert.equal(event.node.nodes[0].nodes.length, 10_000);
  assert.equal(openViews(api), 0);
});
