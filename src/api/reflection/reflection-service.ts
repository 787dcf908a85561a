/**
 * grpc.reflection.v1 and v1alpha: what a server serves and how its messages look, so that grpcurl and the like need no definitions. The two
 * versions have the same messages on the wire.
 *
 * A file is answered together with all that it imports, except for what was sent on the same stream before.
 */
import { create, type DescFile, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type GrpcMethod,
  type GrpcMethods,
  GrpcStatus,
  type GrpcStreamCall,
  type GrpcStreamHandler,
} from '../../net/grpc-call.ts';
import { file_etcdserverpb_auth } from '../../wire/generated/etcdserverpb/auth_pb.ts';
import { file_etcdserverpb_cluster } from '../../wire/generated/etcdserverpb/cluster_pb.ts';
import { file_etcdserverpb_kv } from '../../wire/generated/etcdserverpb/kv_pb.ts';
import { file_etcdserverpb_lease } from '../../wire/generated/etcdserverpb/lease_pb.ts';
import { file_etcdserverpb_maintenance } from '../../wire/generated/etcdserverpb/maintenance_pb.ts';
import { file_etcdserverpb_watch } from '../../wire/generated/etcdserverpb/watch_pb.ts';
import { file_grpc_health_v1_health } from '../../wire/generated/grpc/health/v1/health_pb.ts';
import {
  file_grpc_reflection_v1_reflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from '../../wire/generated/grpc/reflection/v1/reflection_pb.ts';
import { file_grpc_reflection_v1alpha_reflection } from '../../wire/generated/grpc/reflection/v1alpha/reflection_pb.ts';
import { file_v3electionpb_election } from '../../wire/generated/v3electionpb/election_pb.ts';
import { file_v3lockpb_lock } from '../../wire/generated/v3lockpb/lock_pb.ts';
import { DescriptorIndex } from './descriptor-index.ts';

type Answer = MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse'];

const PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
];

/** The methods with those of reflection, which speaks of all of them. */
export function withReflection(methods: GrpcMethods): GrpcMethods {
  const service = new ReflectionService([...methods.keys(), ...PATHS]);
  const method: GrpcMethod = { kind: 'bidirectional', open: (call) => service.open(call) };
  return new Map([...methods, ...PATHS.map((path) => [path, method] as const)]);
}

class ReflectionService {
  readonly #services: readonly string[];
  readonly #index = new DescriptorIndex([
    file_etcdserverpb_kv,
    file_etcdserverpb_watch,
    file_etcdserverpb_lease,
    file_etcdserverpb_cluster,
    file_etcdserverpb_maintenance,
    file_etcdserverpb_auth,
    file_v3lockpb_lock,
    file_v3electionpb_election,
    file_grpc_health_v1_health,
    file_grpc_reflection_v1_reflection,
    file_grpc_reflection_v1alpha_reflection,
  ]);

  constructor(paths: readonly string[]) {
    this.#services = [...new Set(paths.map((path) => path.split('/')[1]!))].sort();
  }

  open(call: GrpcStreamCall): GrpcStreamHandler {
    const sent = new Set<DescFile>();
    call.onDrain(() => call.resume());
    return {
      message: (bytes) => {
        const request = readRequest(bytes);
        if (typeof request === 'string') {
          call.fail(GrpcStatus.internal, request);
          return;
        }
        const answer = this.#answer(request, sent);
        if (answer === undefined) {
          call.fail(GrpcStatus.invalidArgument, 'invalid MessageRequest: none is set');
          return;
        }
        const response = create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer,
        });
        // Who asks faster than it reads waits.
        if (!call.write(toBinary(ServerReflectionResponseSchema, response))) call.pause();
      },
      clientDone: () => call.end(),
    };
  }

  /** undefined: nothing was asked. */
  #answer({ messageRequest }: ServerReflectionRequest, sent: Set<DescFile>): Answer | undefined {
    switch (messageRequest.case) {
      case 'fileByFilename':
        return this.#files(this.#index.file(messageRequest.value), messageRequest.value, sent);
      case 'fileContainingSymbol':
        return this.#files(this.#index.fileOf(messageRequest.value), messageRequest.value, sent);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = messageRequest.value;
        return notFound(`extension ${extensionNumber} of ${containingType}`);
      }
      case 'allExtensionNumbersOfType':
        return this.#index.isMessage(messageRequest.value)
          ? { case: 'allExtensionNumbersResponse', value: { baseTypeName: messageRequest.value } }
          : notFound(messageRequest.value);
      case 'listServices': {
        const service = this.#services.map((name) => ({ name }));
        return { case: 'listServicesResponse', value: { service } };
      }
      case undefined:
        return undefined;
    }
  }

  #files(file: DescFile | undefined, asked: string, sent: Set<DescFile>): Answer {
    if (file === undefined) return notFound(asked);
    const fileDescriptorProto: Uint8Array[] = [];
    const queue = new Set([file]);
    // A set may grow while it is walked.
    for (const each of queue) {
      if (each === file || !sent.has(each)) fileDescriptorProto.push(this.#index.encoded(each));
      sent.add(each);
      for (const imported of each.dependencies) queue.add(imported);
    }
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }
}

function notFound(what: string): Answer {
  const value = { errorCode: GrpcStatus.notFound, errorMessage: `${what} is not found` };
  return { case: 'errorResponse', value };
}

/** A text: what is wrong with it. */
function readRequest(bytes: Uint8Array): ServerReflectionRequest | string {
  try {
    return fromBinary(ServerReflectionRequestSchema, bytes);
  } catch (error) {
    return `malformed request: ${(error as Error).message}`;
  }
}
