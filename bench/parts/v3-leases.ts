/** A thousand keep-alives of leases under way at once. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
} from '../../src/wire/generated/etcdserverpb/lease_pb.ts';
import type { Comparison, Loader } from '../support/comparison.ts';
import { GrpcClient } from '../support/grpc-client.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';

const LEASES = 1_000;
const TTL_SECONDS = 600;

export async function v3Leases(bench: Comparison): Promise<void> {
  await bench.withBoth(1, async (clusters) => {
    const leasesAt = new Map<number, readonly bigint[]>();
    for (const { port } of clusters) leasesAt.set(port, await grant(port));
    const over =
      (connections: number, streams: number): Loader =>
      (port, seconds) =>
        keepAliveLoad({
          port,
          connections,
          streams,
          leases: leasesAt.get(port)!,
          ttlSeconds: TTL_SECONDS,
          seconds,
        });
    await bench.compare('v3 lease keep-alive, 1,000 in flight on 1 x 100', clusters, over(1, 100), 1);
    await bench.compare('v3 lease keep-alive, 1,000 in flight on 50 x 20', clusters, over(50, 20), 1);
  });
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
