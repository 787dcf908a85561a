/**
 * A member that was away for longer than the log reaches back comes back while v3's clients go on: it is sent the state of both stores, and then
 * holds what the others hold, HashKV included. The members hold some megabytes more than what the clients write.
 *
 * Short form: away for 200 writes. QUORATE_FULL=1: for 4,000, and three times.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockHistory } from '../../chaos/clock-history.ts';
import { GatewayClient, toBase64 } from '../../chaos/v3/gateway-client.ts';
import { KvWorkload } from '../../chaos/v3/kv-workload.ts';
import { Cluster } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { isFullLength, isStandIn, underTest } from '../support/program.ts';
import { seededRandom, testRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';

const skip = needs('quorate');
const writesAway = isFullLength ? 4_000 : 200;
const times = isFullLength ? 3 : 1;
const ballastKeys = isFullLength ? 20_000 : 3_000;
const keysPerTxn = 100;
const boundMs = 900_000;

async function putBallast(clientUrl: string): Promise<void> {
  const client = new GatewayClient(clientUrl, 30_000);
  for (let from = 0; from < ballastKeys; from += keysPerTxn) {
    const success = Array.from({ length: keysPerTxn }, (_, at) => ({
      request_put: { key: toBase64(`ballast/${from + at}`), value: toBase64('x'.repeat(1_000)) },
    }));
    const { error } = await client.call('/v3/kv/txn', { success });
    assert.equal(error, '');
  }
  client.close();
}

test(`a member that was away for ${writesAway} writes catches up under load`, { skip }, async (t) => {
  const random = testRandom(t);
  const cluster = await Cluster.start(t, {
    programs: [underTest, underTest, underTest],
    flags: ['--snapshot-count=40'],
  });
  await putBallast(cluster.members[0]!.clientUrl);
  const workload = new KvWorkload({
    random: seededRandom(random.seed + 1),
    // Those who are there: nobody waits for the one who is not.
    members: () => cluster.running(),
    clocks: new ClockHistory(),
    areLeasesExact: !isStandIn,
    launchStopped: () => {},
  });
  t.after(() => workload.end());
  const acknowledge = (count: number): Promise<unknown> => {
    const wanted = workload.acknowledgedWrites + count;
    const isReached = (): boolean => workload.faults.length > 0 || workload.acknowledgedWrites >= wanted;
    return until(`${count} more writes acknowledged`, isReached, boundMs);
  };

  await workload.begin();
  for (let time = 0; time < times; time++) {
    const leader = await cluster.leader();
    const absent = random.pick(cluster.members.filter((member) => member !== leader));
    await absent.process.kill();
    await acknowledge(writesAway);
    await absent.process.start(60_000);
    await acknowledge(50);
    await cluster.leader();
    if (!isStandIn) await absent.process.waitForLog('installed a snapshot');
  }
  await workload.stop();
  assert.deepEqual(await workload.check(), []);
  const hashes = await workload.hashes();
  assert.deepEqual(hashes, Array(3).fill(hashes[0]));
  t.diagnostic(JSON.stringify(workload.figures()));
});
