/**
 * Leases as clients see them. What is the leader's to know (renewals, the time left) is asked of it, wherever the client happens to be connected; a
 * leader makes sure that it still leads before it promises anything.
 */
import type { Lessor } from '../../lease/types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PeerAnswer, PeerNetwork, PeerReply } from '../../ports/peer-network.ts';
import { type MemberId, NO_MEMBER } from '../../raft/types.ts';
import type { MvccStore } from '../../store/mvcc/types.ts';
import type { V3Request } from '../../wire/v3/kv-types.ts';
import type { ServerError, ServerErrorCode, Submitted } from '../contract.ts';
import { serverError } from '../errors.ts';
import type { Timers } from '../timers.ts';
import type { LeaseRenewal, LeaseTimes, V3Answer, V3Failure, V3Outcome } from '../v3-contract.ts';
import { ForwardedRenewals } from './forwarded-renewals.ts';
import {
  ASK_ALONE,
  decodeRenew,
  decodeRenewSeveral,
  decodeTimes,
  decodeTimesQuestion,
  encodeRenewed,
  encodeRenewedSeveral,
  encodeTimes,
  encodeTimesQuestion,
  PROTOBUF,
  QUESTION_TIMEOUT_MS,
  RENEW_PATH,
  RENEW_SEVERAL_PATH,
  TIMES_PATH,
} from './lease-questions.ts';
import { LeaseRenewals } from './lease-renewals.ts';

/** Between two attempts to reach a leader. */
const RETRY_MS = 50;
const EMPTY = new Uint8Array(0);
const NO_LEASE = textReply(404, 'requested lease not found');
const NOT_PRIMARY = textReply(400, 'not a primary lessor');

export interface LeaseServiceParts {
  readonly lessor: Lessor;
  readonly kv: MvccStore;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly leader: () => MemberId;
  readonly self: MemberId;
  readonly requestTimeoutMs: number;
  readonly awaitReadIndex: (done: (error: ServerError | undefined) => void) => void;
  /** Questions for a read index asked so far. */
  readonly readQuestions: () => number;
  readonly propose: (request: V3Request, done: (outcome: Submitted<V3Outcome>) => void) => void;
  readonly timeoutCode: (startedMs: number) => ServerErrorCode;
}

export class LeaseService {
  readonly #parts: LeaseServiceParts;
  readonly #renewals: LeaseRenewals;
  readonly #forwarded: ForwardedRenewals;

