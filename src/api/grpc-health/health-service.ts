/**
 * grpc.health.v1: whether the server as a whole serves. As etcd 3.5 it knows no services by name: only the empty one has a status.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus, type GrpcStreamCall } from '../../net/grpc-call.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '../../wire/generated/grpc/health/v1/health_pb.ts';

const answers: ReadonlyMap<Status, Uint8Array> = new Map(
  [Status.SERVING, Status.NOT_SERVING, Status.SERVICE_UNKNOWN].map((status) => [
    status,
    toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status })),
  ]),
);

export class HealthService {
  #status: Status = Status.SERVING;
  readonly #watchers = new Set<() => void>();

  methods(): [path: string, method: GrpcMethod][] {
    return [
      [
        '/grpc.health.v1.Health/Check',
        { kind: 'unary', handle: (call, request) => this.#check(call, request) },
      ],
      [
        '/grpc.health.v1.Health/Watch',
        { kind: 'server-stream', handle: (call, request) => this.#watch(call, request) },
      ],
    ];
  }

  /** Serving until told otherwise. */
  setServing(serving: boolean): void {
    const status = serving ? Status.SERVING : Status.NOT_SERVING;
    if (status === this.#status) return;
    this.#status = status;
    for (const tell of this.#watchers) tell();
  }

  #check(call: GrpcCall, request: Uint8Array): void {
    const service = serviceIn(call, request);
    if (service === undefined) return;
    if (service === '') call.respond(answers.get(this.#status)!);
    else call.fail(GrpcStatus.notFound, 'unknown service');
  }

  #watch(call: GrpcStreamCall, request: Uint8Array): void {
    const service = serviceIn(call, request);
    if (service === undefined) return;
    if (service !== '') {
      // It may come, for all the protocol knows: the stream stays open.
      call.write(answers.get(Status.SERVICE_UNKNOWN)!);
      return;
    }
    let told: Status | undefined;
    let hasRoom = true;
    const tell = (): void => {
      if (!hasRoom || told === this.#status) return;
      told = this.#status;
      hasRoom = call.write(answers.get(told)!);
    };
    call.onDrain(() => {
      hasRoom = true;
      tell();
    });
    call.onClose(() => this.#watchers.delete(tell));
    this.#watchers.add(tell);
    tell();
  }
}

/** undefined: the call has failed. */
function serviceIn(call: GrpcCall, request: Uint8Array): string | undefined {
  try {
    return fromBinary(HealthCheckRequestSchema, request).service;
  } catch (error) {
    call.fail(GrpcStatus.internal, `malformed request: ${(error as Error).message}`);
    return undefined;
  }
}
