/** Files that no restart needs are removed, however short a member's lives are. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SimulatedCluster } from './simulated-cluster.ts';

/** As retention allows (`simulated-member.ts`), and those of the present life. */
const SNAPSHOTS_MAX = 5 + 4;

it('a member that never lives long enough for the second purge does not fill its disk', async () => {
  const cluster = new SimulatedCluster({
    snapshotCount: 5,
    logSizes: { segmentBytes: 8_192, zeroAheadBytes: 0 },
  });
  const [a] = await cluster.found('a');
  const files = (ending: string): string[] =>
    [...a!.disk.files().keys()].filter((path) => path.endsWith(ending));
  let made = 0;
  for (let life = 0; life < 20; life++) {
    for (let i = 0; i < 20; i++) await cluster.value(a!.put(`key${i % 3}`, 'v'.repeat(2_000)));
    made += a!.log.lines.splice(0).filter((line) => line.startsWith('saved snapshot')).length;
    a!.kill();
    await a!.startAndServe();
    await cluster.advance(500);
    assert.ok(files('.snap').length <= SNAPSHOTS_MAX, `life ${life}: ${files('.snap').length} snapshots`);
  }
  assert.ok(made > 3 * SNAPSHOTS_MAX, `only ${made} snapshots were made`);
  assert.ok(files('.wal').length <= 6, `${files('.wal').length} segments of the log`);
  cluster.end();
});
