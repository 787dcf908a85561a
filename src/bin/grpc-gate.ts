/** The methods of a port that is open before there is a member to serve them: until then every call is told to come again. */
import { type GrpcMethod, type GrpcMethods, GrpcStatus } from '../net/grpc-call.ts';

const NOT_YET: GrpcMethod = {
  kind: 'bidirectional',
  open(call) {
    call.fail(GrpcStatus.unavailable, 'etcdserver: server is starting');
    return { message() {}, clientDone() {} };
  },
};

export class GrpcGate extends Map<string, GrpcMethod> {
  #isOpen = false;

  override get(path: string): GrpcMethod | undefined {
    return this.#isOpen ? super.get(path) : NOT_YET;
  }

  open(methods: GrpcMethods): void {
    for (const [path, method] of methods) this.set(path, method);
    this.#isOpen = true;
  }
}
