import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi, told } from './support/api.ts';

test('a long poll: the head at once, one event, the end', () => {
  const api = createApi();
  const watch = api.ask('/v2/keys/a?wait=true');
  assert.equal(watch.status, 200);
  assert.match(watch.answerHeaders, /X-Etcd-Index: 3\r\nX-Raft-Index: 4\r\nX-Raft-Term: 2\r\n/);
  assert.deepEqual(watch.chunks, []);
  assert.equal(watch.ended, false);
  api.ask('PUT /v2/keys/b', 'value=0');
  assert.deepEqual(watch.chunks, []);
  api.ask('PUT /v2/keys/a', 'value=1');
  assert.deepEqual(watch.chunks, [
    '{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":5,"createdIndex":5}}\n',
  ]);
  assert.equal(watch.ended, true);
  assert.equal(api.server.store.stats.watchers, 0);
  api.ask('PUT /v2/keys/a', 'value=2');
  assert.equal(watch.chunks?.length, 1);
});

test('an event of the past answers at once', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  api.ask('PUT /v2/keys/a', 'value=2');
  const watch = api.ask('/v2/keys/a?wait=true&waitIndex=4');
  assert.match(watch.answerHeaders, /X-Etcd-Index: 5\r\n/);
  assert.match(watch.chunks?.join('') ?? '', /^\{"action":"set","node":\{"key":"\/a","value":"1"/);
  assert.equal(watch.ended, true);
});

test('a stream tells event after event until the client leaves', () => {
  const api = createApi();
  const watch = api.ask('/v2/keys/?wait=true&stream=true&recursive=true');
  for (const value of ['1', '2', '3']) api.ask('PUT /v2/keys/a/b', `value=${value}`);
  assert.equal(watch.chunks?.length, 3);
  assert.equal(watch.ended, false);
  assert.equal(api.server.store.stats.watchers, 1);
  watch.leave();
  assert.equal(api.server.store.stats.watchers, 0);
  api.ask('PUT /v2/keys/a/b', 'value=4');
  assert.equal(watch.chunks?.length, 3);
});

test('a long poll whose client left is forgotten', () => {
  const api = createApi();
  const watch = api.ask('/v2/keys/a?wait=true');
  watch.leave();
  assert.equal(api.server.store.stats.watchers, 0);
  api.ask('PUT /v2/keys/a', 'value=1');
  assert.deepEqual(watch.chunks, []);
});

test('a stream whose client does not read is ended at the bound', () => {
  const api = createApi({ watchBacklogBytesMax: 1000 });
  const slow = api.ask('/v2/keys/a?wait=true&stream=true');
  const quick = api.ask('/v2/keys/a?wait=true&stream=true');
  for (let i = 0; i < 100; i++) {
    api.ask('PUT /v2/keys/a', `value=${'x'.repeat(100)}`);
    quick.drain();
  }
  assert.equal(slow.ended, true);
  assert.ok(slow.pendingBytes < 2000);
  assert.equal(quick.ended, false);
  assert.equal(quick.chunks?.length, 100);
  assert.equal(api.server.store.stats.watchers, 1);
});

test('a stream that begins in the past past its bound is ended, too', () => {
  const api = createApi({ watchBacklogBytesMax: 100 });
  for (let i = 0; i < 10; i++) api.ask('PUT /v2/keys/a', `value=${'x'.repeat(100)}`);
  const watch = api.ask('/v2/keys/a?wait=true&stream=true&waitIndex=4');
  assert.equal(watch.ended, true);
  assert.equal(api.server.store.stats.watchers, 0);
});

test('an index that history no longer holds', () => {
  const api = createApi();
  for (let i = 0; i < 1010; i++) api.ask('PUT /v2/keys/a', `value=${i}`);
  assert.equal(
    told(api.ask('/v2/keys/a?wait=true&waitIndex=5')),
    '400 {"errorCode":401,"message":"The event in requested index is outdated and cleared",' +
      '"cause":"the requested history has been cleared [14/5]","index":1013}',
  );
});

test('only a GET can wait', () => {
  assert.equal(createApi().ask('HEAD /v2/keys/a?wait=true').status, 400);
});
