import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBootstrap } from '../../src/config/bootstrap-check.ts';
import { defaultRouteInterface } from '../../src/config/default-host.ts';
import { parseInteger, parseSwitch } from '../../src/config/flag-value.ts';
import { parseGoDuration } from '../../src/config/go-duration.ts';
import { parseServerUrl, parseUrlList } from '../../src/config/server-url.ts';
import { fc } from '../support/fast-check.ts';
import { configOf } from './read.ts';

const parameters = { numRuns: 500 };

test("durations are Go's", () => {
  const cases: Readonly<Record<string, number | undefined>> = {
    '0': 0,
    '5s': 5000,
    '1h15m30.918s': 4530918,
    '-1.5h': -5400000,
    '+5s': 5000,
    '.5s': 500,
    '1.s': 1000,
    '12ns': 0.000012,
    '3us': 0.003,
    '3µs': 0.003,
    '5': undefined,
    '': undefined,
    '-': undefined,
    s: undefined,
    '1d': undefined,
    '1s ': undefined,
    '.s': undefined,
  };
  for (const [text, durationMs] of Object.entries(cases))
    assert.equal(parseGoDuration(text), durationMs, text);
});

test("numbers are Go's", () => {
  const cases: Readonly<Record<string, number | undefined>> = {
    '10': 10,
    '-10': -10,
    '+1': 1,
    '0x1F': 31,
    '0b101': 5,
    '0o17': 15,
    '017': 15,
    '1_000': 1000,
    '0': 0,
    '-0': 0,
    '08': undefined,
    '1__0': undefined,
    '1_': undefined,
    '1e3': undefined,
    '1.0': undefined,
    ' 1': undefined,
    '': undefined,
    '9007199254740993': undefined,
  };
  for (const [text, value] of Object.entries(cases)) assert.equal(parseInteger(text), value, text);
  assert.deepEqual(['T', 'TRUE', '0', 'f', 'yes', 'tRUE'].map(parseSwitch), [
    true,
    true,
    false,
    false,
    undefined,
    undefined,
  ]);
});

test(`URLs that are made of parts come apart again`, () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.domain(),
  );
  const url = fc.tuple(fc.constantFrom('http', 'https'), host, fc.integer({ min: 0, max: 65535 }));
  fc.assert(
    fc.property(url, ([scheme, hostText, port]) => {
      const text = `${scheme}://${hostText}:${port}`;
      const parsed = parseServerUrl(`  ${text} `);
      assert.ok(parsed.ok, parsed.ok ? '' : parsed.fault);
      assert.deepEqual(parsed.url, { scheme, host: hostText.replace(/^\[|\]$/g, ''), port, text });
    }),
    parameters,
  );
});

test(`whatever is accepted as a URL, Node reads the same way`, () => {
  const piece = fc.constantFrom(
    'http',
    'https',
    ':',
    '/',
    '//',
    '[',
    ']',
    '::1',
    '1.2.3.4',
    'a',
    '@',
    '?',
    '#',
    '%',
    '80',
    '-',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const parsed = parseServerUrl(pieces.join(''));
      if (!parsed.ok || parsed.url.host === '') return;
      const { hostname, pathname, search, hash, username } = new URL(parsed.url.text);
      assert.equal(pathname + search + hash + username, '/');
      if (/[a-z]/.test(parsed.url.host)) assert.equal(hostname, parsed.url.host);
    }),
    parameters,
  );
});

test('URL lists are sorted and without repetitions', () => {
  const list = parseUrlList('http://b:1, http://a:2,HTTP://b:1');
  assert.deepEqual(list.ok && list.urls.map((url) => url.text), ['http://a:2', 'http://b:1']);
});

test('names are resolved only where texts differ', async () => {
  const argv = [
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://localhost:2380',
  ];
  const asked: string[] = [];
  const resolve = (host: string) => {
    asked.push(host);
    return Promise.resolve('127.0.0.1');
  };
  assert.equal(await checkBootstrap(configOf({ argv }), resolve), undefined);
  assert.deepEqual(asked.sort(), ['127.0.0.1', 'localhost']);

  asked.length = 0;
  assert.equal(await checkBootstrap(configOf({}), resolve), undefined);
  assert.deepEqual(asked, []);

  const failing = () => Promise.reject(new Error('no such host'));
  assert.match((await checkBootstrap(configOf({ argv }), failing)) ?? '', /\(no such host\)$/);
});

test('a joining member need not advertise what the cluster was told', async () => {
  const argv = ['--initial-cluster=default=http://h:1,b=http://b:1', '--initial-cluster-state=existing'];
  assert.equal(await checkBootstrap(configOf({ argv }), Promise.reject), undefined);
});

test('the default route with the lowest metric names the interface', () => {
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n';
  const routes =
    'eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\n';
  assert.equal(defaultRouteInterface(`${head}eth9\t0001A8C0\t0\t1\t0\t0\t0\t00FFFFFF\n${routes}`), 'eth0');
  assert.equal(defaultRouteInterface(head), undefined);
});
