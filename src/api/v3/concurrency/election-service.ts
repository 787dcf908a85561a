/** v3electionpb.Election: who leads, by a value that the leader proclaims. */
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus, type GrpcStreamCall } from '../../../net/grpc-call.ts';
import type { ServerError } from '../../../server/contract.ts';
import type { EncodedKeyValue } from '../../../store/mvcc/types.ts';
import {
  type CampaignRequest,
  CampaignRequestSchema,
  CampaignResponseSchema,
  type LeaderKey,
  LeaderRequestSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from '../../../wire/generated/v3electionpb/election_pb.ts';
import { peekCreateRevision, peekValue } from '../../../wire/v3/key-value.ts';
import { ownCopy } from '../../../wire/v3/kv-requests.ts';
import { RpcErrors } from '../errors.ts';
import { attempt, failCall, type RpcContext, readRequest } from '../rpc-context.ts';
import { firstCreatedRequest, getRequest, readNow, TurnWait } from './first-created.ts';
import { encodeLeaderResponse, LeaderObserver } from './leader-observer.ts';
import {
  deleteOperation,
  failUnknown,
  ifCreatedAt,
  leave,
  type Place,
  placeKey,
  prefixOf,
  putOperation,
  runTxn,
  withLease,
} from './lease-place.ts';

const NOT_LEADER = 'election: not leader';
const NO_LEADER = 'election: no leader';
const MISSING_LEADER = '"leader" field must be provided';

interface Campaign {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly place: Place;
  /** Of the answer: when the place was taken. */
  readonly revision: number;
}

export function electionMethods(context: RpcContext): [string, GrpcMethod][] {
  const unary = context.unaryOf('v3electionpb.Election');
  return [
    unary('Campaign', (call, bytes) => {
      const request = readRequest(CampaignRequestSchema, ownCopy(bytes));
      withLease(context, call, request.lease, (lease) => campaign(context, call, request, lease));
    }),
    unary('Proclaim', (call, bytes) => {
      const { leader, value } = readRequest(ProclaimRequestSchema, ownCopy(bytes));
      const place = placeOf(call, leader);
      if (place === undefined) return;
      withLease(context, call, leader!.lease, (lease) => {
        proclaim(context, call, place, value, lease, (revision) =>
          respond(call, ProclaimResponseSchema, { header: context.message(revision) }),
        );
      });
    }),
    unary('Resign', (call, bytes) => {
      const place = placeOf(call, readRequest(ResignRequestSchema, ownCopy(bytes)).leader);
      if (place === undefined) return;
      runTxn(context, call, ifCreatedAt(place, [deleteOperation(place.key)]), ({ revision }) =>
        respond(call, ResignResponseSchema, { header: context.message(revision) }),
      );
    }),
    unary('Leader', (call, bytes) =>
      leader(context, call, readRequest(LeaderRequestSchema, ownCopy(bytes)).name),
    ),
    [
      '/v3electionpb.Election/Observe',
      {
        kind: 'server-stream',
        handle: (call, bytes) => attempt(call, () => observe(context, call, ownCopy(bytes))),
      },
    ],
  ];
}

function respond<S extends DescMessage>(call: GrpcCall, schema: S, fields: MessageInitShape<S>): void {
  call.respond(toBinary(schema, create(schema, fields)));
}

/** The place that a leader's key names; undefined: the call has failed for want of it. */
function placeOf(call: GrpcCall, key: LeaderKey | undefined): Place | undefined {
  if (key === undefined) call.fail(GrpcStatus.unknown, MISSING_LEADER);
  else if (key.key.length === 0) call.fail(GrpcStatus.unknown, RpcErrors.emptyKey.message);
  else return { key: key.key, createRevision: Number(key.rev) };
  return undefined;
}

function campaign(context: RpcContext, call: GrpcCall, request: CampaignRequest, lease: bigint): void {
  const { name, value } = request;
  const key = placeKey(name, lease);
  const enter = ifCreatedAt(
    { key, createRevision: 0 },
    [putOperation(key, value, lease)],
    [{ kind: 'range', request: getRequest(key) }],
  );
  runTxn(context, call, enter, ({ succeeded, revision, responses: [there] }) => {
    const own = succeeded || there?.kind !== 'range' ? undefined : there.kvs[0]!;
    const place = { key, createRevision: own === undefined ? revision : peekCreateRevision(own) };
    const entered = { name, value, lease, place, revision };
    if (call.closed) {
      leave(context, place);
    } else if (own === undefined || sameBytes(peekValue(own), value)) {
      awaitElection(context, call, entered);
    } else {
      // The lease stands in the line already, with another value.
      proclaim(context, call, place, value, lease, () => awaitElection(context, call, entered));
    }
  });
}

function awaitElection(
  context: RpcContext,
  call: GrpcCall,
  { name, lease, place, revision }: Campaign,
): void {
  const wait = new TurnWait(context, prefixOf(name), place.createRevision, () => {
    context.server.awaitReadIndex((error) => {
      if (call.closed) return;
      if (error !== undefined) {
        leave(context, place);
        failUnknown(call, error);
        return;
      }
      // etcd does not look whether the candidate is still there, and lets one lead whose lease has ended.
      const [own] = readNow(context.v3.kv, getRequest(place.key)).kvs;
      if (own === undefined || peekCreateRevision(own) !== place.createRevision) {
        call.fail(GrpcStatus.unknown, NOT_LEADER);
        return;
      }
      respond(call, CampaignResponseSchema, {
        header: context.message(revision),
        leader: { name, key: place.key, rev: BigInt(place.createRevision), lease },
      });
    });
  });
  call.onClose(() => {
    wait.cancel();
    leave(context, place);
  });
  wait.start();
}

function proclaim(
  context: RpcContext,
  call: GrpcCall,
  place: Place,
  value: Uint8Array,
  lease: bigint,
  then: (revision: number) => void,
): void {
  const request = ifCreatedAt(place, [putOperation(place.key, value, lease)]);
  runTxn(context, call, request, ({ succeeded, revision }) => {
    if (succeeded) then(revision);
    else call.fail(GrpcStatus.unknown, NOT_LEADER);
  });
}

function leader(context: RpcContext, call: GrpcCall, name: Uint8Array): void {
  context.server.awaitReadIndex((error: ServerError | undefined) => {
    if (error !== undefined) {
      failUnknown(call, error);
      return;
    }
    const { kvs, revision } = readNow(context.v3.kv, firstCreatedRequest(prefixOf(name)));
    const [first]: readonly EncodedKeyValue[] = kvs;
    if (first === undefined) call.fail(GrpcStatus.unknown, NO_LEADER);
    else call.respond(encodeLeaderResponse(context, revision, first));
  });
}

function observe(context: RpcContext, call: GrpcStreamCall, bytes: Uint8Array): void {
  const error = context.refuseStream(call, false);
  if (error !== undefined) {
    failCall(call, error);
    return;
  }
  const { name } = readRequest(LeaderRequestSchema, bytes);
  new LeaderObserver(context, call, prefixOf(name)).start();
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
