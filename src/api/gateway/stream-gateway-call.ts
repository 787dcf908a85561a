/**
 * A streaming call over HTTP: every message is a line `{"result":...}`. The head goes out with the first of them, so that an error before it still
 * has a status of its own.
 */
import { GrpcStatus, type GrpcStreamCall, type GrpcStreamHandler } from '../../net/grpc-call.ts';
import type { HttpStream } from '../../net/http-exchange.ts';
import { JSON_HEADERS } from '../http/answers.ts';
import { httpCode, streamErrorBody } from './error-body.ts';
import { ANSWER_HEADERS, GatewayCall } from './gateway-call.ts';
import { JsonError, jsonText } from './json-node.ts';
import { JsonStream } from './json-stream.ts';
import { jsonToMessage } from './json-to-message.ts';
import { messageToJson } from './message-to-json.ts';

export class StreamGatewayCall extends GatewayCall implements GrpcStreamCall {
  #stream: HttpStream | undefined;
  #drainCallback: (() => void) | undefined;
  #paused = false;
  /** What the client has sent and the method has not seen, because it paused. */
  #waiting: readonly Uint8Array[] = [];
  /** How many of them it has seen. */
  #taken = 0;
  #handler: GrpcStreamHandler | undefined;
  #inputComplete = false;
  #heard = false;

  sendHeaders(): void {
    // With the first message, as etcd's gateway does.
  }

  write(message: Uint8Array): boolean {
    if (this.closed) return false;
    this.sent(message);
    this.#stream ??= this.#begin();
    return this.#stream.write(`{"result":${messageToJson(this.route.response, message)}}\n`);
  }

  respond(message: Uint8Array): void {
    this.write(message);
    this.end();
  }

  end(): void {
    if (this.closed) return;
    this.ended(GrpcStatus.ok);
    if (this.#stream === undefined) this.exchange.send(200, '', '');
    else this.#stream.end();
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
  }

  get pendingBytes(): number {
    return this.#stream?.pendingBytes ?? 0;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#paused && !this.closed) this.exchange.resumeBody();
  }

  /** Hands the body's objects to `handler` as they come. `objectBytesMax`: of one of them. */
  readObjects(handler: GrpcStreamHandler, objectBytesMax: number): void {
    const input = new JsonStream();
    this.#handler = handler;
    this.watchClient();
    this.exchange.streamBody(
      (chunk) => {
        if (this.closed || this.#inputComplete) return true;
        this.#take(input.push(chunk));
        if (input.pendingBytes > objectBytesMax)
          this.fail(GrpcStatus.resourceExhausted, 'message larger than max');
        return !this.#paused;
      },
      (complete) => {
        if (!complete || this.closed || this.#inputComplete) return;
        this.#inputComplete = true;
        const rest = input.rest();
        this.#take(rest.length === 0 ? [] : [rest]);
      },
    );
  }

  protected sendError(status: GrpcStatus, message: string): void {
    const body = streamErrorBody(status, message);
    if (this.#stream === undefined) {
      this.exchange.send(httpCode(status), JSON_HEADERS, body);
      return;
    }
    this.#stream.write(`${body}\n`);
    this.#stream.end();
  }

  #begin(): HttpStream {
    const stream = this.exchange.begin(200, ANSWER_HEADERS);
    stream.onDrain(() => {
      if (!this.closed) this.#drainCallback?.();
    });
    this.watchClient();
    return stream;
  }

  #take(objects: readonly Uint8Array[]): void {
    // Nothing waits but while the method pauses, and then nothing more is read.
    this.#waiting = this.#waiting.length === 0 ? objects : [...this.#waiting, ...objects];
    this.#deliver();
  }

  #deliver(): void {
    while (!this.#paused && !this.closed && this.#taken < this.#waiting.length) {
      const object = this.#waiting[this.#taken++]!;
      try {
        const message = jsonToMessage(this.route.request, jsonText(object));
        this.#heard = true;
        this.received(message);
        this.#handler?.message(message);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        this.#endInput(error.message);
      }
    }
    if (this.#taken < this.#waiting.length) return;
    this.#forgetWaiting();
    if (!this.#inputComplete || this.#paused || this.closed) return;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.clientDone();
  }

  /**
   * The client has sent what is no message. etcd's gateway takes that for the end of its stream and says nothing, which leaves a client with a
   * malformed first message waiting for ever: here it hears what is wrong.
   */
  #endInput(message: string): void {
    this.#forgetWaiting();
    if (!this.#heard) this.refuse(message);
    else this.#inputComplete = true;
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#taken = 0;
  }
}
