/** etcdserverpb.Auth while authentication can't be switched on: what etcd answers with it off, and for the rest that it is not there yet. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type GrpcCall, type GrpcMethod, GrpcStatus } from '../../net/grpc-call.ts';
import { Auth, AuthStatusResponseSchema } from '../../wire/generated/etcdserverpb/auth_pb.ts';
import { encodeHeaderResponse } from '../../wire/v3/kv-responses.ts';
import { RpcErrors } from './errors.ts';
import { failCall, type RpcContext } from './rpc-context.ts';

export function authMethods(context: RpcContext): [string, GrpcMethod][] {
  const answers: Readonly<Record<string, (call: GrpcCall) => void>> = {
    AuthStatus: (call) =>
      call.respond(
        toBinary(AuthStatusResponseSchema, create(AuthStatusResponseSchema, { header: context.message() })),
      ),
    AuthDisable: (call) => call.respond(encodeHeaderResponse(context.writer, context.header())),
    Authenticate: (call) => failCall(call, RpcErrors.authNotEnabled),
  };
  return Auth.methods.map(({ name }) => {
    const handle = answers[name] ?? unimplemented;
    return [`/etcdserverpb.Auth/${name}`, { kind: 'unary', handle }];
  });
}

function unimplemented(call: GrpcCall): void {
  call.fail(GrpcStatus.unimplemented, 'etcdserver: authentication is not built into this version yet');
}
