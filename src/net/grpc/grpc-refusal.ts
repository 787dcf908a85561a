/** A gRPC request that no method takes: answered with a status and nothing else. The texts are grpc-go's, which clients print. */
import { type GrpcMethods, GrpcStatus } from '../grpc-call.ts';
import { Http2Stream } from '../http2/http2-stream.ts';
import type { RequestHead } from '../http2/request-head.ts';
import { percentEncoded } from './status-fields.ts';

interface Reason {
  readonly httpStatus: number;
  readonly status: GrpcStatus;
  readonly message: string;
}

export class GrpcRefusal extends Http2Stream {
  /** Why a request that has a method is refused all the same; undefined: it is not. */
  static reason(head: RequestHead): Reason | undefined {
    if (head.method !== 'POST') {
      const message = `Received a HEADERS frame with :method "${head.method}" which should be POST`;
      return { httpStatus: 405, status: GrpcStatus.internal, message };
    }
    if (Number.isNaN(head.grpcTimeoutMs)) {
      const message = `malformed grpc-timeout: ${timeoutFault(head.header('grpc-timeout') ?? '')}`;
      return { httpStatus: 400, status: GrpcStatus.internal, message };
    }
    if (head.grpcEncoding !== 'identity' && head.grpcEncoding !== 'gzip') {
      const message = `grpc: Decompressor is not installed for grpc-encoding "${head.grpcEncoding}"`;
      return { httpStatus: 200, status: GrpcStatus.unimplemented, message };
    }
    return undefined;
  }

  dispatch(): void {
    const { httpStatus, status, message } =
      GrpcRefusal.reason(this.head) ?? unknownMethod(this.head.target, this.owner.context.grpc);
    const { output, context } = this.owner;
    context.metrics.refusedRequests++;
    const { encoder } = output;
    encoder.begin();
    encoder.field(':status', String(httpStatus));
    encoder.field('content-type', 'application/grpc');
    encoder.field('grpc-status', String(status));
    encoder.field('grpc-message', percentEncoded(message));
    if (status === GrpcStatus.unimplemented) encoder.field('grpc-accept-encoding', 'gzip');
    output.headers(this.id, encoder.bytes, encoder.length, true);
    this.finish();
  }

  protected data(): void {}
  protected release(): void {}
  protected gone(): void {}
  writeEnd(): void {}
  drained(): void {}
  drain(): void {}
  sweep(): void {}
}

function timeoutFault(text: string): string {
  if (text.length < 2) return `transport: timeout string is too short: "${text}"`;
  if (text.length > 9) return `transport: timeout string is too long: "${text}"`;
  if (!/[HMSmun]$/.test(text)) return `transport: timeout unit is not recognized: "${text}"`;
  return `strconv.ParseUint: parsing "${text.slice(0, -1)}": invalid syntax`;
}

function unknownMethod(target: string, methods: GrpcMethods | undefined): Reason {
  const slash = target.lastIndexOf('/');
  const service = target.slice(1, slash);
  const method = target.slice(slash + 1);
  const isKnown = [...(methods?.keys() ?? [])].some((path) => path.startsWith(`/${service}/`));
  let message = `unknown service ${service}`;
  if (slash <= 0) message = `malformed method name: "${target}"`;
  else if (isKnown) message = `unknown method ${method} for service ${service}`;
  return { httpStatus: 200, status: GrpcStatus.unimplemented, message };
}
