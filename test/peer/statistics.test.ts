import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyStatistics } from '../../src/peer/latency-statistics.ts';
import { decodeMembers, encodeMembers } from '../../src/peer/member-json.ts';
import { parseHealth } from '../../src/peer/prober.ts';
import { RateWindow } from '../../src/peer/rate-window.ts';
import { RepeatedLog } from '../../src/peer/repeated-log.ts';
import { speaksOurStreams, versionConflict } from '../../src/peer/server-version.ts';
import { UrlPicker } from '../../src/peer/url-picker.ts';
import { nodeClock } from '../../src/platform/node-clock.ts';
import { Histogram } from '../../src/ports/histogram.ts';
import type { PeerMember } from '../../src/ports/peer-network.ts';
import { parseId } from '../../src/wire/id-text.ts';
import { fc } from '../support/fast-check.ts';

test('latency: mean, deviation and extremes equal those computed from all values', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          ms: fc.double({ min: 0, max: 1000, noNaN: true }),
          count: fc.integer({ min: 1, max: 5 }),
        }),
        { minLength: 1, maxLength: 50 },
      ),
      (sends) => {
        const statistics = new LatencyStatistics();
        for (const { ms, count } of sends) statistics.succeed(ms, count);
        const values = sends.flatMap(({ ms, count }) => new Array<number>(count).fill(ms));
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
        assert.equal(statistics.successCount, values.length);
        assert.equal(statistics.currentMs, values.at(-1));
        assert.equal(statistics.minimumMs, Math.min(...values));
        assert.equal(statistics.maximumMs, Math.max(...values));
        assert.ok(Math.abs(statistics.averageMs - mean) < 1e-6);
        assert.ok(Math.abs(statistics.standardDeviationMs - Math.sqrt(variance)) < 1e-6);
      },
    ),
  );
});

test('latency before the first success looks as in etcd', () => {
  const statistics = new LatencyStatistics();
  statistics.fail();
  assert.equal(JSON.stringify(statistics.minimumMs), '9223372036854776000');
  assert.equal(statistics.standardDeviationMs, 0);
  assert.equal(statistics.failCount, 1);
});

test('rates look at the last 200 messages and forget them after a second of silence', () => {
  const window = new RateWindow();
  assert.deepEqual(window.rates(0), { messages: 0, bytes: 0 });
  window.record(0, 1_000_000);
  assert.deepEqual(window.rates(0), { messages: 0, bytes: 0 });
  for (let i = 1; i <= 300; i++) window.record(i * 10, 100);
  const { messages, bytes } = window.rates(3000);
  assert.equal(messages, 200 / 1.99);
  assert.equal(bytes, 20_000 / 1.99);
  assert.equal(window.count, 301);
  assert.deepEqual(window.rates(4001), { messages: 0, bytes: 0 });
  window.record(5000, 10);
  window.record(5100, 10);
  assert.deepEqual(window.rates(5100), { messages: 20, bytes: 200 });
  assert.equal(window.count, 303);
});

test('a histogram counts each observation in the first bucket that holds it', () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0.5, 1, 1.5, 4, 5]) histogram.observe(value);
  assert.deepEqual(histogram.counts, [2, 1, 1]);
  assert.equal(histogram.sum, 12);
  assert.equal(histogram.count, 5);
});

test('the picked URL moves on only when the one in use fails', () => {
  const picker = new UrlPicker(['http://a', 'http://b', 'http://c']);
  picker.failed('http://b');
  assert.equal(picker.url, 'http://a');
  picker.failed('http://a');
  picker.failed('http://a');
  assert.equal(picker.url, 'http://b');
  picker.failed('http://b');
  picker.failed('http://c');
  assert.equal(picker.url, 'http://a');
  picker.failed('http://a');
  picker.update(['http://d']);
  assert.equal(picker.url, 'http://d');
  picker.failed('http://d');
  assert.equal(picker.url, 'http://d');
});

test('versions: who may talk to whom', () => {
  const local = { server: '3.4.23', minCluster: '3.0.0' };
  const may = (server: string | undefined, minCluster: string | undefined): boolean =>
    versionConflict(local, { server, minCluster }) === undefined;
  assert.ok(may('3.4.23', '3.0.0'));
  assert.ok(may('3.5.30', '3.0.0'));
  assert.ok(may('3.0.0', '2.3.0'));
  assert.ok(may('3.4.0', '3.4.99'));
  assert.ok(!may('2.3.8', '2.1.0'));
  assert.ok(!may('4.0.0', '3.5.0'));
  assert.ok(!may(undefined, undefined));
  assert.ok(!may('three', '3.0.0'));
  assert.ok(!may('3.4.23', 'none'));
  assert.ok(speaksOurStreams('3.5.30') && speaksOurStreams('2.1.0'));
  assert.ok(!speaksOurStreams(undefined) && !speaksOurStreams('2.0.13'));
});

test('ids are 1 to 16 hexadecimal digits', () => {
  assert.equal(parseId('a1'), 0xa1n);
  assert.equal(parseId('ffffffffffffffff'), 2n ** 64n - 1n);
  for (const text of ['', '0x1', '11112222333344445', 'g', ' 1', undefined])
    assert.equal(parseId(text), undefined);
});

test('members: as etcd prints them, ids of 64 bits whole', () => {
  const text =
    '[{"id":2,"peerURLs":["http://10.0.0.2:2380"],"isLearner":true},' +
    '{"id":10276657743932975437,"peerURLs":["http://10.0.0.1:2380","http://10.0.0.1:7001"],"name":"a \\"id\\":5 \\u003c","clientURLs":["http://10.0.0.1:2379"]}]';
  const members: PeerMember[] = [
    {
      id: 10276657743932975437n,
      name: 'a "id":5 <',
      peerURLs: ['http://10.0.0.1:2380', 'http://10.0.0.1:7001'],
      clientURLs: ['http://10.0.0.1:2379'],
      isLearner: false,
    },
    { id: 2n, name: '', peerURLs: ['http://10.0.0.2:2380'], clientURLs: [], isLearner: true },
  ];
  assert.equal(encodeMembers(members), text);
  assert.deepEqual(decodeMembers(text), [members[1], members[0]]);
  for (const bad of [
    '{}',
    '[1]',
    '[{"peerURLs":[]}]',
    '[{"id":1}]',
    '[{"id":18446744073709551616,"peerURLs":[]}]',
    'x',
  ]) {
    assert.throws(() => decodeMembers(bad), Error, bad);
  }
});

test('health answers', () => {
  assert.equal(
    parseHealth('{"OK":true,"Now":"2024-01-02T03:04:05.678901234Z"}\n'),
    Date.UTC(2024, 0, 2, 3, 4, 5, 678),
  );
  assert.equal(
    parseHealth('{"OK":true,"Now":"2024-01-02T03:04:05.678901234+02:00"}'),
    Date.UTC(2024, 0, 2, 1, 4, 5, 678),
  );
  for (const bad of [
    '',
    'null',
    '{"OK":false,"Now":"2024-01-02T03:04:05Z"}',
    '{"OK":true}',
    '{"OK":true,"Now":"x"}',
  ]) {
    assert.equal(parseHealth(bad), undefined, bad);
  }
});

test('a repeated log line is due once in 30 seconds', () => {
  let nowMs = 0;
  const repeated = new RepeatedLog({ ...nodeClock, monotonicMs: () => nowMs });
  assert.ok(repeated.isDue('a'));
  assert.ok(!repeated.isDue('a'));
  assert.ok(repeated.isDue('b'));
  nowMs = 30_000;
  assert.ok(repeated.isDue('a'));
});
