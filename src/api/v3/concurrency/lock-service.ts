/** v3lockpb.Lock: locks whose waiting the server does. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus } from '../../../net/grpc-call.ts';
import type { TxnResult } from '../../../store/mvcc/types.ts';
import {
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from '../../../wire/generated/v3lockpb/lock_pb.ts';
import { peekCreateRevision } from '../../../wire/v3/key-value.ts';
import { ownCopy } from '../../../wire/v3/kv-requests.ts';
import { RpcErrors } from '../errors.ts';
import { type RpcContext, readRequest } from '../rpc-context.ts';
import { firstCreatedRequest, getRequest, readNow, TurnWait } from './first-created.ts';
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

const EMPTY = new Uint8Array(0);

export function lockMethods(context: RpcContext): [string, GrpcMethod][] {
  const unary = context.unaryOf('v3lockpb.Lock');
  return [
    unary('Lock', (call, bytes) => {
      const { name, lease } = readRequest(LockRequestSchema, bytes);
      const ownName = ownCopy(name);
      withLease(context, call, lease, (granted) => lock(context, call, ownName, granted));
    }),
    unary('Unlock', (call, bytes) =>
      unlock(context, call, readRequest(UnlockRequestSchema, ownCopy(bytes)).key),
    ),
  ];
}

function lock(context: RpcContext, call: GrpcCall, name: Uint8Array, lease: bigint): void {
  const key = placeKey(name, lease);
  const prefix = prefixOf(name);
  const first = { kind: 'range', request: firstCreatedRequest(prefix) } as const;
  const request = ifCreatedAt(
    { key, createRevision: 0 },
    [putOperation(key, EMPTY, lease), first],
    [{ kind: 'range', request: getRequest(key) }, first],
  );
  runTxn(context, call, request, (result) => {
    const place = { key, createRevision: createRevisionIn(result) };
    if (call.closed) {
      if (result.succeeded) leave(context, place);
      return;
    }
    const [, owner] = result.responses;
    const [held] = owner?.kind === 'range' ? owner.kvs : [];
    if (held === undefined || peekCreateRevision(held) === place.createRevision) {
      respond(context, call, key, result.revision);
    } else awaitLock(context, call, prefix, place);
  });
}

/** The key's, whether it has just been put or was there. */
function createRevisionIn({ succeeded, revision, responses: [mine] }: TxnResult): number {
  return succeeded || mine?.kind !== 'range' ? revision : peekCreateRevision(mine.kvs[0]!);
}

function awaitLock(context: RpcContext, call: GrpcCall, prefix: Uint8Array, place: Place): void {
  const wait = new TurnWait(context, prefix, place.createRevision, () => {
    // Only now is it this lock's turn; the lease may have ended meanwhile, which the others know.
    context.server.awaitReadIndex((error) => {
      if (call.closed) return;
      if (error !== undefined) {
        leave(context, place);
        failUnknown(call, error);
        return;
      }
      const { kvs, revision } = readNow(context.v3.kv, getRequest(place.key));
      if (kvs.length === 0) call.fail(GrpcStatus.unknown, 'mutex: session is expired');
      else respond(context, call, place.key, revision);
    });
  });
  call.onClose(() => {
    wait.cancel();
    leave(context, place);
  });
  wait.start();
}

function respond(context: RpcContext, call: GrpcCall, key: Uint8Array, revision: number): void {
  call.respond(
    toBinary(LockResponseSchema, create(LockResponseSchema, { header: context.message(revision), key })),
  );
}

function unlock(context: RpcContext, call: GrpcCall, key: Uint8Array): void {
  if (key.length === 0) {
    call.fail(GrpcStatus.unknown, RpcErrors.emptyKey.message);
    return;
  }
  const request = { compare: [], success: [deleteOperation(key)], failure: [] };
  runTxn(context, call, request, ({ revision }) => {
    const answer = create(UnlockResponseSchema, { header: context.message(revision) });
    call.respond(toBinary(UnlockResponseSchema, answer));
  });
}
