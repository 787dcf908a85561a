/** etcdserverpb.Maintenance: what operators ask of a member. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus, type GrpcStreamCall } from '../../net/grpc-call.ts';
import {
  AlarmMemberSchema,
  AlarmResponseSchema,
  type AlarmType,
  DefragmentResponseSchema,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  SnapshotResponseSchema,
  StatusResponseSchema,
} from '../../wire/generated/etcdserverpb/maintenance_pb.ts';
import { decodeAlarmRequest } from '../../wire/v3/kv-requests.ts';
import { downgrade } from './downgrade.ts';
import { RpcErrors, rpcError } from './errors.ts';
import { failCall, type RpcContext, readRequest } from './rpc-context.ts';

export class MaintenanceService {
  readonly #context: RpcContext;

  constructor(context: RpcContext) {
    this.#context = context;
  }

  methods(): [string, GrpcMethod][] {
    const unary = this.#context.unaryOf('etcdserverpb.Maintenance');
    return [
      unary('Status', (call) => this.#status(call), true),
      unary('Alarm', (call, bytes) => this.#alarm(call, bytes)),
      unary('Hash', (call) => this.#hash(call)),
      unary('HashKV', (call, bytes) => this.#hashKv(call, bytes)),
      unary('Defragment', (call) => this.#defragment(call)),
      unary('MoveLeader', (call, bytes) => this.#moveLeader(call, bytes)),
      unary('Downgrade', (call, bytes) => this.#downgrade(call, bytes)),
      [
        '/etcdserverpb.Maintenance/Snapshot',
        { kind: 'server-stream', handle: (call) => this.#snapshot(call) },
      ],
    ];
  }

  #status(call: GrpcCall): void {
    const status = this.#context.maintenance.status();
    const answer = create(StatusResponseSchema, {
      header: this.#context.message(),
      version: status.version,
      dbSize: BigInt(status.dbSizeBytes),
      dbSizeInUse: BigInt(status.dbSizeInUseBytes),
      leader: status.leader,
      raftIndex: BigInt(status.raftIndex),
      raftTerm: BigInt(status.raftTerm),
      raftAppliedIndex: BigInt(status.raftAppliedIndex),
      errors: [...status.errors],
      isLearner: status.isLearner,
    });
    call.respond(toBinary(StatusResponseSchema, answer));
  }

  #alarm(call: GrpcCall, bytes: Uint8Array): void {
    const request = decodeAlarmRequest(bytes);
    this.#context.v3.propose({ kind: 'alarm', request }, undefined, (outcome) => {
      if (!outcome.ok) failCall(call, rpcError(outcome.error));
      else if (outcome.value.kind === 'error') failCall(call, rpcError(outcome.value));
      else if (outcome.value.kind === 'alarm') {
        const alarms = outcome.value.alarms.map(({ memberId, alarm }) =>
          create(AlarmMemberSchema, { memberID: memberId, alarm: alarm as AlarmType }),
        );
        const answer = create(AlarmResponseSchema, { header: this.#context.message(), alarms });
        call.respond(toBinary(AlarmResponseSchema, answer));
      }
    });
  }

  #hash(call: GrpcCall): void {
    this.#context.maintenance.hash((answer) => {
      if (!answer.ok) {
        failCall(call, rpcError(answer.error));
        return;
      }
      const { hash, revision } = answer.value;
      const message = create(HashResponseSchema, { header: this.#context.message(revision), hash });
      call.respond(toBinary(HashResponseSchema, message));
    });
  }

  #hashKv(call: GrpcCall, bytes: Uint8Array): void {
    const { revision } = readRequest(HashKVRequestSchema, bytes);
    this.#context.v3.hashKv(Number(revision), (answer) => {
      if (!answer.ok) {
        failCall(call, rpcError(answer.error));
        return;
      }
      const { hash, compactRevision, revision: now } = answer.value;
      const message = create(HashKVResponseSchema, {
        header: this.#context.message(now),
        hash,
        compactRevision: BigInt(compactRevision),
      });
      call.respond(toBinary(HashKVResponseSchema, message));
    });
  }

  #defragment(call: GrpcCall): void {
    this.#context.maintenance.defragment((answer) => {
      if (answer.ok) call.respond(toBinary(DefragmentResponseSchema, create(DefragmentResponseSchema)));
      else if ('message' in answer.error) call.fail(GrpcStatus.unknown, answer.error.message);
      else failCall(call, rpcError(answer.error));
    });
  }

  #moveLeader(call: GrpcCall, bytes: Uint8Array): void {
    const { targetID } = readRequest(MoveLeaderRequestSchema, bytes);
    const { server, maintenance } = this.#context;
    const target = server.member(targetID);
    if (server.isLeader && (target === undefined || target.isLearner)) {
      failCall(call, RpcErrors.badLeaderTransferee);
      return;
    }
    maintenance.moveLeader(targetID, (answer) => {
      if (answer.ok) call.respond(toBinary(MoveLeaderResponseSchema, create(MoveLeaderResponseSchema)));
      else failCall(call, rpcError(answer.error));
    });
  }

  #downgrade(call: GrpcCall, bytes: Uint8Array): void {
    const request = readRequest(DowngradeRequestSchema, bytes);
    downgrade(request, this.#context.v3.downgrade, (outcome) => {
      if (!outcome.ok) {
        failCall(call, outcome.error);
        return;
      }
      const answer = create(DowngradeResponseSchema, {
        header: this.#context.message(),
        version: outcome.clusterVersion,
      });
      call.respond(toBinary(DowngradeResponseSchema, answer));
    });
  }

  /** The file in pieces, each with what is still to come, and at the end its checksum, which does not count. */
  #snapshot(call: GrpcStreamCall): void {
    const error = this.#context.refuseStream(call, false);
    if (error !== undefined) {
      failCall(call, error);
      return;
    }
    let wake = (): void => {};
    call.onDrain(() => wake());
    call.onClose(() => wake());
    const send = async (): Promise<void> => {
      const pieces = this.#context.maintenance.snapshotFile(() => !call.closed);
      for await (const { bytes, remainingBytes } of pieces) {
        if (call.closed) return;
        const piece = create(SnapshotResponseSchema, { remainingBytes: BigInt(remainingBytes), blob: bytes });
        const hasRoom = call.write(toBinary(SnapshotResponseSchema, piece));
        if (!hasRoom && !call.closed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
      call.end();
    };
    send().catch((failure: Error) => call.fail(GrpcStatus.unknown, failure.message));
  }
}
