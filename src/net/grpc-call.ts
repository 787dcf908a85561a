/**
 * gRPC as methods see it, whatever carries it. A table from path to method is all that a listener needs to serve them; requests
 * to other paths are answered `unimplemented`.
 *
 * The hot path is a unary call: one callback in, one `respond` out, no promise and no closure between them.
 */
import type { GrpcTraffic } from './grpc/grpc-traffic.ts';
import type { PeerCertificate } from './peer-certificate.ts';

/** The canonical status codes that etcd uses, by number. */
export const GrpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** One call: who asks, and how it is answered. After it is `closed` every way to answer does nothing. */
export interface GrpcCall {
  /** '/etcdserverpb.KV/Put' */
  readonly path: string;
  /** 'ip:port' of the client. */
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly clientCertificate: PeerCertificate | undefined;
  /** A header of the request by lower-case name, e.g. 'hasleader'; repeated ones joined with ', '. */
  metadata(name: string): string | undefined;
  /** Monotonic milliseconds after which the client no longer waits; undefined: it waits for ever. The transport ends the call by itself then. */
  readonly deadlineMs: number | undefined;
  /** True once the answer is complete, or the client has cancelled, gone or run out of its deadline. */
  readonly closed: boolean;
  /** Called once if the call ends before its answer is complete: cancelled, deadline, connection lost, server draining a stream. */
  onClose(callback: () => void): void;
  /** The whole answer of a unary call: headers, message, trailers with status ok, in one write. The bytes must not change afterwards. */
  respond(message: Uint8Array): void;
  /** The same with a message in parts, which is so large that it had better not be copied together. */
  respondParts(parts: readonly Uint8Array[]): void;
  /** Ends the call with an error; trailers-only if nothing was sent yet. `message` is plain text. */
  fail(status: GrpcStatus, message: string): void;
}

/** A call that answers with any number of messages. */
export interface GrpcStreamCall extends GrpcCall {
  /** Sends the response's headers now, before the first message. */
  sendHeaders(): void;
  /** Queues a message; bytes must not change afterwards. False: more than the high-water mark waits; go on after `onDrain`. */
  write(message: Uint8Array): boolean;
  /** Set once; called each time after a `write` that returned false, when there is room again. */
  onDrain(callback: () => void): void;
  /** Bytes queued for this stream and not yet taken by the connection. */
  readonly pendingBytes: number;
  /** Ends with status ok. */
  end(): void;
  /** Back-pressure towards the client: no `message` is delivered between the two, and its flow-control window stays shut. */
  pause(): void;
  resume(): void;
}

/** What a streaming method does with the client's messages. */
export interface GrpcStreamHandler {
  /** `bytes` are valid only during the call. */
  message(bytes: Uint8Array): void;
  /** The client has sent its last message. */
  clientDone(): void;
}

interface Counted {
  /** Where its calls are counted, if they are. */
  readonly traffic?: GrpcTraffic;
}

export type GrpcMethod = Counted &
  (
    | {
        readonly kind: 'unary';
        /** `request` is valid only during the call: what is kept must be copied. */
        handle(call: GrpcCall, request: Uint8Array): void;
      }
    | {
        /** Server-streaming: one request, many answers. */
        readonly kind: 'server-stream';
        handle(call: GrpcStreamCall, request: Uint8Array): void;
      }
    | {
        readonly kind: 'bidirectional';
        open(call: GrpcStreamCall): GrpcStreamHandler;
      }
  );

/** By path: '/package.Service/Method'. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;
