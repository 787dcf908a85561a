import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { HealthService } from '../../../src/api/grpc-health/health-service.ts';
import { GrpcStatus } from '../../../src/net/grpc-call.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
} from '../../../src/wire/generated/grpc/health/v1/health_pb.ts';
import { FakeStreamCall } from '../support/fake-stream-call.ts';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

function asked(
  health: HealthService,
  method: 'Check' | 'Watch',
  service: string | Uint8Array,
): FakeStreamCall {
  const call = new FakeStreamCall();
  const found = new Map(health.methods()).get(`/grpc.health.v1.Health/${method}`);
  const request =
    typeof service === 'string'
      ? toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }))
      : service;
  assert.ok(found !== undefined && found.kind !== 'bidirectional');
  found.handle(call, request);
  return call;
}

function statuses(call: FakeStreamCall): number[] {
  return call.written.map((bytes) => fromBinary(HealthCheckResponseSchema, bytes).status);
}

describe('grpc.health.v1', () => {
  it('checks the server as a whole and knows no services by name', () => {
    const health = new HealthService();
    assert.deepEqual(statuses(asked(health, 'Check', '')), [SERVING]);
    const unknown = asked(health, 'Check', 'etcdserverpb.KV');
    assert.deepEqual(unknown.failure, { status: GrpcStatus.notFound, message: 'unknown service' });
    health.setServing(false);
    assert.deepEqual(statuses(asked(health, 'Check', '')), [NOT_SERVING]);
  });

  it('watches: the present state, then every change', () => {
    const health = new HealthService();
    const watch = asked(health, 'Watch', '');
    const unknown = asked(health, 'Watch', 'x');
    health.setServing(true);
    health.setServing(false);
    health.setServing(true);
    assert.deepEqual(statuses(watch), [SERVING, NOT_SERVING, SERVING]);
    assert.deepEqual(statuses(unknown), [SERVICE_UNKNOWN]);
    assert.equal(unknown.closed, false);
    watch.leave();
    health.setServing(false);
    assert.equal(watch.written.length, 3);
  });

  it('tells a slow watcher the newest state only', () => {
    const health = new HealthService();
    const watch = asked(health, 'Watch', '');
    watch.hasRoom = false;
    health.setServing(false);
    health.setServing(true);
    health.setServing(false);
    health.setServing(true);
    assert.deepEqual(statuses(watch), [SERVING, NOT_SERVING]);
    watch.drain();
    assert.deepEqual(statuses(watch), [SERVING, NOT_SERVING, SERVING]);
  });

  it('refuses malformed requests', () => {
    for (const method of ['Check', 'Watch'] as const) {
      const call = asked(new HealthService(), method, Uint8Array.of(0xff));
      assert.equal(call.failure?.status, GrpcStatus.internal);
    }
  });
});
