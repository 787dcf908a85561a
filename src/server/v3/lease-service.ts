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
import type { LeaseTimes, V3Answer, V3Failure, V3Outcome } from '../v3-contract.ts';
import {
  decodeRenew,
  decodeRenewed,
  decodeTimes,
  decodeTimesQuestion,
  encodeRenew,
  encodeRenewed,
  encodeTimes,
  encodeTimesQuestion,
  PROTOBUF,
  RENEW_PATH,
  TIMES_PATH,
} from './lease-questions.ts';

/** Between two attempts to reach a leader. */
const RETRY_MS = 50;
/** One question to the leader. */
const QUESTION_TIMEOUT_MS = 2_000;
const EMPTY = new Uint8Array(0);

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
  readonly propose: (request: V3Request, done: (outcome: Submitted<V3Outcome>) => void) => void;
  readonly timeoutCode: (startedMs: number) => ServerErrorCode;
}

export class LeaseService {
  readonly #parts: LeaseServiceParts;

  constructor(parts: LeaseServiceParts) {
    this.#parts = parts;
  }

  renew(id: bigint, done: (answer: V3Answer<{ readonly ttl: number }>) => void): void {
    this.#atLeader(
      (answer) => this.#renewHere(id, answer),
      { path: RENEW_PATH, body: encodeRenew(id), read: (bytes) => ({ ttl: decodeRenewed(bytes) }) },
      done,
    );
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
    if (path !== RENEW_PATH && path !== TIMES_PATH) return false;
    if (method !== 'POST') {
      reply(textReply(405, 'Method Not Allowed'));
      return true;
    }
    try {
      if (path === RENEW_PATH) {
        const id = decodeRenew(body);
        this.#renewHere(id, (answer) => reply(replyOf(answer, ({ ttl }) => encodeRenewed(id, ttl))));
      } else {
        const { id, withKeys } = decodeTimesQuestion(body);
        this.#timesHere(id, withKeys, (answer) => reply(replyOf(answer, (times) => encodeTimes(id, times))));
      }
    } catch {
      reply(textReply(400, 'error unmarshalling request'));
    }
    return true;
  }

  #renewHere(id: bigint, done: (answer: V3Answer<{ readonly ttl: number }>) => void): void {
    const { lessor, clock, awaitReadIndex, propose } = this.#parts;
    awaitReadIndex((error) => {
      if (error !== undefined) {
        done({ ok: false, error });
        return;
      }
      const renewed = lessor.renew(id, clock.monotonicMs());
      if ('error' in renewed) done(failed(renewed.error));
      else if ('runOut' in renewed) lessor.whenEnded(id, (ended) => done(failed(ended)));
      else if (!renewed.mustResetCheckpoint) done({ ok: true, value: { ttl: renewed.ttl } });
      else {
        propose({ kind: 'lease-checkpoint', checkpoints: [{ id, remainingTtl: 0 }] }, (outcome) => {
          if (outcome.ok) done({ ok: true, value: { ttl: renewed.ttl } });
          else done({ ok: false, error: outcome.error });
        });
      }
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
  if (answer.ok) return { status: 200, contentType: PROTOBUF, body: encode(answer.value) };
  const { error } = answer;
  if ('kind' in error && error.code === 'lease-not-found') return textReply(404, 'requested lease not found');
  if (isNotPrimary(error)) return textReply(400, 'not a primary lessor');
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
