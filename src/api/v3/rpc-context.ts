/** What all v3 services share: the server, the header of their answers, and who may call at all. */
import { create, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus } from '../../net/grpc-call.ts';
import type { Clock } from '../../ports/clock.ts';
import { NO_MEMBER } from '../../raft/types.ts';
import type { QuorateServer } from '../../server/contract.ts';
import type { V3Maintenance, V3Server } from '../../server/v3-contract.ts';
import {
  type ResponseHeader as HeaderMessage,
  ResponseHeaderSchema,
} from '../../wire/generated/etcdserverpb/header_pb.ts';
import { DecodeError, Writer } from '../../wire/protobuf.ts';
import type { ResponseHeader } from '../../wire/v3/response-header.ts';
import { type RpcError, RpcErrors } from './errors.ts';

export type V3Backed = QuorateServer & { readonly v3: V3Server; readonly maintenance: V3Maintenance };

/** A stream that wants a leader ends when there has been none for so long, in looks of `leaderLookMs`. */
const LOOKS_WITHOUT_LEADER = 3;

/** `learnerMay`: a learner answers it, too. */
export type UnaryRow = (
  name: string,
  handle: (call: GrpcCall, request: Uint8Array) => void,
  learnerMay?: boolean,
) => [path: string, method: GrpcMethod];

export class RpcContext {
  readonly server: QuorateServer;
  readonly v3: V3Server;
  readonly maintenance: V3Maintenance;
  /** Answers are made in its slab, one after the other. */
  readonly writer = new Writer();
  readonly #header: { clusterId: bigint; memberId: bigint; revision: number; raftTerm: number };
  readonly clock: Clock;
  readonly #leaderLookMs: number;
  /** Streams whose client wants to be told when there is no leader. */
  readonly #wantLeader = new Set<GrpcCall>();
  #looksWithout = 0;

  /** `electionTimeoutMs`: how often streams that want a leader are looked after. */
  constructor(server: V3Backed, clock: Clock, electionTimeoutMs: number) {
    this.server = server;
    this.v3 = server.v3;
    this.maintenance = server.maintenance;
    this.clock = clock;
    this.#leaderLookMs = electionTimeoutMs;
    this.#header = { clusterId: server.clusterId, memberId: server.memberId, revision: 0, raftTerm: 0 };
  }

  /** Valid until it is asked for again. */
  header(revision: number = this.v3.kv.revision): ResponseHeader {
    const header = this.#header;
    header.revision = revision;
    header.raftTerm = this.server.raftTerm;
    return header;
  }

  /** The same for the generated codecs. */
  message(revision: number = this.v3.kv.revision): HeaderMessage {
    const { clusterId, memberId, raftTerm } = this.server;
    return create(ResponseHeaderSchema, {
      clusterId,
      memberId,
      revision: BigInt(revision),
      raftTerm: BigInt(raftTerm),
    });
  }

  /** Why the call is not served here and now. `learnerMay`: a learner answers it, too. */
  refuse(call: GrpcCall, learnerMay: boolean): RpcError | undefined {
    const { server } = this;
    if (!learnerMay && server.member(server.memberId)?.isLearner === true) return RpcErrors.notForLearner;
    if (server.leaderId === NO_MEMBER && wantsLeader(call)) return RpcErrors.noLeader;
    return undefined;
  }

  /** Rows of a service's table: unary methods that refuse who may not call, and malformed requests. */
  unaryOf(service: string): UnaryRow {
    return (name, handle, learnerMay = false) => [
      `/${service}/${name}`,
      {
        kind: 'unary',
        handle: (call, request) => {
          const error = this.refuse(call, learnerMay);
          if (error !== undefined) failCall(call, error);
          else attempt(call, () => handle(call, request));
        },
      },
    ];
  }

  /** The same for a stream, which is ended later if it wants a leader and there is none any more. */
  refuseStream(call: GrpcCall, learnerMay: boolean): RpcError | undefined {
    const error = this.refuse(call, learnerMay);
    if (error !== undefined || !wantsLeader(call)) return error;
    this.#wantLeader.add(call);
    if (this.#wantLeader.size === 1) this.#lookLater();
    return undefined;
  }

  #lookLater(): void {
    this.clock.schedule(this.#leaderLookMs, () => {
      // A call has one callback for its end, and that is its service's.
      for (const call of this.#wantLeader) if (call.closed) this.#wantLeader.delete(call);
      if (this.#wantLeader.size === 0) {
        this.#looksWithout = 0;
        return;
      }
      this.#looksWithout = this.server.leaderId === NO_MEMBER ? this.#looksWithout + 1 : 0;
      if (this.#looksWithout >= LOOKS_WITHOUT_LEADER) {
        for (const call of this.#wantLeader) failCall(call, RpcErrors.noLeader);
        this.#wantLeader.clear();
        this.#looksWithout = 0;
        return;
      }
      this.#lookLater();
    });
  }
}

export function failCall(call: GrpcCall, { status, message }: RpcError): void {
  call.fail(status, message);
}

/** Malformed messages are the client's fault, as grpc-go says it. */
export function attempt(call: GrpcCall, handle: () => void): void {
  try {
    handle();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    call.fail(GrpcStatus.internal, `grpc: error unmarshalling request: ${error.message}`);
  }
}

/** A request by its generated codec. Throws DecodeError. */
export function readRequest<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new DecodeError((error as Error).message, 0);
  }
}

function wantsLeader(call: GrpcCall): boolean {
  return call.metadata('hasleader') === 'true';
}
