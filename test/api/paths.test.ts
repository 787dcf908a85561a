/** Which path reaches which endpoint, and as what; redirects as seen from etcd 3.4.23. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanPath } from '../../src/api/http/clean-path.ts';
import { unescapePercent } from '../../src/api/http/percent-encoding.ts';
import { plainStorePath, storePathOf } from '../../src/api/v2/store-path.ts';
import { fc } from '../support/fast-check.ts';
import { createApi, told } from './support/api.ts';

test('paths below /v2/keys as the store has them', () => {
  const cases: readonly (readonly [target: string, storePath: string])[] = [
    ['/v2/keys/a', '/1/a'],
    ['/v2/keys/a/', '/1/a'],
    ['/v2/keys/a%2fb', '/1/a/b'],
    ['/v2/keys/a%2f', '/1/a'],
    ['/v2/keys%2fa', '/1/a'],
    ['/v2%2fkeys/a', '/1/a'],
    ['/%76%32/keys/%61', '/1/a'],
    ['/v2/keys/a%20b', '/1/a b'],
    ['/v2/keys/a+b', '/1/a+b'],
    ['/v2/keys/a%3fb%23', '/1/a?b#'],
    ['/v2/keys/..dots/...', '/1/..dots/...'],
    ['/v2/keys/\u00e4\u00b8\u00ad', '/1/中'],
    ['/v2/keys/%E4%B8%AD', '/1/中'],
    ['/v2/keys/%ff', '/1/\udcff'],
    ['/v2/keys/%00', '/1/\0'],
  ];
  for (const [target, storePath] of cases) {
    const api = createApi();
    api.ask(`PUT ${target}`, 'value=1');
    assert.equal(api.server.requests[0]?.path, storePath, target);
  }
  const api = createApi();
  for (const target of ['/v2/keys', '/v2/keys/']) {
    api.ask(`PUT ${target}`, 'value=1');
    assert.equal(api.server.requests.at(-1)?.path, '/1');
  }
});

test('unclean paths are redirected', () => {
  const cases: readonly (readonly [target: string, location: string])[] = [
    ['/v2/keys//a', '/v2/keys/a'],
    ['//v2/keys/a', '/v2/keys/a'],
    ['/v2/keys/a//', '/v2/keys/a/'],
    ['/v2/keys/a/./', '/v2/keys/a/'],
    ['/v2/keys/a/../b', '/v2/keys/b'],
    ['/v2/keys/b/.', '/v2/keys/b'],
    ['/v2/keys/..', '/v2'],
    ['/v2/keys/..%2f..', '/'],
    ['/v2/keys/%2e', '/v2/keys'],
    ['/v2//keys/a?x=1&y=%zz', '/v2/keys/a?x=1&y=%zz'],
    ['/v2/keys//a%2fb', '/v2/keys/a/b'],
    [
      '/v2//!"$&\'()*+,-.0:;<=>@A[\\]^_`a{|}~',
      '/v2/%21%22$&%27%28%29%2A+,-.0:;%3C=%3E@A%5B%5C%5D%5E_%60a%7B%7C%7D~',
    ],
    ['/v2//%23%25%3f%20%7f%01', '/v2/%23%25%3F%20%7F%01'],
    ['/v2//\u00c3\u00a9', '/v2/%C3%A9'],
    ['/v2//x?\u00c3', '/v2/x?%c3'],
    ['/v3', '/v3/'],
  ];
  const api = createApi();
  for (const [target, location] of cases) {
    const answer = api.ask(`GET ${target}`);
    assert.equal(answer.status, 301, target);
    assert.ok(answer.answerHeaders.includes(`Location: ${location}\r\n`), answer.answerHeaders);
    assert.ok(answer.answerHeaders.includes('Content-Type: text/html; charset=utf-8\r\n'));
    const write = api.ask(`PUT ${target}`, 'value=1');
    assert.deepEqual([write.status, write.answerBody], [301, '']);
    assert.equal(write.answerHeaders, `Location: ${location}\r\n`);
  }
  assert.equal(
    api.ask('GET /v2//x?a<b>"\'&').answerBody,
    '<a href="/v2/x?a&lt;b&gt;&#34;&#39;&amp;">Moved Permanently</a>.\n\n',
  );
  assert.equal(api.server.requests.length, 0);
});

test('a broken escape in a path is refused before all else', () => {
  for (const target of ['/v2/keys/a%', '/v2/keys/a%zz', '/%']) {
    assert.equal(
      createApi().ask(`GET ${target}`).transcript(),
      '400\nContent-Type: text/plain; charset=utf-8\n400 Bad Request',
    );
  }
});

test('what no endpoint serves', () => {
  const paths = [
    '/',
    '/nope',
    '/v2',
    '/v2/',
    '/V2/keys/a',
    '/v2/keysfoo',
    '/v2/stats',
    '/v2/stats/self/',
    '/version/',
    '/v2/machines/',
    '/v2/auth',
    '/metrics/',
    '/debug/requests',
    '/livez/',
    '/readyz/nope',
    '/config',
  ];
  for (const path of paths)
    assert.equal(told(createApi().ask(`GET ${path}`)), '404 404 page not found', path);
  assert.equal(told(createApi().ask('GET /v3/kv/nope')), '404 Not Found');
});

test('methods of each endpoint', () => {
  const cases: readonly (readonly [path: string, allow: string, wrong: string])[] = [
    ['/version', 'GET', 'HEAD'],
    ['/health', 'GET', 'POST'],
    ['/v2/stats/self', 'GET', 'HEAD'],
    ['/v2/stats/leader', 'GET', 'PUT'],
    ['/v2/stats/store', 'GET', 'DELETE'],
    ['/v2/machines', 'GET,HEAD', 'POST'],
    ['/v2/members', 'GET,POST,DELETE,PUT', 'HEAD'],
    ['/v2/auth/enable', 'GET,PUT,DELETE', 'POST'],
    ['/debug/vars', 'GET', 'PATCH'],
    ['/config/local/log', 'PUT', 'GET'],
  ];
  for (const [path, allow, wrong] of cases) {
    const answer = createApi().ask(`${wrong} ${path}`);
    assert.equal(told(answer), '405 Method Not Allowed', path);
    assert.ok(answer.answerHeaders.includes(`Allow: ${allow}\r\n`), answer.answerHeaders);
    assert.ok(answer.answerHeaders.includes('X-Content-Type-Options: nosniff\r\n'));
  }
});

test('the quick way through a path gives what the exact way gives', () => {
  const part = fc.oneof(
    fc.constantFrom('', '.', '..', '...', 'a', '_b', '%2e', '%2F', '%zz', '\u00e4', 'a b', '~'),
    fc.string({ maxLength: 4 }),
  );
  const paths = fc
    .array(part, { maxLength: 6 })
    .map((parts) => `/v2/keys${parts.map((each) => `/${each.replaceAll(/[^\0-\xff]/g, 'u')}`).join('')}`);
  fc.assert(
    fc.property(paths, (path) => {
      const quick = plainStorePath(path);
      if (quick === undefined) return;
      const decoded = unescapePercent(path, 'path').text;
      assert.ok(decoded !== undefined);
      assert.equal(cleanPath(decoded), decoded);
      assert.equal(quick, storePathOf(decoded));
    }),
    { numRuns: 2000, verbose: true },
  );
});

test('with enableV2 false there is nothing below /v2, and all else goes on', () => {
  const api = createApi({ enableV2: false });
  for (const path of [
    '/v2/keys',
    '/v2/keys/',
    '/v2/keys/a',
    '/v2/members',
    '/v2/machines',
    '/v2/stats/self',
    '/v2',
  ]) {
    for (const method of ['GET', 'PUT']) {
      assert.equal(told(api.ask(`${method} ${path}`)), '404 404 page not found', `${method} ${path}`);
    }
  }
  for (const path of ['/version', '/health', '/debug/vars']) assert.equal(api.ask(path).status, 200, path);
});
