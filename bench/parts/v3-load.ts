/** Puts, ranges and transactions of the v3 API under load. */

import type { Comparison, Loader } from '../support/comparison.ts';
import { h2load } from '../support/h2load.ts';
import { putMessage, rangeMessage, txnMessage } from '../support/v3-messages.ts';

const calls = (method: string, message: Uint8Array, connections: number, streams: number): Loader => {
  const path = `/etcdserverpb.KV/${method}`;
  return (port, seconds) => h2load({ port, path, message, connections, streams, seconds });
};

const put = putMessage(1);
const range = rangeMessage(1, false);
const serializable = rangeMessage(1, true);

export async function v3Load(bench: Comparison): Promise<void> {
  await bench.withBoth(1, async (clusters) => {
    await bench.compare('v3 put, 50 x 20', clusters, calls('Put', put, 50, 20), 1.5);
    await bench.compare('v3 range, 50 x 20', clusters, calls('Range', range, 50, 20), 1.5);
    await bench.compare(
      'v3 serializable range, 50 x 20',
      clusters,
      calls('Range', serializable, 50, 20),
      1.5,
    );
    await bench.compare('v3 put, 10 x 10', clusters, calls('Put', put, 10, 10), 1);
    await bench.compare('v3 range, 10 x 10', clusters, calls('Range', range, 10, 10), 1);
    await bench.compare('v3 put, 1 x 1', clusters, calls('Put', put, 1, 1), 1);
    await bench.compare('v3 range, 1 x 1', clusters, calls('Range', range, 1, 1), 1);
    await bench.compare('v3 txn, 50 x 20', clusters, calls('Txn', txnMessage(1), 50, 20), 1);
    bench.addMemoryRow('memory afterwards', clusters);
    await bench.noteHold('v3, one member', clusters[1]!);
  });
}

export async function v3Three(bench: Comparison): Promise<void> {
  await bench.withBoth(3, async (clusters) => {
    await bench.compare('v3 put, 50 x 20, three members', clusters, calls('Put', put, 50, 20), 1);
    await bench.compare('v3 range, 50 x 20, three members', clusters, calls('Range', range, 50, 20), 1);
    await bench.noteHold('v3, leader of three', clusters[1]!);
  });
}
