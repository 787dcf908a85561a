/**
 * One stream of keep-alives. Answers come in the order of the requests, as in etcd; many are under way at once.
 *
 *   places  | 4: answered | 5: | 1: answered | 2: | 3: answered |      a ring: 1 may be sent, 3 waits for 2
 *                                first
 *
 * Places are used again and again, so that a renewal makes no object that lives as long as it is under way.
 */
import type { GrpcStreamCall, GrpcStreamHandler } from '../../net/grpc-call.ts';
import type { ServerError } from '../../server/contract.ts';
import type { LeaseRenewal } from '../../server/v3-contract.ts';
import { decodeKeepAliveRequest, type KeepAliveAnswers } from '../../wire/v3/keep-alive.ts';
import { rpcError } from './errors.ts';
import { attempt, failCall, type RpcContext } from './rpc-context.ts';

/** Renewals of one stream that may be under way; the client's further ones wait. */
const RENEWALS_MAX = 1_000;
const FIRST_PLACES = 4;
const UNANSWERED = -1;

class Place implements LeaseRenewal {
  readonly #stream: KeepAliveStream;
  id = 0n;
  /** Before the renewal: a client must not read a revision at which the lease may be gone already. */
  revision = 0;
  ttl = UNANSWERED;

  constructor(stream: KeepAliveStream) {
    this.#stream = stream;
  }

  renewed(ttl: number): void {
    this.ttl = ttl;
    this.#stream.flush();
  }

  failed(error: ServerError): void {
    this.#stream.fail(error);
  }
}

export class KeepAliveStream implements GrpcStreamHandler {
  readonly #call: GrpcStreamCall;
  readonly #context: RpcContext;
  readonly #answers: KeepAliveAnswers;
  #places: Place[];
  #first = 0;
  #underWay = 0;
  #clientIsDone = false;
  #hasRoom = true;

  constructor(call: GrpcStreamCall, context: RpcContext, answers: KeepAliveAnswers) {
    this.#call = call;
    this.#context = context;
    this.#answers = answers;
    this.#places = Array.from({ length: FIRST_PLACES }, () => new Place(this));
    call.sendHeaders();
    call.onDrain(() => {
      this.#hasRoom = true;
      this.flush();
    });
  }

  message(bytes: Uint8Array): void {
    attempt(this.#call, () => this.#renew(decodeKeepAliveRequest(bytes)));
  }

  clientDone(): void {
    this.#clientIsDone = true;
    this.flush();
  }

  #renew(id: bigint): void {
    const { v3 } = this.#context;
    if (this.#underWay === this.#places.length) this.#addPlaces();
    const place = this.#places[(this.#first + this.#underWay) % this.#places.length]!;
    place.id = id;
    place.revision = v3.kv.revision;
    place.ttl = UNANSWERED;
    this.#underWay++;
    if (this.#underWay >= RENEWALS_MAX) this.#call.pause();
    v3.renewLease(place);
  }

  #addPlaces(): void {
    const count = this.#places.length;
    const inOrder = [...this.#places.slice(this.#first), ...this.#places.slice(0, this.#first)];
    this.#places = inOrder.concat(Array.from({ length: count }, () => new Place(this)));
    this.#first = 0;
  }

  /** Sends what may be sent. */
  flush(): void {
    const call = this.#call;
    if (call.closed) return;
    while (this.#hasRoom && this.#underWay > 0) {
      const place = this.#places[this.#first]!;
      if (place.ttl === UNANSWERED) break;
      this.#first = (this.#first + 1) % this.#places.length;
      this.#underWay--;
      const header = this.#context.header(place.revision);
      this.#hasRoom = call.write(this.#answers.encode(header, place.id, place.ttl));
    }
    if (this.#underWay < RENEWALS_MAX) call.resume();
    if (this.#clientIsDone && this.#underWay === 0) call.end();
  }

  fail(error: ServerError): void {
    failCall(this.#call, rpcError(error));
  }
}
