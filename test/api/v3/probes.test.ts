/** /livez, /readyz and /health: as etcd 3.5.30 answers them, asked by hand; the order of the lines is ours, etcd's is chance. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverError } from '../../../src/server/errors.ts';
import type { AlarmMember } from '../../../src/server/v3-contract.ts';
import { AlarmType } from '../../../src/wire/v3/kv-types.ts';
import { type Api, createApi, told } from '../support/api.ts';
import { SELF } from '../support/fake-server.ts';

function probed(): { readonly api: Api; readonly alarms: AlarmMember[] } {
  const alarms: AlarmMember[] = [];
  return { api: createApi({ alarms: () => alarms }), alarms };
}

const READY = [
  '[+]data_corruption ok',
  '[+]serializable_read ok',
  '[+]linearizable_read ok',
  '[+]non_learner ok',
  'ok',
].join('\n');

test('a member that is well', () => {
  const { api } = probed();
  const headers = '200\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n';
  assert.equal(api.ask('/livez').transcript(), `${headers}ok\n`);
  assert.equal(api.ask('/readyz').transcript(), `${headers}ok\n`);
  assert.equal(told(api.ask('/livez?verbose')), '200 [+]serializable_read ok\nok');
  assert.equal(told(api.ask('/livez?verbose=false')), '200 [+]serializable_read ok\nok');
  assert.equal(told(api.ask('/readyz?verbose')), `200 ${READY}`);
  assert.equal(told(api.ask('/readyz?verbose&exclude=nothing')), `200 ${READY}`);
  assert.equal(told(api.ask('/readyz/linearizable_read?verbose')), '200 [+]linearizable_read ok\nok');
  assert.equal(told(api.ask('/readyz/serializable_read')), '200 ok');
});

test('checks can be left out, but not of one asked for by its name', () => {
  const { api } = probed();
  assert.equal(told(api.ask('/livez?exclude=serializable_read&verbose')), '200 ok');
  assert.equal(
    told(api.ask('/readyz?exclude=non_learner&exclude=serializable_read&verbose')),
    '200 [+]data_corruption ok\n[+]linearizable_read ok\nok',
  );
  assert.equal(
    told(api.ask('/livez/serializable_read?exclude=serializable_read&verbose')),
    '200 [+]serializable_read ok\nok',
  );
});

test('paths and methods that there are not', () => {
  const { api } = probed();
  for (const path of ['/livez/', '/readyz/none', '/livez/linearizable_read', '/livez/non_learner']) {
    assert.equal(told(api.ask(path)), '404 404 page not found', path);
  }
  const refused = api.ask('POST /livez').transcript();
  assert.match(refused, /^405\n/);
  assert.match(refused, /^Allow: GET$/m);
});

test('a learner, a corrupt member, and one without a quorum are alive but not ready', () => {
  const { api, alarms } = probed();
  api.server.list = [{ ...SELF, isLearner: true }];
  alarms.push({ memberId: SELF.id, alarm: AlarmType.corrupt });
  api.server.awaitReadIndex = (done) => done(serverError('timeout'));
  assert.equal(told(api.ask('/livez')), '200 ok');
  assert.equal(
    api.ask('/readyz').answerBody,
    '[-]data_corruption failed: alarm activated: CORRUPT\n' +
      '[+]serializable_read ok\n' +
      '[-]linearizable_read failed: etcdserver: request timed out\n' +
      '[-]non_learner failed: not supported for learner\n\n',
  );
  assert.equal(api.ask('/readyz').status, 503);
  assert.equal(
    told(api.ask('/readyz?exclude=data_corruption&exclude=linearizable_read&exclude=non_learner')),
    '200 ok',
  );
});

test('a check that takes its time is waited for', () => {
  const { api } = probed();
  let confirm = (): void => {};
  api.server.awaitReadIndex = (done) => {
    confirm = () => done(undefined);
  };
  const asked = api.ask('/readyz');
  assert.equal(asked.status, 0);
  confirm();
  assert.equal(told(asked), '200 ok');
});

test('/health knows alarms, which can be excluded', () => {
  const { api, alarms } = probed();
  alarms.push({ memberId: SELF.id, alarm: AlarmType.noSpace });
  assert.equal(told(api.ask('/health')), '503 {"health":"false","reason":"ALARM NOSPACE"}');
  assert.equal(told(api.ask('/health?exclude=NOSPACE')), '200 {"health":"true"}');
  assert.equal(told(api.ask('/health?exclude=CORRUPT')), '503 {"health":"false","reason":"ALARM NOSPACE"}');
  alarms.push({ memberId: SELF.id, alarm: AlarmType.corrupt });
  assert.equal(told(api.ask('/health?exclude=NOSPACE')), '503 {"health":"false","reason":"ALARM CORRUPT"}');
  assert.equal(told(api.ask('/health?exclude=NOSPACE&exclude=CORRUPT')), '200 {"health":"true"}');
});

test('/health of this member alone needs no quorum', () => {
  const { api } = probed();
  api.server.healthy = false;
  assert.equal(
    told(api.ask('/health?serializable=false')),
    '503 {"health":"false","reason":"RAFT NO LEADER"}',
  );
  assert.equal(told(api.ask('/health?serializable=true')), '200 {"health":"true"}');
});

test('what was found out stands in the metrics', async () => {
  const { api } = probed();
  api.ask('/livez');
  api.ask('/livez');
  api.server.awaitReadIndex = (done) => done(serverError('timeout'));
  api.ask('/readyz/linearizable_read');
  const lines = (await api.metrics.registry.metrics())
    .split('\n')
    .filter((line) => /^etcd_server_healthcheck/.test(line));
  assert.deepEqual(lines, [
    'etcd_server_healthcheck{type="livez",name="serializable_read"} 1',
    'etcd_server_healthcheck{type="readyz",name="linearizable_read"} 0',
    'etcd_server_healthchecks_total{type="livez",name="serializable_read",status="success"} 2',
    'etcd_server_healthchecks_total{type="livez",name="serializable_read",status="error"} 0',
    'etcd_server_healthchecks_total{type="readyz",name="linearizable_read",status="success"} 0',
    'etcd_server_healthchecks_total{type="readyz",name="linearizable_read",status="error"} 1',
  ]);
});
