/** A thousand keep-alives of leases under way at once: at a member alone, and at a follower, who has to ask the leader. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
} from '../../src/wire/generated/etcdserverpb/lease_pb.ts';
import type { BenchCluster } from '../support/bench-cluster.ts';
import type { Comparison, Loader } from '../support/comparison.ts';
import { GrpcClient } from '../support/grpc-client.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';

const LEASES = 1_000;
const TTL_SECONDS = 600;

export async function v3Leases(bench: Comparison): Promise<void> {
  await bench.withBoth(1, async (clusters) => {
    const one = await renewals(clusters, ({ port }) => port);
    await bench.compare('v3 lease keep-alive, 1,000 in flight on 1 x 100', clusters, one(1, 100), 1);
    await bench.compare('v3 lease keep-alive, 1,000 in flight on 50 x 20', clusters, one(50, 20), 1);
  });
  await bench.withBoth(3, async (clusters) => {
    const follower = await renewals(clusters, ({ followerPort }) => followerPort);
    const what = 'v3 lease keep-alive, 1,000 in flight on 50 x 20, at a follower of 3 members';
    await bench.compare(what, clusters, follower(50, 20), 1);
  });
}

/** Loads of renewals of the clusters' leases, asked of one of their members. */
async function renewals(
  clusters: readonly BenchCluster[],
  portOf: (cluster: BenchCluster) => number,
): Promise<(connections: number, streams: number) => Loader> {
  const targets = new Map<number, { readonly port: number; readonly leases: readonly bigint[] }>();
  for (const cluster of clusters) {
    const port = portOf(cluster);
    targets.set(cluster.port, { port, leases: await grant(port) });
  }
  return (connections, streams) => (leaderPort, seconds) => {
    const target = targets.get(leaderPort)!;
    return keepAliveLoad({ ...target, connections, streams, ttlSeconds: TTL_SECONDS, seconds });
  };
}

async function grant(port: number): Promise<bigint[]> {
  const client = await GrpcClient.connect(port);
  const message = create(LeaseGrantRequestSchema, { TTL: BigInt(TTL_SECONDS) });
  const request = toBinary(LeaseGrantRequestSchema, message);
  const ids: bigint[] = [];
  while (ids.length < LEASES) {
    const answer = await client.unary('/etcdserverpb.Lease/LeaseGrant', request);
    ids.push(fromBinary(LeaseGrantResponseSchema, answer).ID);
  }
  client.close();
  return ids;
}
