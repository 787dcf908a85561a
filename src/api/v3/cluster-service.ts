/** etcdserverpb.Cluster: the members, and changes of them. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { GrpcCall, GrpcMethod } from '../../net/grpc-call.ts';
import type { Member, Submitted } from '../../server/contract.ts';
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from '../../wire/generated/etcdserverpb/cluster_pb.ts';
import { parsePeerUrls } from '../v2/peer-urls.ts';
import { RpcErrors, rpcError } from './errors.ts';
import { failCall, type RpcContext, readRequest } from './rpc-context.ts';

export class ClusterService {
  readonly #context: RpcContext;

  constructor(context: RpcContext) {
    this.#context = context;
  }

  methods(): [string, GrpcMethod][] {
    const unary = this.#context.unaryOf('etcdserverpb.Cluster');
    return [
      unary('MemberAdd', (call, bytes) => this.#add(call, bytes)),
      unary('MemberRemove', (call, bytes) => {
        const { ID } = readRequest(MemberRemoveRequestSchema, bytes);
        this.#context.server.removeMember(ID, (outcome) =>
          this.#changed(call, outcome, () =>
            toBinary(MemberRemoveResponseSchema, create(MemberRemoveResponseSchema, this.#list())),
          ),
        );
      }),
      unary('MemberUpdate', (call, bytes) => this.#update(call, bytes)),
      unary('MemberList', (call, bytes) => this.#listMembers(call, bytes)),
      unary('MemberPromote', (call, bytes) => {
        const { ID } = readRequest(MemberPromoteRequestSchema, bytes);
        this.#context.server.promoteMember(ID, (outcome) =>
          this.#changed(call, outcome, () =>
            toBinary(MemberPromoteResponseSchema, create(MemberPromoteResponseSchema, this.#list())),
          ),
        );
      }),
    ];
  }

  #add(call: GrpcCall, bytes: Uint8Array): void {
    const request = readRequest(MemberAddRequestSchema, bytes);
    const urls = parsePeerUrls(request.peerURLs);
    if (urls.urls === undefined) {
      failCall(call, RpcErrors.badMemberUrls);
      return;
    }
    this.#context.server.addMember(urls.urls, request.isLearner, (outcome) =>
      this.#changed(call, outcome, (member) => {
        const answer = create(MemberAddResponseSchema, { ...this.#list(), member: messageOf(member) });
        return toBinary(MemberAddResponseSchema, answer);
      }),
    );
  }

  #update(call: GrpcCall, bytes: Uint8Array): void {
    const request = readRequest(MemberUpdateRequestSchema, bytes);
    this.#context.server.updateMember(request.ID, request.peerURLs, (outcome) =>
      this.#changed(call, outcome, () =>
        toBinary(MemberUpdateResponseSchema, create(MemberUpdateResponseSchema, this.#list())),
      ),
    );
  }

  #listMembers(call: GrpcCall, bytes: Uint8Array): void {
    const answer = (): void =>
      call.respond(toBinary(MemberListResponseSchema, create(MemberListResponseSchema, this.#list())));
    if (!readRequest(MemberListRequestSchema, bytes).linearizable) {
      answer();
      return;
    }
    this.#context.server.awaitReadIndex((error) => {
      if (error !== undefined) failCall(call, rpcError(error));
      else answer();
    });
  }

  #changed<T>(call: GrpcCall, outcome: Submitted<T>, answer: (value: T) => Uint8Array): void {
    if (!outcome.ok) failCall(call, rpcError(outcome.error));
    else call.respond(answer(outcome.value));
  }

  /** The cluster's answers carry no revision. */
  #list() {
    return {
      header: { ...this.#context.message(0) },
      members: this.#context.server.members().map(messageOf),
    };
  }
}

function messageOf({ id, name, peerURLs, clientURLs, isLearner }: Member) {
  return { ID: id, name, peerURLs: [...peerURLs], clientURLs: [...clientURLs], isLearner };
}
