import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testRandom } from '../support/seeded-random.ts';
import { RandomServerCluster } from './random-server-cluster.ts';

const FULL = process.env['QUORATE_FULL'] === '1';

it('a cluster keeps what it acknowledged, whatever happens to its members', async (t) => {
  const { seed } = testRandom(t);
  for (let run = 0; run < (FULL ? 200 : 4); run++) {
    const cluster = new RandomServerCluster((seed + run) >>> 0);
    await cluster.run(FULL ? 1_500 : 600).catch((error: unknown) => {
      t.diagnostic(`seed of the failed run: ${(seed + run) >>> 0}`);
      throw error;
    });
    const { acknowledged, reads, crashes, elections, reconfigurations } = cluster;
    t.diagnostic(
      `${acknowledged} writes, ${reads} reads, ${crashes} crashes, ${elections} terms with a leader, ${reconfigurations} changes asked for`,
    );
    assert.ok(acknowledged > 50 && crashes > 2, 'the run tells something');
  }
});
