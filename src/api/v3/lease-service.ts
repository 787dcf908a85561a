/** etcdserverpb.Lease. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { GrpcCall, GrpcMethod, GrpcStreamCall, GrpcStreamHandler } from '../../net/grpc-call.ts';
import type { ServerError } from '../../server/contract.ts';
import type { V3Failure } from '../../server/v3-contract.ts';
import {
  LeaseGrantResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from '../../wire/generated/etcdserverpb/lease_pb.ts';
import { KeepAliveAnswers } from '../../wire/v3/keep-alive.ts';
import { decodeLeaseGrantRequest, decodeLeaseRevokeRequest } from '../../wire/v3/kv-requests.ts';
import { encodeHeaderResponse } from '../../wire/v3/kv-responses.ts';
import { rpcError } from './errors.ts';
import { KeepAliveStream } from './keep-alive-stream.ts';
import { failCall, type RpcContext, readRequest } from './rpc-context.ts';

const REFUSED: GrpcStreamHandler = { message() {}, clientDone() {} };

export class LeaseService {
  readonly #context: RpcContext;
  readonly #answers = new KeepAliveAnswers();

  constructor(context: RpcContext) {
    this.#context = context;
  }

  methods(): [string, GrpcMethod][] {
    const unary = this.#context.unaryOf('etcdserverpb.Lease');
    return [
      unary('LeaseGrant', (call, bytes) => this.#grant(call, bytes)),
      unary('LeaseRevoke', (call, bytes) => this.#revoke(call, bytes)),
      unary('LeaseTimeToLive', (call, bytes) => this.#timeToLive(call, bytes)),
      unary('LeaseLeases', (call) => this.#leases(call)),
      [
        '/etcdserverpb.Lease/LeaseKeepAlive',
        { kind: 'bidirectional', open: (call) => this.#keepAlive(call) },
      ],
    ];
  }

  #grant(call: GrpcCall, bytes: Uint8Array): void {
    const { id, ttl } = decodeLeaseGrantRequest(bytes);
    this.#context.v3.grantLease(id, ttl, (outcome) => {
      if (!outcome.ok) failCall(call, rpcError(outcome.error));
      else if (outcome.value.kind === 'error') failCall(call, rpcError(outcome.value));
      else if (outcome.value.kind === 'lease-grant') {
        const header = this.#context.message(outcome.value.revision);
        const { id: granted, ttl: seconds } = outcome.value;
        const answer = create(LeaseGrantResponseSchema, { header, ID: granted, TTL: BigInt(seconds) });
        call.respond(toBinary(LeaseGrantResponseSchema, answer));
      }
    });
  }

  #revoke(call: GrpcCall, bytes: Uint8Array): void {
    const request = decodeLeaseRevokeRequest(bytes);
    this.#context.v3.propose({ kind: 'lease-revoke', request }, undefined, (outcome) => {
      if (!outcome.ok) failCall(call, rpcError(outcome.error));
      else if (outcome.value.kind === 'error') failCall(call, rpcError(outcome.value));
      else call.respond(encodeHeaderResponse(this.#context.writer, this.#context.header()));
    });
  }

  #timeToLive(call: GrpcCall, bytes: Uint8Array): void {
    const { ID, keys: withKeys } = readRequest(LeaseTimeToLiveRequestSchema, bytes);
    this.#context.v3.leaseTimes(ID, withKeys, (answer) => {
      if (!answer.ok && !isNotFound(answer.error)) {
        failCall(call, rpcError(answer.error));
        return;
      }
      const header = this.#context.message();
      const fields = answer.ok
        ? {
            TTL: BigInt(answer.value.ttl),
            grantedTTL: BigInt(answer.value.grantedTtl),
            keys: [...answer.value.keys],
          }
        : { TTL: -1n };
      const message = create(LeaseTimeToLiveResponseSchema, { header, ID, ...fields });
      call.respond(toBinary(LeaseTimeToLiveResponseSchema, message));
    });
  }

  #leases(call: GrpcCall): void {
    this.#context.v3.leases((answer) => {
      if (!answer.ok) {
        failCall(call, rpcError(answer.error));
        return;
      }
      const leases = answer.value.map((ID) => ({ ID }));
      const message = create(LeaseLeasesResponseSchema, { header: this.#context.message(), leases });
      call.respond(toBinary(LeaseLeasesResponseSchema, message));
    });
  }

  #keepAlive(call: GrpcStreamCall): GrpcStreamHandler {
    const error = this.#context.refuseStream(call, false);
    if (error === undefined) return new KeepAliveStream(call, this.#context, this.#answers);
    failCall(call, error);
    return REFUSED;
  }
}

function isNotFound(error: ServerError | V3Failure): boolean {
  return 'kind' in error && error.code === 'lease-not-found';
}
