/** What all v3 services share: the server, the header of their answers, and who may call at all. */
import type { GrpcCall } from '../../net/grpc-call.ts';
import { NO_MEMBER } from '../../raft/types.ts';
import type { QuorateServer } from '../../server/contract.ts';
import type { V3Maintenance, V3Server } from '../../server/v3-contract.ts';
import { Writer } from '../../wire/protobuf.ts';
import type { ResponseHeader } from '../../wire/v3/response-header.ts';
import { type RpcError, RpcErrors } from './errors.ts';

export class RpcContext {
  readonly server: QuorateServer;
  readonly v3: V3Server;
  readonly maintenance: V3Maintenance;
  /** Answers are made in its slab, one after the other. */
  readonly writer = new Writer();
  readonly #header: { clusterId: bigint; memberId: bigint; revision: number; raftTerm: number };

  constructor(server: QuorateServer & { readonly v3: V3Server; readonly maintenance: V3Maintenance }) {
    this.server = server;
    this.v3 = server.v3;
    this.maintenance = server.maintenance;
    this.#header = { clusterId: server.clusterId, memberId: server.memberId, revision: 0, raftTerm: 0 };
  }

  /** Valid until it is asked for again. */
  header(revision: number = this.v3.kv.revision): ResponseHeader {
    const header = this.#header;
    header.revision = revision;
    header.raftTerm = this.server.raftTerm;
    return header;
  }

  /** Why the call is not served here and now. `learnerMay`: a learner answers it, too. */
  refuse(call: GrpcCall, learnerMay: boolean): RpcError | undefined {
    const { server } = this;
    if (!learnerMay && server.member(server.memberId)?.isLearner === true) return RpcErrors.notForLearner;
    if (server.leaderId === NO_MEMBER && call.metadata('hasleader') === 'true') return RpcErrors.noLeader;
    return undefined;
  }
}

export function failCall(call: GrpcCall, { status, message }: RpcError): void {
  call.fail(status, message);
}
