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

/** Between two turns of the event loop: some milliseconds' work. A message of a WebSocket may hold a million. */
const OBJECTS_PER_TURN = 1000;

export class StreamGatewayCall extends GatewayCall implements GrpcStreamCall {
  #stream: HttpStream | undefined;
  #drainCallback: (() => void) | undefined;
  #paused = false;
  readonly #input = new JsonStream();
  #objectBytesMax = 0;
  /** What the client has sent and the method has not seen yet: it has paused, or others have a turn. */
  #objects: Iterator<Uint8Array, void> = [].values();
  #delivering = false;
  #deferred = false;
  #bodyEnded = false;
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
    // Called by the method from within `message`: the loop there goes on.
    if (!this.#delivering && !this.#deferred) this.#goOn();
  }

  /** Hands the body's objects to `handler` as they come. `objectBytesMax`: of one of them. */
  readObjects(handler: GrpcStreamHandler, objectBytesMax: number): void {
    this.#handler = handler;
    this.#objectBytesMax = objectBytesMax;
    this.watchClient();
    this.exchange.streamBody(
      (chunk) => {
        this.#objects = this.#input.push(chunk);
        this.#deliver();
        return !this.#isHeldUp;
      },
      (complete) => {
        this.#bodyEnded = complete;
        if (complete && !this.#isHeldUp) this.#deliver();
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

  /** No more of the body for now. */
  get #isHeldUp(): boolean {
    return this.#paused || this.#deferred;
  }

  readonly #goOn = (): void => {
    this.#deferred = false;
    if (this.#paused) return;
    this.#deliver();
    if (!this.#isHeldUp && !this.closed) this.exchange.resumeBody();
  };

  #deliver(): void {
    this.#delivering = true;
    for (let left = OBJECTS_PER_TURN; !this.#paused && !this.closed && !this.#inputComplete; left--) {
      if (left === 0) {
        this.#deferred = true;
        this.clock.defer(this.#goOn);
        break;
      }
      const next = this.#objects.next();
      if (next.done !== true) this.#hear(next.value);
      else {
        if (this.#input.pendingBytes > this.#objectBytesMax)
          this.fail(GrpcStatus.resourceExhausted, 'message larger than max');
        else if (this.#bodyEnded) this.#hearRest();
        break;
      }
    }
    this.#delivering = false;
    if (!this.#inputComplete || this.#paused || this.closed) return;
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.clientDone();
  }

  #hear(object: Uint8Array): void {
    let message: Uint8Array;
    try {
      message = jsonToMessage(this.route.request, jsonText(object));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      this.#endInput(error.message);
      return;
    }
    this.#heard = true;
    this.received(message);
    this.#handler?.message(message);
  }

  #hearRest(): void {
    const rest = this.#input.rest();
    if (rest.length > 0) this.#hear(rest);
    this.#inputComplete = true;
  }

  /**
   * The client has sent what is no message. etcd's gateway takes that for the end of its stream and says nothing, which leaves a client with a
   * malformed first message waiting for ever: here it hears what is wrong.
   */
  #endInput(message: string): void {
    if (!this.#heard) this.refuse(message);
    else this.#inputComplete = true;
  }
}
