import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, createFileRegistry, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { HealthService } from '../../../src/api/grpc-health/health-service.ts';
import { withReflection } from '../../../src/api/reflection/reflection-service.ts';
import { type GrpcMethod, GrpcStatus, type GrpcStreamHandler } from '../../../src/net/grpc-call.ts';
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../src/wire/generated/grpc/reflection/v1/reflection_pb.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>;

const unary: GrpcMethod = { kind: 'unary', handle() {} };

class Client {
  readonly call = new FakeStreamCall();
  readonly handler: GrpcStreamHandler;

  constructor(version: 'v1' | 'v1alpha' = 'v1') {
    const methods = withReflection(
      new Map([
        ['/etcdserverpb.KV/Range', unary],
        ['/etcdserverpb.KV/Put', unary],
        ['/v3lockpb.Lock/Lock', unary],
        ...new HealthService().methods(),
      ]),
    );
    const method = methods.get(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
    assert.ok(method?.kind === 'bidirectional');
    assert.equal(methods.get('/etcdserverpb.KV/Range'), unary);
    this.handler = method.open(this.call);
  }

  ask(messageRequest: Question): ServerReflectionResponse {
    const request = create(ServerReflectionRequestSchema, { host: 'h', messageRequest });
    this.handler.message(toBinary(ServerReflectionRequestSchema, request));
    const response = fromBinary(ServerReflectionResponseSchema, this.call.written.at(-1)!);
    assert.deepEqual(response.originalRequest, request);
    assert.equal(response.validHost, 'h');
    return response;
  }

  /** Names of the files in the answer. */
  files(messageRequest: Question): string[] {
    return this.descriptors(messageRequest).map((each) => each.name);
  }

  descriptors(messageRequest: Question) {
    const { messageResponse } = this.ask(messageRequest);
    assert.ok(messageResponse.case === 'fileDescriptorResponse');
    return messageResponse.value.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
  }

  error(messageRequest: Question): number {
    const { messageResponse } = this.ask(messageRequest);
    assert.ok(messageResponse.case === 'errorResponse');
    return messageResponse.value.errorCode;
  }
}

describe('server reflection', () => {
  it('lists the services that are served, in both versions', () => {
    for (const version of ['v1', 'v1alpha'] as const) {
      const { messageResponse } = new Client(version).ask({ case: 'listServices', value: '*' });
      assert.ok(messageResponse.case === 'listServicesResponse');
      assert.deepEqual(
        messageResponse.value.service.map((each) => each.name),
        [
          'etcdserverpb.KV',
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'v3lockpb.Lock',
        ],
      );
    }
  });

  it('sends files that make up a whole', () => {
    const client = new Client();
    const kv = { case: 'fileContainingSymbol', value: 'etcdserverpb.KV' } as const;
    const file = client.descriptors(kv);
    assert.equal(file[0]?.name, 'etcdserverpb/kv.proto');
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
    const range = registry.getService('etcdserverpb.KV')?.method['range'];
    assert.equal(range?.input.field['rangeEnd']?.number, 2);
    assert.equal(range?.output.field['kvs']?.message?.typeName, 'mvccpb.KeyValue');
  });

  it('does not send imported files twice', () => {
    const client = new Client();
    const kv = { case: 'fileContainingSymbol', value: 'etcdserverpb.KV' } as const;
    assert.deepEqual(client.files(kv), [
      'etcdserverpb/kv.proto',
      'etcdserverpb/header.proto',
      'mvccpb/kv.proto',
    ]);
    assert.deepEqual(client.files(kv), ['etcdserverpb/kv.proto']);
    assert.deepEqual(client.files({ case: 'fileContainingSymbol', value: 'v3lockpb.Lock' }), [
      'v3lockpb/lock.proto',
    ]);
    assert.deepEqual(client.files({ case: 'fileByFilename', value: 'mvccpb/kv.proto' }), ['mvccpb/kv.proto']);
  });

  it('finds everything that has a name', () => {
    const client = new Client();
    const names = [
      ['etcdserverpb.KV.RangeStream', 'kv'],
      ['etcdserverpb.RangeRequest', 'kv'],
      ['etcdserverpb.RangeRequest.range_end', 'kv'],
      ['etcdserverpb.RangeRequest.SortOrder', 'kv'],
      ['etcdserverpb.RangeRequest.DESCEND', 'kv'],
      ['etcdserverpb.Compare.target_union', 'kv'],
      ['etcdserverpb.AlarmType', 'maintenance'],
      ['etcdserverpb.NOSPACE', 'maintenance'],
    ] as const;
    for (const [value, file] of names) {
      assert.equal(
        client.files({ case: 'fileContainingSymbol', value })[0],
        `etcdserverpb/${file}.proto`,
        value,
      );
    }
  });

  it('says what it does not have', () => {
    const client = new Client();
    assert.equal(
      client.error({ case: 'fileContainingSymbol', value: 'etcdserverpb.Nope' }),
      GrpcStatus.notFound,
    );
    assert.equal(client.error({ case: 'fileByFilename', value: 'nope.proto' }), GrpcStatus.notFound);
    assert.equal(client.error({ case: 'allExtensionNumbersOfType', value: 'nope' }), GrpcStatus.notFound);
    const extension = { containingType: 'etcdserverpb.RangeRequest', extensionNumber: 5 };
    assert.equal(client.error({ case: 'fileContainingExtension', value: extension }), GrpcStatus.notFound);
    const none = client.ask({ case: 'allExtensionNumbersOfType', value: 'etcdserverpb.RangeRequest' });
    assert.ok(none.messageResponse.case === 'allExtensionNumbersResponse');
    assert.deepEqual(none.messageResponse.value.extensionNumber, []);
  });

  it('ends with the client, or with a request that asks nothing', () => {
    const done = new Client();
    done.handler.clientDone();
    assert.equal(done.call.ended, true);
    const nothing = new Client();
    nothing.handler.message(new Uint8Array(0));
    assert.equal(nothing.call.failure?.status, GrpcStatus.invalidArgument);
    const malformed = new Client();
    malformed.handler.message(Uint8Array.of(0xff));
    assert.equal(malformed.call.failure?.status, GrpcStatus.internal);
  });

  it('waits for clients that do not read', () => {
    const client = new Client();
    client.call.hasRoom = false;
    client.ask({ case: 'listServices', value: '' });
    assert.equal(client.call.paused, true);
    client.call.drain();
    assert.equal(client.call.paused, false);
  });
});
