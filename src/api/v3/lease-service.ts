/** etcdserverpb.Lease. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { GrpcCall, GrpcMethod, GrpcStreamCall } from '../../net/grpc-call.ts';
import type { ServerError } from '../../server/contract.ts';
import type { V3Failure } from '../../server/v3-contract.ts';
import {
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from '../../wire/generated/etcdserverpb/lease_pb.ts';
import { decodeLeaseGrantRequest, decodeLeaseRevokeRequest } from '../../wire/v3/kv-requests.ts';
import { encodeHeaderResponse } from '../../wire/v3/kv-responses.ts';
import { encodeLeaseKeepAliveResponse } from '../../wire/v3/watch-responses.ts';
import { rpcError } from './errors.ts';
import { attempt, failCall, type RpcContext, readRequest } from './rpc-context.ts';

/** Renewals of one stream that may be under way; the client's further ones wait. */
const RENEWALS_MAX = 1_000;
const REFUSED = { message() {}, clientDone() {} };

export class LeaseService {
  readonly #context: RpcContext;

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

  /** Answers come in the order of the requests, as in etcd; many are under way at once. */
  #keepAlive(call: GrpcStreamCall) {
    const error = this.#context.refuseStream(call, false);
    if (error !== undefined) {
      failCall(call, error);
      return REFUSED;
    }
    call.sendHeaders();
    const { v3, writer } = this.#context;
    const waiting: { answer: Uint8Array | undefined }[] = [];
    let clientIsDone = false;
    let hasRoom = true;
    const flush = (): void => {
      while (hasRoom && waiting[0]?.answer !== undefined) hasRoom = call.write(waiting.shift()!.answer!);
      if (waiting.length < RENEWALS_MAX) call.resume();
      if (clientIsDone && waiting.length === 0) call.end();
    };
    call.onDrain(() => {
      hasRoom = true;
      flush();
    });
    return {
      message: (bytes: Uint8Array): void =>
        attempt(call, () => {
          const { ID } = readRequest(LeaseKeepAliveRequestSchema, bytes);
          // Before the renewal: a client must not read a revision at which the lease may be gone already.
          const revision = v3.kv.revision;
          const place: { answer: Uint8Array | undefined } = { answer: undefined };
          waiting.push(place);
          if (waiting.length >= RENEWALS_MAX) call.pause();
          v3.renewLease(ID, (answer) => {
            if (call.closed) return;
            if (!answer.ok && !isNotFound(answer.error)) {
              failCall(call, rpcError(answer.error));
              return;
            }
            const ttl = answer.ok ? answer.value.ttl : 0;
            place.answer = encodeLeaseKeepAliveResponse(writer, this.#context.header(revision), ID, ttl);
            flush();
          });
        }),
      clientDone: (): void => {
        clientIsDone = true;
        flush();
      },
    };
  }
}

function isNotFound(error: ServerError | V3Failure): boolean {
  return 'kind' in error && error.code === 'lease-not-found';
}