  constructor(parts: LeaseServiceParts) {
    this.#parts = parts;
    const again = (renewal: LeaseRenewal, startedMs: number): void => this.#renewAgain(renewal, startedMs);
    this.#renewals = new LeaseRenewals(parts, {
      notPrimary: again,
      late: (renewal, startedMs) => this.#late(renewal, startedMs),
    });
    this.#forwarded = new ForwardedRenewals({ ...parts, again });
  }

  renew(renewal: LeaseRenewal): void {
    const { leader, self } = this.#parts;
    if (leader() === self) this.#renewals.add(renewal);
    else this.#renewElsewhere(renewal, this.#parts.clock.monotonicMs());
  }

  leadershipChanged(): void {
    this.#renewals.leadershipChanged();
    this.#forwarded.leadershipChanged();
  }

  times(id: bigint, withKeys: boolean, done: (answer: V3Answer<LeaseTimes>) => void): void {
    this.#atLeader(
      (answer) => this.#timesHere(id, withKeys, answer),
      { path: TIMES_PATH, body: encodeTimesQuestion(id, withKeys), read: decodeTimes },
      done,
    );
  }

  list(done: (answer: V3Answer<readonly bigint[]>) => void): void {
    const { lessor, clock, awaitReadIndex } = this.#parts;
    awaitReadIndex((error) => {
      if (error !== undefined) done({ ok: false, error });
      else done({ ok: true, value: lessor.list(clock.monotonicMs()) });
    });
  }

  /** A question of another member. False: it is none about leases. */
  answer(method: string, path: string, body: Uint8Array, reply: (reply: PeerReply) => void): boolean {
    if (path !== RENEW_PATH && path !== RENEW_SEVERAL_PATH && path !== TIMES_PATH) return false;
    if (method !== 'POST') {
      reply(textReply(405, 'Method Not Allowed'));
      return true;
    }
    try {
      if (path === RENEW_PATH) this.#answerRenew(decodeRenew(body), reply);
      else if (path === RENEW_SEVERAL_PATH) this.#answerRenewSeveral(decodeRenewSeveral(body), reply);
      else {
        const { id, withKeys } = decodeTimesQuestion(body);
        this.#timesHere(id, withKeys, (answer) => reply(replyOf(answer, (times) => encodeTimes(id, times))));
      }
    } catch {
      reply(textReply(400, 'error unmarshalling request'));
    }
    return true;
  }

  #answerRenew(id: bigint, reply: (reply: PeerReply) => void): void {
    const { lessor } = this.#parts;
    const renewal: LeaseRenewal = {
      id,
      renewed: (ttl) => reply(ttl === 0 ? NO_LEASE : protobufReply(encodeRenewed(id, ttl))),
      failed: (error) => reply(errorReply(error)),
    };
    this.#renewals.addAll([renewal], {
      notPrimary: () => reply(NOT_PRIMARY),
      late: () => lessor.whenEnded(id, (ended) => reply(ended === 'not-primary' ? NOT_PRIMARY : NO_LEASE)),
    });
  }

  #answerRenewSeveral(ids: readonly bigint[], reply: (reply: PeerReply) => void): void {
    const ttls = ids.map(() => 0);
    let left = ids.length;
    if (left === 0) reply(protobufReply(EMPTY));
    const renewals = ids.map(
      (id, at): LeaseRenewal => ({
        id,
        renewed: (ttl) => {
          ttls[at] = ttl;
          left--;
          if (left === 0) reply(protobufReply(encodeRenewedSeveral(ttls)));
        },
        // One that failed is answered for all; what else comes is too late.
        failed: (error) => {
          if (left > 0) reply(errorReply(error));
          left = 0;
        },
      }),
    );
    this.#renewals.addAll(renewals, {
      notPrimary: (renewal) => renewal.failed(serverError('not-leader')),
      late: (renewal) => renewal.renewed(ASK_ALONE),
    });
  }

  #timesHere(id: bigint, withKeys: boolean, done: (answer: V3Answer<LeaseTimes>) => void): void {
    const { lessor, kv, clock, awaitReadIndex } = this.#parts;
    awaitReadIndex((error) => {
      if (error !== undefined) {
        done({ ok: false, error });
        return;
      }
      const left = lessor.remaining(id, clock.monotonicMs());
      if ('error' in left) done(failed(left.error));
      else {
        const keys = withKeys ? kv.leaseKeys(id) : [];
        done({ ok: true, value: { ttl: left.ttl, grantedTtl: left.granted, keys } });
      }
    });
  }

  #renewElsewhere(renewal: LeaseRenewal, startedMs: number): void {
    if (this.#parts.leader() === NO_MEMBER) this.#renewAgain(renewal, startedMs);
    else this.#forwarded.add(renewal, startedMs);
  }

  /** A little later, to whoever leads then; until the request's time is up. */
  #renewAgain(renewal: LeaseRenewal, startedMs: number): void {
    const { clock, timers, requestTimeoutMs, timeoutCode, leader, self } = this.#parts;
    if (clock.monotonicMs() - startedMs >= requestTimeoutMs) {
      renewal.failed(serverError(timeoutCode(startedMs)));
      return;
    }
    timers.after(RETRY_MS, () => {
      if (leader() !== self) this.#renewElsewhere(renewal, startedMs);
      // Its time began before that of the others here.
      else {
        this.#renewals.addAll([renewal], {
          notPrimary: () => this.#renewAgain(renewal, startedMs),
          late: () => this.#late(renewal, startedMs),
        });
      }
    });
  }

  #late(renewal: LeaseRenewal, startedMs: number): void {
    this.#parts.lessor.whenEnded(renewal.id, (ended) => {
      if (ended === 'not-primary') this.#renewAgain(renewal, startedMs);
      else renewal.renewed(0);
    });
  }

  /** Here if this member leads, else by a question to whoever does; again until the request's time is up. */
  #atLeader<T>(
    here: (done: (answer: V3Answer<T>) => void) => void,
    question: { readonly path: string; readonly body: Uint8Array; readonly read: (bytes: Uint8Array) => T },
    done: (answer: V3Answer<T>) => void,
  ): void {
    const { clock, timers, network, leader, self, requestTimeoutMs, timeoutCode } = this.#parts;
    const startedMs = clock.monotonicMs();
    const again = (): void => {
      if (clock.monotonicMs() - startedMs >= requestTimeoutMs) {
        done({ ok: false, error: serverError(timeoutCode(startedMs)) });
      } else timers.after(RETRY_MS, attempt);
    };
    const attempt = (): void => {
      const to = leader();
      if (to === NO_MEMBER) again();
      else if (to === self) {
        here((answer) => {
          if (!answer.ok && isNotPrimary(answer.error)) again();
          else done(answer);
        });
      } else {
        const asked = {
          method: 'POST',
          path: question.path,
          contentType: PROTOBUF,
          body: question.body,
        } as const;
        network.ask(to, { ...asked, timeoutMs: QUESTION_TIMEOUT_MS }, (answer) => {
          const read = readAnswer(answer, question.read);
          if (read === undefined) again();
          else done(read);
        });
      }
    };
    attempt();
  }
}

/** Undefined: ask again. */
function readAnswer<T>(answer: PeerAnswer, read: (bytes: Uint8Array) => T): V3Answer<T> | undefined {
  if (answer.status === 404) return failed('lease-not-found');
  if (answer.status !== 200) return undefined;
  try {
    return { ok: true, value: read(answer.body) };
  } catch {
    return undefined;
  }
}

function replyOf<T>(answer: V3Answer<T>, encode: (value: T) => Uint8Array): PeerReply {
  return answer.ok ? protobufReply(encode(answer.value)) : errorReply(answer.error);
}

function protobufReply(body: Uint8Array): PeerReply {
  return { status: 200, contentType: PROTOBUF, body };
}

function errorReply(error: ServerError | V3Failure): PeerReply {
  if ('kind' in error && error.code === 'lease-not-found') return NO_LEASE;
  if (isNotPrimary(error)) return NOT_PRIMARY;
  return textReply(500, 'message' in error ? error.message : error.code);
}

function textReply(status: number, text: string): PeerReply {
  const body = text === '' ? EMPTY : new TextEncoder().encode(`${text}\n`);
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function failed(code: 'lease-not-found' | 'not-primary' | string): {
  readonly ok: false;
  readonly error: ServerError | V3Failure;
} {
  if (code === 'not-primary') return { ok: false, error: serverError('not-leader') };
  return { ok: false, error: { kind: 'error', code: 'lease-not-found' } };
}

function isNotPrimary(error: ServerError | V3Failure): boolean {
  return 'message' in error && error.code === 'not-leader';
}
