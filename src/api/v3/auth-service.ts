/**
 * etcdserverpb.Auth while there are no users and no roles, and authentication can't be switched on: what etcd answers then. Adding the first user or role
 * is all that is refused as not being there.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus } from '../../net/grpc-call.ts';
import {
  Auth,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
} from '../../wire/generated/etcdserverpb/auth_pb.ts';
import { encodeHeaderResponse } from '../../wire/v3/kv-responses.ts';
import { type RpcError, RpcErrors } from './errors.ts';
import { attempt, failCall, type RpcContext, readRequest } from './rpc-context.ts';

/** Of a store without accounts. */
const AUTH_REVISION = 1n;
const NOT_BUILT: RpcError = {
  status: GrpcStatus.unimplemented,
  message: 'etcdserver: authentication is not built into this version yet',
};

type Answer = (call: GrpcCall, request: Uint8Array) => void;

export function authMethods(context: RpcContext): [string, GrpcMethod][] {
  /** Disabling what is off, and empty lists: a header is all there is to say. */
  const headerOnly: Answer = (call) => call.respond(encodeHeaderResponse(context.writer, context.header()));
  const fail =
    (error: RpcError): Answer =>
    (call) =>
      failCall(call, error);
  const answers: Readonly<Record<string, Answer>> = {
    AuthStatus: (call) => {
      const fields = { header: context.message(), authRevision: AUTH_REVISION };
      call.respond(toBinary(AuthStatusResponseSchema, create(AuthStatusResponseSchema, fields)));
    },
    AuthEnable: fail(RpcErrors.rootUserNotExist),
    AuthDisable: headerOnly,
    Authenticate: fail(RpcErrors.authNotEnabled),
    UserList: headerOnly,
    RoleList: headerOnly,
    UserGet: fail(RpcErrors.userNotFound),
    UserDelete: fail(RpcErrors.userNotFound),
    UserChangePassword: fail(RpcErrors.userNotFound),
    UserGrantRole: fail(RpcErrors.userNotFound),
    UserRevokeRole: fail(RpcErrors.userNotFound),
    RoleGet: fail(RpcErrors.roleNotFound),
    RoleDelete: fail(RpcErrors.roleNotFound),
    RoleRevokePermission: fail(RpcErrors.roleNotFound),
    RoleGrantPermission: (call, bytes) => {
      const { perm } = readRequest(AuthRoleGrantPermissionRequestSchema, bytes);
      failCall(call, perm === undefined ? RpcErrors.permissionNotGiven : RpcErrors.roleNotFound);
    },
    UserAdd: (call, bytes) => {
      const { name } = readRequest(AuthUserAddRequestSchema, bytes);
      failCall(call, name === '' ? RpcErrors.userEmpty : NOT_BUILT);
    },
    RoleAdd: (call, bytes) => {
      const { name } = readRequest(AuthRoleAddRequestSchema, bytes);
      failCall(call, name === '' ? RpcErrors.roleEmpty : NOT_BUILT);
    },
  };
  return Auth.methods.map(({ name }) => {
    const answer = answers[name] ?? fail(NOT_BUILT);
    const handle: Answer = (call, request) => {
      const error = context.refuse(call, false);
      if (error !== undefined) failCall(call, error);
      else attempt(call, () => answer(call, request));
    };
    return [`/etcdserverpb.Auth/${name}`, { kind: 'unary', handle }];
  });
}
