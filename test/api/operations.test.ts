/** What operators and their tools ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricsHandler } from '../../src/api/client-handler.ts';
import { observeEventLoop, observePeers, observeProcess } from '../../src/api/ops/metrics.ts';
import { formatGoDuration } from '../../src/api/v2/go-duration.ts';
import { PeerCounters } from '../../src/peer/peer-counters.ts';
import { createApi, told } from './support/api.ts';
import { ask } from './support/fake-exchange.ts';

test('/version, /health and /v2/machines', () => {
  const api = createApi();
  assert.equal(
    api.ask('/version').transcript(),
    '200\nContent-Type: application/json\n{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}',
  );
  assert.equal(
    api.ask('/health').transcript(),
    '200\nContent-Type: text/plain; charset=utf-8\n{"health":"true"}',
  );
  api.server.healthy = false;
  assert.equal(
    api.ask('/health').transcript(),
    '503\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n{"health":"false","reason":"RAFT NO LEADER"}\n',
  );
  api.server.list.push({ ...api.server.list[0]!, id: 5n, clientURLs: ['http://a:1', 'http://z:1'] });
  assert.equal(told(api.ask('/v2/machines')), '200 http://127.0.0.1:2379, http://a:1, http://z:1');
});

test('/v2/stats/self', () => {
  assert.equal(
    createApi().ask('/v2/stats/self').transcript(),
    '200\nContent-Type: application/json\n' +
      '{"name":"default","id":"8e9e05c52164694d","state":"StateLeader","startTime":"2026-01-02T02:02:02.0015Z",' +
      '"leaderInfo":{"leader":"8e9e05c52164694d","uptime":"1h2m3.004507008s","startTime":"2026-01-02T02:02:02.0015Z"},' +
      '"recvAppendRequestCnt":0,"sendAppendRequestCnt":12,"sendPkgRate":1.25}',
  );
  const api = createApi();
  api.server.leaderId = 0n;
  assert.match(told(api.ask('/v2/stats/self')), /"state":"StateFollower".*"leaderInfo":\{"leader":""/);
});

test('/v2/stats/leader', () => {
  const api = createApi();
  assert.equal(
    told(api.ask('/v2/stats/leader')),
    '200 {"leader":"8e9e05c52164694d","followers":{' +
      '"a":{"latency":{"current":0.5,"average":0.75,"standardDeviation":0.25,"minimum":0.5,"maximum":1},"counts":{"fail":0,"success":2}},' +
      '"b":{"latency":{"current":0,"average":0,"standardDeviation":0,"minimum":9223372036854776000,"maximum":0},"counts":{"fail":3,"success":0}}}}',
  );
  api.server.leaderId = 1n;
  assert.equal(told(api.ask('/v2/stats/leader')), '403 {"message":"not current leader"}');
});

test('/v2/stats/store counts the reads etcd makes to look for authentication and to check its health', () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  api.ask('/v2/keys/a');
  api.ask('/v2/keys/a?recursive=broken');
  api.ask('/health');
  assert.equal(
    told(api.ask('/v2/stats/store')),
    '200 {"getsSuccess":2,"getsFail":3,"setsSuccess":1,"setsFail":0,"deleteSuccess":0,"deleteFail":0,' +
      '"updateSuccess":0,"updateFail":0,"createSuccess":3,"createFail":0,"compareAndSwapSuccess":0,' +
      '"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0}',
  );
});

test('/v2/auth is off and stays off', () => {
  const api = createApi();
  assert.equal(told(api.ask('/v2/auth/enable')), '200 {"enabled":false}');
  for (const request of [
    'PUT /v2/auth/enable',
    '/v2/auth/users',
    'PUT /v2/auth/users/a',
    '/v2/auth/roles/b',
  ]) {
    const answer = api.ask(request);
    assert.equal(answer.status, 501, request);
    assert.match(answer.answerBody, /^\{"message":"v2 authentication is not available/);
  }
  assert.equal(api.ask('PUT /v2/auth/users').status, 405);
});

test('/config/local/log', () => {
  const api = createApi();
  const put = (body: string) => told(api.ask('PUT /config/local/log', body));
  assert.equal(put('{"Level":"INFO"}'), '204 ');
  assert.equal(put('{"level":"debug"} more'), '204 ');
  assert.equal(put('{"Level":"W"}'), '204 ');
  assert.deepEqual(api.logLevels, ['info', 'debug', 'warn']);
  assert.equal(put('{"level":"bogus"}'), '400 {"message":"Invalid log level bogus"}');
  assert.equal(put('{}'), '400 {"message":"Invalid log level "}');
  assert.equal(put('{'), '400 {"message":"Invalid json body"}');
  assert.equal(put('{"Level":5}'), '400 {"message":"Invalid json body"}');
});

test('/debug/vars', () => {
  const api = createApi({
    raftStatus: () => ({
      id: 0x1an,
      role: 'leader',
      leader: 0x1an,
      vote: 0x1an,
      term: 3,
      commit: 9,
      applied: 8,
      lastIndex: 9,
      confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      transferee: 0n,
      progress: new Map([
        [0x1an, { match: 9, next: 10, state: 'replicate', recentlyActive: true, learner: false }],
      ]),
    }),
  });
  assert.equal(
    api.ask('/debug/vars').transcript(),
    '200\nContent-Type: application/json; charset=utf-8\n{\n' +
      '"cmdline": ["quorate","--name=a"],\n"file_descriptor_limit": 1024,\n' +
      '"memstats": {"Alloc":1500,"Sys":3000,"HeapAlloc":1500,"HeapSys":2000,"HeapIdle":500,"HeapInuse":1500},\n' +
      '"raft.status": {"id":"1a","term":3,"vote":"1a","commit":9,"lead":"1a","raftState":"StateLeader","applied":8,' +
      '"progress":{"1a":{"match":9,"next":10,"state":"StateReplicate"}},"leadtransferee":"0"}\n}\n',
  );
  const bare = createApi().ask('/debug/vars').answerBody;
  assert.match(bare, /"raft\.status": \{"id":"8e9e05c52164694d","term":2,"commit":4,/);
  assert.doesNotThrow(() => JSON.parse(bare));
});

test('/metrics', async () => {
  const api = createApi();
  api.ask('PUT /v2/keys/a', 'value=1');
  api.ask('/v2/keys/a');
  api.ask('/v2/keys/nope');
  api.ask('/v2/keys/a?wait=true');
  api.metrics.walFsync.observe(0.0015);
  api.metrics.walFsync.observe(100);
  const peer = new PeerCounters();
  peer.active = 1;
  peer.sentBytes += 10;
  peer.roundTripSeconds.observe(0.0001);
  observePeers(api.metrics, api.server.memberId, () => new Map([[0xabn, peer]]));
  observeEventLoop(api.metrics, () => 0.012);
  const text = await api.metrics.registry.metrics();
  const lines = [
    'etcd_server_has_leader 1',
    'etcd_server_is_leader 1',
    'etcd_server_leader_changes_seen_total 3',
    'etcd_server_proposals_committed_total 5',
    'etcd_server_proposals_applied_total 5',
    'etcd_server_proposals_pending 2',
    'etcd_server_proposals_failed_total 1',
    'etcd_server_id{server_id="8e9e05c52164694d"} 1',
    'etcd_server_version{server_version="3.4.23"} 1',
    'etcd_cluster_version{cluster_version="3.4"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 0',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 2',
    'etcd_disk_wal_fsync_duration_seconds_sum 100.0015',
    'etcd_disk_wal_fsync_duration_seconds_count 2',
    'etcd_network_active_peers{Local="8e9e05c52164694d",Remote="ab"} 1',
    '# TYPE etcd_network_active_peers gauge',
    '# TYPE etcd_network_peer_sent_bytes_total counter',
    'etcd_network_snapshot_receive_total_duration_seconds_count{From="ab"} 0',
    'etcd_network_peer_sent_bytes_total{To="ab"} 10',
    'etcd_network_peer_round_trip_time_seconds_bucket{To="ab",le="0.0001"} 1',
    'etcd_http_received_total{method="GET"} 2',
    'etcd_http_received_total{method="PUT"} 1',
    'etcd_http_failed_total{code="404",method="GET"} 1',
    'etcd_http_successful_duration_seconds_count{method="PUT"} 1',
    'etcd_debugging_store_writes_total{action="set"} 1',
    'etcd_debugging_store_watch_requests_total 1',
    'etcd_debugging_store_watchers 1',
    'quorate_event_loop_longest_hold_seconds 0.012',
    '# TYPE etcd_disk_wal_fsync_duration_seconds histogram',
    '# HELP etcd_server_has_leader Whether or not a leader exists. 1 is existence, 0 is not.',
  ];
  const told = new Set(text.split('\n'));
  assert.deepEqual(
    lines.filter((line) => !told.has(line)),
    [],
  );
});

test('--listen-metrics-urls serves /metrics and /health alone', async () => {
  const api = createApi();
  observeProcess(api.metrics);
  const handler = metricsHandler(api.server, api.metrics);
  assert.equal(ask(handler, { target: '/health' }).status, 200);
  assert.equal(ask(handler, { target: '/v2/keys' }).status, 404);
  const scrape = ask(handler, { target: '/metrics' });
  await scrape.answered;
  assert.equal(scrape.status, 200);
  assert.equal(scrape.answerHeaders, 'Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n');
  assert.match(scrape.answerBody, /\nprocess_start_time_seconds \d/);
  assert.match(scrape.answerBody, /\nprocess_cpu_seconds_total \d/);
  if (process.platform === 'linux') assert.match(scrape.answerBody, /\nos_fd_used \d+\n/);
});

test('durations as Go prints them', () => {
  const cases: readonly (readonly [ns: bigint, text: string])[] = [
    [0n, '0s'],
    [1n, '1ns'],
    [1100n, '1.1µs'],
    [2_200_000n, '2.2ms'],
    [3_300_000_000n, '3.3s'],
    [60_000_000_000n, '1m0s'],
    [3_723_456_000_000n, '1h2m3.456s'],
    [-1_500_000_000n, '-1.5s'],
  ];
  for (const [ns, text] of cases) assert.equal(formatGoDuration(ns), text);
});
