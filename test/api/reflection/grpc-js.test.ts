/** What grpcurl does, over grpc-js: lists the services, fetches their definitions, calls one by them. No definition is known beforehand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials } from '@grpc/grpc-js';
import { HealthService } from '../../../src/api/grpc-health/health-service.ts';
import { withReflection } from '../../../src/api/reflection/reflection-service.ts';
import type { GrpcMethod } from '../../../src/net/grpc-call.ts';
import { listen } from '../../../src/net/listener.ts';
import { silentLog } from '../../../src/ports/log.ts';
import { PutRequestSchema, PutResponseSchema } from '../../../src/wire/generated/etcdserverpb/kv_pb.ts';
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../src/wire/generated/grpc/reflection/v1/reflection_pb.ts';
import { systemClockForTests } from '../../net/clocks.ts';

const same = (bytes: Buffer): Buffer => bytes;

/** One answer to each question, in order. */
function reflect(client: Client, questions: readonly object[]): Promise<ServerReflectionResponse[]> {
  return new Promise((resolve, reject) => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const stream = client.makeBidiStreamRequest(path, same, same);
    const answers: ServerReflectionResponse[] = [];
    stream.on('data', (bytes: Buffer) => answers.push(fromBinary(ServerReflectionResponseSchema, bytes)));
    stream.on('error', reject);
    stream.on('end', () => resolve(answers));
    for (const messageRequest of questions) {
      const request = create(ServerReflectionRequestSchema, { messageRequest } as object);
      stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, request)));
    }
    stream.end();
  });
}

function call(client: Client, path: string, request: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(request), (error, answer) =>
      error === null ? resolve(answer!) : reject(error),
    );
  });
}

test('a client without definitions finds and calls a method', async (t) => {
  const put: GrpcMethod = {
    kind: 'unary',
    handle(given, bytes) {
      const { key, value } = fromBinary(PutRequestSchema, bytes);
      const answer = create(PutResponseSchema, {
        header: { revision: 7n },
        prevKv: { key, value, lease: -1n },
      });
      given.respond(toBinary(PutResponseSchema, answer));
    },
  };
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    handler: (exchange) => exchange.send(404, '', ''),
    grpc: withReflection(new Map([['/etcdserverpb.KV/Put', put], ...new HealthService().methods()])),
    log: silentLog,
    clock: systemClockForTests,
  });
  t.after(() => listener.close());
  const client = new Client(`127.0.0.1:${listener.port}`, credentials.createInsecure());
  t.after(() => client.close());

  const [listed, described] = await reflect(client, [
    { case: 'listServices', value: '' },
    { case: 'fileContainingSymbol', value: 'etcdserverpb.KV' },
  ]);
  assert.ok(listed?.messageResponse.case === 'listServicesResponse');
  const names = listed.messageResponse.value.service.map((each) => each.name);
  assert.ok(names.includes('etcdserverpb.KV') && names.includes('grpc.health.v1.Health'));

  assert.ok(described?.messageResponse.case === 'fileDescriptorResponse');
  const files = described.messageResponse.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
  const method = registry.getService('etcdserverpb.KV')?.methods.find((each) => each.name === 'Put');
  assert.ok(method !== undefined);
  const request = fromJson(method.input, { key: 'YQ==', value: 'Yg==', prev_kv: true });
  const answer = await call(client, '/etcdserverpb.KV/Put', toBinary(method.input, request));
  assert.deepEqual(toJson(method.output, fromBinary(method.output, answer)), {
    header: { revision: '7' },
    prevKv: { key: 'YQ==', value: 'Yg==', lease: '-1' },
  });
});
