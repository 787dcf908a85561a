/** Linearizable reads while writes keep the disk busy: what a reader feels of other people's writes. */

import type { Comparison, Loader } from '../support/comparison.ts';
import { h2load } from '../support/h2load.ts';
import { putMessage, rangeMessage } from '../support/v3-messages.ts';

export async function v3BusyDisk(bench: Comparison): Promise<void> {
  const load: Loader = async (port, seconds) => {
    const writes = h2load({
      port,
      path: '/etcdserverpb.KV/Put',
      message: putMessage(1),
      connections: 20,
      streams: 20,
      seconds: seconds + 1,
    });
    const reads = h2load({
      port,
      path: '/etcdserverpb.KV/Range',
      message: rangeMessage(2, false),
      connections: 1,
      streams: 1,
      seconds,
    });
    const [result] = await Promise.all([reads, writes]);
    return result;
  };
  await bench.withBoth(1, (clusters) =>
    bench.compare('v3 range, 1 x 1, while 400 puts are under way', clusters, load, 1),
  );
}
