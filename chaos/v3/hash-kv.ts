/** HashKV of one member, by gRPC: the gateway of etcd 3.4 has no way to ask for it. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import {
  HashKVRequestSchema,
  type HashKVResponse,
  HashKVResponseSchema,
} from '../../src/wire/generated/etcdserverpb/maintenance_pb.ts';

export interface HashKv {
  readonly hash: number;
  readonly compactRevision: number;
}

/** @throws what the member answers, or if it does not in a minute. */
export function hashKv(clientUrl: string, revision: number): Promise<HashKv> {
  const client = new Client(new URL(clientUrl).host, credentials.createInsecure());
  return new Promise<HashKv>((resolve, reject) => {
    client.makeUnaryRequest(
      '/etcdserverpb.Maintenance/HashKV',
      (asked: bigint) =>
        Buffer.from(toBinary(HashKVRequestSchema, create(HashKVRequestSchema, { revision: asked }))),
      (bytes: Buffer): HashKVResponse => fromBinary(HashKVResponseSchema, bytes),
      BigInt(revision),
      { deadline: Date.now() + 60_000 },
      (error, answer) => {
        if (answer === undefined) reject(error);
        else resolve({ hash: answer.hash, compactRevision: Number(answer.compactRevision) });
      },
    );
  }).finally(() => client.close());
}
