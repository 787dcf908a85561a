/**
 * The v2 half of the server: its requests on their way through the log, its reads, and the clock by which its nodes expire.
 */
import type { V2Outcome, V2Store } from '../store/v2/types.ts';
import { Writer } from '../wire/protobuf.ts';
import { encodeV2Request, type V2Request, v2Request } from '../wire/v2-request.ts';
import type { ServerErrorCode, Submitted } from './contract.ts';
import { serverError } from './errors.ts';
import { Proposals, type Proposed } from './proposals.ts';
import type { RequestsInLog } from './requests-in-log.ts';

export interface V2ServiceParts extends RequestsInLog {
  readonly store: V2Store;
}

type Done = (outcome: Submitted<V2Outcome>) => void;

export class V2Service {
  /** Requests that wait for their entry; whoever applies entries takes them from here. */
  readonly proposals = new Proposals<Proposed<V2Request>, Submitted<V2Outcome>>();
  readonly #parts: V2ServiceParts;
  readonly #writer = new Writer();
  #refused = 0;

  constructor(parts: V2ServiceParts) {
    this.#parts = parts;
  }

  get pending(): number {
    return this.proposals.size;
  }

  /** Requests refused because too many waited. */
  get refused(): number {
    return this.#refused;
  }

  nowNs(): bigint {
    return BigInt(Math.round(this.#parts.clock.wallTimeMs())) * 1_000_000n;
  }

  /** A linearizable read, or a write. */
  submit(request: V2Request, done: Done): void {
    if (request.method !== 'QGET' && request.method !== 'GET') {
      this.propose(request, done);
      return;
    }
    const { path, recursive, sorted } = request;
    this.#parts.awaitReadIndex((error) => {
      if (error !== undefined) done({ ok: false, error });
      else done({ ok: true, value: this.#parts.store.get(path, recursive, sorted, this.nowNs()) });
    });
  }

  propose(request: V2Request, done: Done): void {
    const { ids, clock, replicate, isStopped } = this.#parts;
    if (isStopped()) {
      done({ ok: false, error: serverError('stopped') });
      return;
    }
    const id = ids.next();
    const startedMs = clock.monotonicMs();
    const data = encodeV2Request(this.#writer, id, request);
    if (!replicate(data, startedMs)) {
      this.#refused++;
      done({ ok: false, error: serverError('too-many-requests') });
      return;
    }
    this.proposals.register(id, { request, data }, startedMs, done);
  }

  /** On the leader: lets what has run out by its clock expire on all members. */
  syncTtl(): void {
    const { isLeader, store, ids, replicateLeading } = this.#parts;
    if (!isLeader() || !store.hasTtlNodes()) return;
    const request = v2Request({ method: 'SYNC', path: '', timeNs: this.nowNs() });
    // Another leader's clock is another: what this one says must not come through it.
    replicateLeading([encodeV2Request(this.#writer, ids.next(), request)]);
  }

  /** Answers requests that began until then as failed; returns how many. */
  failStartedBefore(startedMs: number, codeFor: (startedMs: number) => ServerErrorCode): number {
    const overdue = this.proposals.takeStartedBefore(startedMs);
    for (const waiter of overdue) waiter.done({ ok: false, error: serverError(codeFor(waiter.startedMs)) });
    return overdue.length;
  }
}
