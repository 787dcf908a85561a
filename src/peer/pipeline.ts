/**
 * One message a request: the way to a peer while no stream is up, and the only way to a sender that is no member yet.
 *
 *   POST /raft    body: raftpb.Message    204: raft has it    403: from or to a removed member
 *
 * A few requests are in flight at once, on connections of their own, so messages may overtake each other here (raft does
 * not mind); on a stream they never do. Beyond the bounded queue messages are dropped and reported.
 */
import type { MemberId, Message } from '../raft/types.ts';
import { encodeMessage } from '../wire/raftpb.ts';
import type { LatencyStatistics } from './latency-statistics.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import type { PeerStatus } from './peer-status.ts';
import { post } from './post.ts';
import type { UrlPicker } from './url-picker.ts';

export interface PipelinePeer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly counters: PeerCounters;
  readonly latency: LatencyStatistics | undefined;
}

export class Pipeline {
  readonly #environment: PeerEnvironment;
  readonly #peer: PipelinePeer;
  #waiting: Message[] = [];
  /** Aborts the requests in flight. */
  readonly #inFlight = new Set<() => void>();
  #closed = false;

  constructor(environment: PeerEnvironment, peer: PipelinePeer) {
    this.#environment = environment;
    this.#peer = peer;
  }

  send(message: Message): void {
    const { limits } = this.#environment;
    if (this.#inFlight.size < limits.pipelineRequests) this.#post(message);
    else if (this.#waiting.length < limits.pipelineQueue) this.#waiting.push(message);
    else {
      this.#peer.counters.sentFailures++;
      this.#environment.reportUnreachable(this.#peer.id);
    }
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    for (const abort of this.#inFlight) abort();
    this.#inFlight.clear();
  }

  #post(message: Message): void {
    const { clock, limits, sentAppends } = this.#environment;
    const body = encodeMessage(message);
    const startMs = clock.monotonicMs();
    if (message.type === 'append') sentAppends.record(startMs, body.length);
    const abort = post(
      this.#environment,
      this.#peer,
      { path: '/raft', contentType: 'application/protobuf', body, silenceTimeoutMs: limits.readTimeoutMs },
      (failure) => {
        this.#inFlight.delete(abort);
        if (this.#closed) return;
        this.#settle(message, body.length, clock.monotonicMs() - startMs, failure);
        const next = this.#waiting.shift();
        if (next !== undefined) this.#post(next);
      },
    );
    this.#inFlight.add(abort);
  }

  #settle(message: Message, bytes: number, durationMs: number, failure: string | undefined): void {
    const { id, status, counters, latency } = this.#peer;
    const isAppend = message.type === 'append';
    if (failure === undefined) {
      status.activate();
      counters.sentBytes += bytes;
      if (isAppend) latency?.succeed(durationMs);
      return;
    }
    status.deactivate('write pipeline', failure);
    counters.sentFailures++;
    if (isAppend) latency?.fail();
    this.#environment.reportUnreachable(id);
  }
}
