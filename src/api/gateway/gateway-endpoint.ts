/**
 * The JSON gateway: `POST /v3/...` with a JSON body is the call of a gRPC method, through the same table that serves gRPC. /v3beta is another name
 * for /v3, as in etcd 3.4 and 3.5. Every path may be asked by WebSocket as well.
 */

import { parseGrpcTimeout } from '../../net/grpc/grpc-timeout.ts';
import type { GrpcTraffic } from '../../net/grpc/grpc-traffic.ts';
import { type GrpcMethods, GrpcStatus } from '../../net/grpc-call.ts';
import type { HttpExchange } from '../../net/http-exchange.ts';
import { asksForWebSocket, openWebSocket } from '../../net/websocket/websocket-handshake.ts';
import type { Clock } from '../../ports/clock.ts';
import { JSON_HEADERS, sendMethodNotAllowed, sendTextError } from '../http/answers.ts';
import { parseMediaType } from '../http/media-type.ts';
import { errorBody, httpCode } from './error-body.ts';
import { type GatewayCall, UnaryGatewayCall } from './gateway-call.ts';
import { JsonError, jsonText } from './json-node.ts';
import { jsonToMessage } from './json-to-message.ts';
import { type GatewayRoute, gatewayRoutes } from './routes.ts';
import { StreamGatewayCall } from './stream-gateway-call.ts';
import { WebSocketExchange } from './websocket-exchange.ts';

export interface GatewayOptions {
  readonly methods: GrpcMethods;
  /** For 'Grpc-Timeout'. */
  readonly clock: Clock;
  /** Bytes of a request once it is encoded; a larger one is refused as gRPC would. 2 MiB unless told. */
  readonly messageBytesMax?: number;
}

const DEFAULT_MESSAGE_BYTES_MAX = 2 * 1024 * 1024;
/** How much larger JSON may be than the message: base64 takes a third, names and numbers a little. */
const JSON_GROWTH = 2;

/** Tells a client whose handshake is refused what is spoken here. */
const WEBSOCKET_VERSION = 'Sec-Websocket-Version: 13\r\n';

export class GatewayEndpoint {
  readonly #methods: GrpcMethods;
  readonly #clock: Clock;
  readonly #messageBytesMax: number;

  constructor({ methods, clock, messageBytesMax = DEFAULT_MESSAGE_BYTES_MAX }: GatewayOptions) {
    this.#methods = methods;
    this.#clock = clock;
    this.#messageBytesMax = messageBytesMax;
  }

  /** `path`: decoded and clean, beginning with /v3/ or /v3beta/. */
  serve(exchange: HttpExchange, path: string): void {
    if (asksForWebSocket(exchange)) this.#serveWebSocket(exchange, path);
    else this.#serveHttp(exchange, path);
  }

  #serveWebSocket(exchange: HttpExchange, path: string): void {
    const isBearer = (exchange.header('sec-websocket-protocol', 'first') ?? '').startsWith('Bearer');
    let call: WebSocketExchange | undefined;
    const refusal = openWebSocket(exchange, {
      messageBytesMax: this.#messageBytesMax * JSON_GROWTH,
      protocol: isBearer ? 'Bearer' : undefined,
      handlerOf: (connection) => {
        call = new WebSocketExchange(exchange, connection);
        return call.handler;
      },
    });
    if (call !== undefined) this.#serveHttp(call, path);
    else if (refusal === 405) sendMethodNotAllowed(exchange, undefined, WEBSOCKET_VERSION);
    else sendTextError(exchange, 400, 'Bad Request', WEBSOCKET_VERSION);
  }

  #serveHttp(exchange: HttpExchange, path: string): void {
    const route = gatewayRoutes.get(path.slice(path.indexOf('/', 1)));
    // Version 1 of the gateway answers these two in plain text, version 2 in JSON with 404 and (sic) 501.
    if (route === undefined) sendTextError(exchange, 404, 'Not Found');
    else if (methodOf(exchange) !== 'POST') sendMethodNotAllowed(exchange, undefined);
    else this.#call(exchange, route);
  }

  #call(exchange: HttpExchange, route: GatewayRoute): void {
    const timeout = exchange.header('grpc-timeout', 'first') ?? '';
    const timeoutMs = timeout === '' ? undefined : parseGrpcTimeout(timeout);
    if (Number.isNaN(timeoutMs)) {
      sendError(exchange, GrpcStatus.invalidArgument, `invalid grpc-timeout: ${timeout}`);
      return;
    }
    // By the time the method could answer that is over.
    if (timeoutMs !== undefined && timeoutMs < 1) {
      sendError(exchange, GrpcStatus.deadlineExceeded, 'context deadline exceeded');
      return;
    }
    const method = this.#methods.get(route.grpcPath);
    switch (method?.kind) {
      case undefined: {
        const service = route.grpcPath.split('/')[1];
        sendError(exchange, GrpcStatus.unimplemented, `unknown service ${service}`);
        return;
      }
      case 'unary': {
        const call = new UnaryGatewayCall(exchange, route, this.#clock, timeoutMs);
        this.#readMessage(exchange, route, call, method.traffic, (message) => method.handle(call, message));
        return;
      }
      case 'server-stream': {
        const call = new StreamGatewayCall(exchange, route, this.#clock, timeoutMs);
        this.#readMessage(exchange, route, call, method.traffic, (message) => method.handle(call, message));
        return;
      }
      case 'bidirectional': {
        const call = new StreamGatewayCall(exchange, route, this.#clock, timeoutMs);
        call.count(method.traffic);
        call.readObjects(method.open(call), this.#messageBytesMax * JSON_GROWTH);
      }
    }
  }

  #readMessage(
    exchange: HttpExchange,
    route: GatewayRoute,
    call: GatewayCall,
    traffic: GrpcTraffic | undefined,
    then: (message: Uint8Array) => void,
  ): void {
    exchange.readBody(this.#messageBytesMax * JSON_GROWTH, (body) => {
      // The deadline may have passed.
      if (call.closed) return;
      let message: Uint8Array;
      try {
        message = jsonToMessage(route.request, jsonText(body));
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        call.refuse(error.message);
        return;
      }
      const max = this.#messageBytesMax;
      // Also a message that is refused for its size has reached gRPC.
      call.count(traffic);
      if (message.length <= max) {
        call.received(message);
        then(message);
      } else {
        const text = `grpc: received message larger than max (${message.length} vs. ${max})`;
        call.fail(GrpcStatus.resourceExhausted, text);
      }
    });
  }
}

/** A form may ask for another method, which the gateway then looks for. */
function methodOf(exchange: HttpExchange): string {
  const override = exchange.header('x-http-method-override', 'first') ?? '';
  if (override === '' || exchange.method !== 'POST') return exchange.method;
  const { type } = parseMediaType(exchange.header('content-type', 'first') ?? '');
  return type === 'application/x-www-form-urlencoded' ? override.toUpperCase() : 'POST';
}

function sendError(exchange: HttpExchange, status: GrpcStatus, message: string): void {
  exchange.send(httpCode(status), JSON_HEADERS, errorBody(status, message));
}
