/** The server under test: ordinary requests and one gRPC service, whose methods do what their names say. */
import type { GrpcCall, GrpcMethod, GrpcStreamCall } from '../../src/net/grpc-call.ts';
import { GrpcStatus } from '../../src/net/grpc-call.ts';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import type { Listener, ListenOptions } from '../../src/net/listener.ts';
import { serve } from './raw-client.ts';

export interface TestServer {
  readonly listener: Listener;
  readonly port: number;
  /** Calls of '/t.T/Hang' and '/t.T/Open', which a test answers itself. */
  readonly calls: GrpcCall[];
  readonly streams: GrpcStreamCall[];
  /** Ends that the methods did not choose, by path. */
  readonly closed: string[];
  /** What '/t.T/Open' was sent. */
  readonly messages: Uint8Array[];
  /** Requests to '/hang'. */
  readonly exchanges: HttpExchange[];
}

export async function serveHttp2(options: Partial<ListenOptions> = {}): Promise<TestServer> {
  const calls: GrpcCall[] = [];
  const streams: GrpcStreamCall[] = [];
  const closed: string[] = [];
  const messages: Uint8Array[] = [];
  const exchanges: HttpExchange[] = [];
  const note = (call: GrpcCall) => call.onClose(() => closed.push(call.path));
  const methods = new Map<string, GrpcMethod>([
    ['/t.T/Unary', { kind: 'unary', handle: (call, request) => call.respond(Buffer.from(request)) }],
    [
      '/t.T/Fail',
      {
        kind: 'unary',
        handle: (call, request) => call.fail(GrpcStatus.notFound, Buffer.from(request).toString()),
      },
    ],
    [
      '/t.T/Hang',
      {
        kind: 'unary',
        handle(call) {
          note(call);
          calls.push(call);
        },
      },
    ],
    [
      '/t.T/Count',
      {
        kind: 'server-stream',
        handle(call, request) {
          for (let i = 1; i <= request[0]!; i++) call.write(Buffer.from([i]));
          call.end();
        },
      },
    ],
    [
      '/t.T/Echo',
      {
        kind: 'bidirectional',
        open: (call) => ({
          message: (bytes) => void call.write(Buffer.from(bytes)),
          clientDone: () => call.end(),
        }),
      },
    ],
    [
      '/t.T/Open',
      {
        kind: 'bidirectional',
        open(call) {
          note(call);
          streams.push(call);
          return {
            message: (bytes) => void messages.push(Buffer.from(bytes)),
            clientDone() {},
          };
        },
      },
    ],
  ]);
  const handler = (exchange: HttpExchange): void => {
    if (exchange.path === '/hang') {
      exchanges.push(exchange);
    } else if (exchange.method === 'GET' || exchange.method === 'HEAD') {
      exchange.send(200, 'Content-Type: text/plain\r\n', `${exchange.path}?${exchange.query}`);
    } else {
      exchange.readBody(1 << 20, (body) => exchange.send(200, '', `${body.length} bytes`));
    }
  };
  const listener = await serve(handler, { grpc: methods, ...options });
  return { listener, port: listener.port, calls, streams, closed, messages, exchanges };
}
