/** Why a v3 request failed: gRPC's status and etcd's text for each code of the server, which clients match by. */
import { GrpcStatus } from '../../net/grpc-call.ts';
import type { ServerError, ServerErrorCode } from '../../server/contract.ts';
import type { V3ErrorCode, V3Failure } from '../../server/v3-contract.ts';

export interface RpcError {
  readonly status: GrpcStatus;
  readonly message: string;
}

function error(status: GrpcStatus, text: string): RpcError {
  return { status, message: `etcdserver: ${text}` };
}

/** What is found wrong before the server is asked. */
export const RpcErrors = {
  streamSortUnsupported: {
    status: GrpcStatus.unimplemented,
    message: 'RangeStream does not support custom sort orders',
  },
  streamFilterUnsupported: {
    status: GrpcStatus.unimplemented,
    message: 'RangeStream does not support revision filters',
  },
  invalidSort: error(GrpcStatus.invalidArgument, 'invalid sort option'),
  answerTooLarge: error(GrpcStatus.resourceExhausted, 'the answer is larger than a message may be'),
  slowReader: error(GrpcStatus.resourceExhausted, 'the client reads too slowly'),
  emptyKey: error(GrpcStatus.invalidArgument, 'key is not provided'),
  keyNotFound: error(GrpcStatus.invalidArgument, 'key not found'),
  valueProvided: error(GrpcStatus.invalidArgument, 'value is provided'),
  leaseProvided: error(GrpcStatus.invalidArgument, 'lease is provided'),
  tooManyOperations: error(GrpcStatus.invalidArgument, 'too many operations in txn request'),
  duplicateKey: error(GrpcStatus.invalidArgument, 'duplicate key given in txn request'),
  requestTooLarge: error(GrpcStatus.invalidArgument, 'request is too large'),
  noLeader: error(GrpcStatus.unavailable, 'no leader'),
  notForLearner: error(GrpcStatus.unavailable, 'rpc not supported for learner'),
  badMemberUrls: error(GrpcStatus.invalidArgument, 'given member URLs are invalid'),
  badLeaderTransferee: error(GrpcStatus.failedPrecondition, 'bad leader transferee'),
  authNotEnabled: error(GrpcStatus.failedPrecondition, 'authentication is not enabled'),
  rootUserNotExist: error(GrpcStatus.failedPrecondition, 'root user does not exist'),
  userNotFound: error(GrpcStatus.failedPrecondition, 'user name not found'),
  userEmpty: error(GrpcStatus.invalidArgument, 'user name is empty'),
  roleNotFound: error(GrpcStatus.failedPrecondition, 'role name not found'),
  roleEmpty: error(GrpcStatus.invalidArgument, 'role name is empty'),
  permissionNotGiven: error(GrpcStatus.invalidArgument, 'permission not given'),
  leaseNotFound: error(GrpcStatus.notFound, 'requested lease not found'),
} as const satisfies Readonly<Record<string, RpcError>>;

const ofServer: Readonly<Record<ServerErrorCode, RpcError>> = {
  timeout: error(GrpcStatus.unavailable, 'request timed out'),
  'timeout-leader-failed': error(
    GrpcStatus.unavailable,
    'request timed out, possibly due to previous leader failure',
  ),
  'timeout-connection-lost': error(
    GrpcStatus.unavailable,
    'request timed out, possibly due to connection lost',
  ),
  'timeout-leader-transfer': error(GrpcStatus.unknown, 'request timed out, leader transfer took too long'),
  'no-leader': RpcErrors.noLeader,
  stopped: error(GrpcStatus.unavailable, 'server stopped'),
  'too-many-requests': error(GrpcStatus.resourceExhausted, 'too many requests'),
  'not-enough-started-members': error(
    GrpcStatus.failedPrecondition,
    're-configuration failed due to not enough started members',
  ),
  unhealthy: error(GrpcStatus.unavailable, 'unhealthy cluster'),
  'member-id-exists': error(GrpcStatus.failedPrecondition, 'member ID already exist'),
  'member-id-not-found': error(GrpcStatus.notFound, 'member not found'),
  'member-id-removed': error(GrpcStatus.notFound, 'member not found'),
  'peer-url-exists': error(GrpcStatus.failedPrecondition, 'Peer URLs already exists'),
  'not-learner': error(GrpcStatus.failedPrecondition, 'can only promote a learner member'),
  'not-leader': error(GrpcStatus.failedPrecondition, 'not leader'),
  'learner-not-ready': error(
    GrpcStatus.failedPrecondition,
    'can only promote a learner member which is in sync with leader',
  ),
  'too-many-learners': error(GrpcStatus.failedPrecondition, 'too many learner members in cluster'),
};

const ofV3: Readonly<Record<V3ErrorCode, RpcError>> = {
  compacted: error(GrpcStatus.outOfRange, 'mvcc: required revision has been compacted'),
  'future-revision': error(GrpcStatus.outOfRange, 'mvcc: required revision is a future revision'),
  'key-not-found': RpcErrors.keyNotFound,
  'lease-not-found': RpcErrors.leaseNotFound,
  'lease-exists': error(GrpcStatus.failedPrecondition, 'lease already exists'),
  'lease-ttl-too-large': error(GrpcStatus.outOfRange, 'too large lease TTL'),
  'no-space': error(GrpcStatus.resourceExhausted, 'mvcc: database space exceeded'),
  corrupt: error(GrpcStatus.dataLoss, 'corrupt cluster'),
  'downgrade-version-format': error(GrpcStatus.invalidArgument, 'wrong downgrade target version format'),
  'downgrade-target-invalid': error(GrpcStatus.invalidArgument, 'invalid downgrade target version'),
  'downgrade-in-process': error(GrpcStatus.failedPrecondition, 'cluster has a downgrade job in progress'),
  'no-inflight-downgrade': error(GrpcStatus.failedPrecondition, 'no inflight downgrade job'),
  'cluster-version-unavailable': error(GrpcStatus.unavailable, 'cluster version not found during downgrade'),
  'downgrade-not-understood': error(
    GrpcStatus.failedPrecondition,
    'a member of the cluster (such as an etcd 3.4) does not know of downgrades and would fail for good',
  ),
  'downgrade-member-silent': error(
    GrpcStatus.unavailable,
    'every member has to say first that it knows of downgrades, and one does not answer',
  ),
  unimplemented: error(GrpcStatus.unimplemented, 'not implemented'),
};

export function rpcError(failure: ServerError | V3Failure): RpcError {
  return 'kind' in failure ? ofV3[failure.code] : ofServer[failure.code];
}
