/** All methods of the gateway, forwarded to a real server over gRPC: what is tested then is the gateway and nothing behind it. */

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { gatewayRoutes } from '../../../../src/api/gateway/routes.ts';
import type {
  GrpcCall,
  GrpcMethod,
  GrpcMethods,
  GrpcStatus,
  GrpcStreamCall,
} from '../../../../src/net/grpc-call.ts';

const streams: ReadonlyMap<string, 'server-stream' | 'bidirectional'> = new Map([
  ['/etcdserverpb.Watch/Watch', 'bidirectional'],
  ['/etcdserverpb.Lease/LeaseKeepAlive', 'bidirectional'],
  ['/etcdserverpb.Maintenance/Snapshot', 'server-stream'],
  ['/v3electionpb.Election/Observe', 'server-stream'],
]);

export class Forwarder {
  readonly methods: GrpcMethods;
  readonly #session: ClientHttp2Session;

  constructor(url: string) {
    this.#session = connect(url);
    // The server's end comes before this client's; calls under way fail by themselves.
    this.#session.on('error', () => {});
    const paths = [...gatewayRoutes.values()].map((route) => route.grpcPath);
    this.methods = new Map(paths.map((path) => [path, this.#method(path)]));
  }

  close(): void {
    this.#session.destroy();
  }

  #method(path: string): GrpcMethod {
    switch (streams.get(path)) {
      case undefined:
        return {
          kind: 'unary',
          handle: (call, request) => {
            let answer: Uint8Array | undefined;
            const stream = this.#open(call, (message) => {
              answer = message;
            });
            stream.onOk = () => call.respond(answer!);
            stream.send(request);
            stream.end();
          },
        };
      case 'server-stream':
        return {
          kind: 'server-stream',
          handle: (call, request) => {
            const stream = this.#openStream(call);
            stream.send(request);
            stream.end();
          },
        };
      case 'bidirectional':
        return {
          kind: 'bidirectional',
          open: (call) => {
            const stream = this.#openStream(call);
            return { message: (bytes) => stream.send(bytes), clientDone: () => stream.end() };
          },
        };
    }
  }

  #openStream(call: GrpcStreamCall): ForwardedStream {
    const stream = this.#open(call, (message) => call.write(message));
    stream.onOk = () => call.end();
    return stream;
  }

  #open(call: GrpcCall, onMessage: (message: Uint8Array) => void): ForwardedStream {
    const token = call.metadata('token') ?? call.metadata('authorization');
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': call.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(token === undefined ? {} : { token }),
    });
    return new ForwardedStream(stream, call, onMessage);
  }
}

class ForwardedStream {
  onOk: () => void = () => {};
  readonly #stream: ClientHttp2Stream;
  #input = Buffer.alloc(0);

  constructor(stream: ClientHttp2Stream, call: GrpcCall, onMessage: (message: Uint8Array) => void) {
    this.#stream = stream;
    const ended = (headers: Record<string, unknown>): void => {
      const status = headers['grpc-status'];
      if (status === undefined) return;
      if (status === '0') this.onOk();
      else call.fail(Number(status) as GrpcStatus, decodeURIComponent(String(headers['grpc-message'] ?? '')));
    };
    stream.on('response', ended);
    stream.on('trailers', ended);
    stream.on('data', (chunk: Buffer) => {
      this.#input = Buffer.concat([this.#input, chunk]);
      for (;;) {
        if (this.#input.length < 5) return;
        const end = 5 + this.#input.readUInt32BE(1);
        if (this.#input.length < end) return;
        onMessage(this.#input.subarray(5, end));
        this.#input = this.#input.subarray(end);
      }
    });
    stream.on('error', () => {});
    call.onClose(() => stream.close(constants.NGHTTP2_CANCEL));
  }

  send(message: Uint8Array): void {
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, 5);
    this.#stream.write(frame);
  }

  end(): void {
    this.#stream.end();
  }
}
