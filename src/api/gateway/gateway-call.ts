/**
 * A gRPC call that came as JSON over HTTP: methods see the same interface as behind HTTP/2.
 *
 * A call ends once: by its answer, by an error, by the client's leaving or by its deadline; the last two call back whoever registered. An answer goes out in
 * one piece (`UnaryGatewayCall`) or as lines (`StreamGatewayCall`, in stream-gateway-call.ts).
 */
import type { GrpcTraffic } from '../../net/grpc/grpc-traffic.ts';
import { type GrpcCall, GrpcStatus } from '../../net/grpc-call.ts';
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { JSON_HEADERS } from '../http/answers.ts';
import { errorBody, httpCode } from './error-body.ts';
import { JsonRenderer, messageToJson } from './message-to-json.ts';
import type { GatewayRoute } from './routes.ts';

/** Of every answer that is no error. */
export const ANSWER_HEADERS = `${JSON_HEADERS}Grpc-Metadata-Content-Type: application/grpc\r\n`;

export abstract class GatewayCall implements GrpcCall {
  readonly deadlineMs: number | undefined;
  protected readonly exchange: HttpExchange;
  protected readonly route: GatewayRoute;
  protected readonly clock: Clock;
  readonly #timer: Timer | undefined;
  #traffic: GrpcTraffic | undefined;
  #startMs = 0;
  #ended = false;
  #closeCallbacks: (() => void)[] = [];
  #watchesClient = false;

  /** `timeoutMs`: how long the client waits; undefined: for ever. */
  constructor(exchange: HttpExchange, route: GatewayRoute, clock: Clock, timeoutMs: number | undefined) {
    this.exchange = exchange;
    this.route = route;
    this.clock = clock;
    if (timeoutMs === undefined) return;
    this.deadlineMs = clock.monotonicMs() + timeoutMs;
    this.#timer = clock.schedule(timeoutMs, () => this.#expire());
  }

  /** The method is about to hear of the call, which counts from here on. */
  count(traffic: GrpcTraffic | undefined): void {
    this.#traffic = traffic;
    this.#startMs = traffic?.begun(this.clock) ?? 0;
  }

  received(message: Uint8Array): void {
    this.#traffic?.received(message.length);
  }

  get path(): string {
    return this.route.grpcPath;
  }

  get remoteAddress(): string {
    return this.exchange.remoteAddress;
  }

  get secure(): boolean {
    return this.exchange.secure;
  }

  get clientCertificate(): GrpcCall['clientCertificate'] {
    return this.exchange.clientCertificate;
  }

  get closed(): boolean {
    // Whoever does not watch its client learns here that it has gone.
    if (!this.#watchesClient && this.exchange.closed && !this.#ended) this.ended(GrpcStatus.cancelled);
    return this.#ended || this.exchange.closed;
  }

  /** Authorization is passed on, and 'Grpc-Metadata-Name' as 'name'. */
  metadata(name: string): string | undefined {
    if (name === 'authorization') return this.exchange.header(name);
    return this.exchange.header(`grpc-metadata-${name}`);
  }

  onClose(callback: () => void): void {
    this.#closeCallbacks.push(callback);
    // Only now, because the exchange then takes a half-closed connection for a client that has left.
    this.watchClient();
  }

  fail(status: GrpcStatus, message: string): void {
    if (this.closed) return;
    this.ended(status);
    this.sendError(status, message);
  }

  /** The request is no message: the method has not heard of it. */
  refuse(message: string): void {
    if (this.closed) return;
    const status = GrpcStatus.invalidArgument;
    this.ended(status);
    this.exchange.send(httpCode(status), JSON_HEADERS, errorBody(status, message));
  }

  abstract respond(message: Uint8Array): void;

  /** As JSON it is made of one piece anyway. */
  respondParts(parts: readonly Uint8Array[]): void {
    this.respond(Buffer.concat(parts));
  }

  protected abstract sendError(status: GrpcStatus, message: string): void;

  protected watchClient(): void {
    if (this.#watchesClient || this.exchange.closed) return;
    this.#watchesClient = true;
    this.exchange.onClose(() => this.#interrupt(GrpcStatus.cancelled));
  }

  /** Nothing more will be sent by a method. */
  protected ended(status: GrpcStatus): void {
    if (!this.#ended) this.#traffic?.ended(status, this.#startMs, this.clock);
    this.#ended = true;
    this.#closeCallbacks = [];
    this.#timer?.cancel();
  }

  protected sent(message: Uint8Array): void {
    this.#traffic?.sent(message.length);
  }

  #interrupt(status: GrpcStatus): void {
    if (this.#ended) return;
    const callbacks = this.#closeCallbacks;
    this.ended(status);
    for (const callback of callbacks) callback();
  }

  #expire(): void {
    if (this.closed) return;
    this.#interrupt(GrpcStatus.deadlineExceeded);
    this.sendError(GrpcStatus.deadlineExceeded, 'context deadline exceeded');
  }
}

/** Bytes of a message that is rendered at once. */
const AT_ONCE_BYTES = 32 * 1024;
/** Characters of a larger one between two turns of the event loop: about a millisecond. */
const PIECE_CHARACTERS = 64 * 1024;

export class UnaryGatewayCall extends GatewayCall {
  respond(message: Uint8Array): void {
    if (this.closed) return;
    this.sent(message);
    this.ended(GrpcStatus.ok);
    const shape = this.route.response;
    if (message.length <= AT_ONCE_BYTES) {
      this.exchange.send(200, ANSWER_HEADERS, messageToJson(shape, message));
    } else this.#sendPieces(new JsonRenderer(shape, message));
  }

  #sendPieces(renderer: JsonRenderer): void {
    const stream = this.exchange.begin(200, ANSWER_HEADERS);
    const next = (): void => {
      if (this.exchange.closed) return;
      const hasRoom = stream.write(renderer.next(PIECE_CHARACTERS));
      if (renderer.done) stream.end();
      else if (hasRoom) this.clock.defer(next);
    };
    stream.onDrain(next);
    next();
  }

  protected sendError(status: GrpcStatus, message: string): void {
    this.exchange.send(httpCode(status), JSON_HEADERS, errorBody(status, message));
  }
}
