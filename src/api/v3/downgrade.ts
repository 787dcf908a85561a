/**
 * What a cluster of this version says about downgrades: as etcd 3.5, it validates the target; the job itself (a cluster that goes back to an older release, member by
 * member) has no meaning for a member whose data no older release reads.
 */
import { GrpcStatus } from '../../net/grpc-call.ts';
import type { DowngradeRequest } from '../../wire/generated/etcdserverpb/maintenance_pb.ts';
import type { RpcError } from './errors.ts';

const VALIDATE = 0;
const ENABLE = 1;
const CANCEL = 2;
const VERSION = /^(\d+)\.(\d+)(?:\.(\d+)(?:-[\w.-]+)?)?$/;

/** Undefined: the target was to be validated, and is valid. */
export function checkDowngrade(request: DowngradeRequest, clusterVersion: string): RpcError | undefined {
  const action: number = request.action;
  if (action === CANCEL) return error(GrpcStatus.failedPrecondition, 'no inflight downgrade job');
  if (action !== VALIDATE && action !== ENABLE) return error(GrpcStatus.unknown, 'unknown method');
  const target = VERSION.exec(request.version);
  if (target === null) return error(GrpcStatus.invalidArgument, 'wrong downgrade target version format');
  const current = VERSION.exec(clusterVersion);
  if (current === null) {
    return error(GrpcStatus.unavailable, 'cluster version not found during downgrade');
  }
  const isOneLower = target[1] === current[1] && Number(target[2]) === Number(current[2]) - 1;
  if (!isOneLower) return error(GrpcStatus.invalidArgument, 'invalid downgrade target version');
  if (action === VALIDATE) return undefined;
  return error(
    GrpcStatus.unimplemented,
    'this member can not be downgraded: an older release does not read its data',
  );
}

function error(status: GrpcStatus, text: string): RpcError {
  return { status, message: `etcdserver: ${text}` };
}
