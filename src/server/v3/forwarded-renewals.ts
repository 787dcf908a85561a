/**
 * Renewals that come to a member that does not lead, on their way to the leader. All of one turn are one question; a leader that is an etcd member is asked
 * for each alone, since that is all it understands.
 */
import type { Clock } from '../../ports/clock.ts';
import type { PeerAnswer, PeerNetwork } from '../../ports/peer-network.ts';
import { type MemberId, NO_MEMBER } from '../../raft/types.ts';
import type { LeaseRenewal } from '../v3-contract.ts';
import {
  ASK_ALONE,
  decodeRenewed,
  decodeRenewedSeveral,
  encodeRenew,
  encodeRenewSeveral,
  PROTOBUF,
  QUESTION_TIMEOUT_MS,
  RENEW_PATH,
  RENEW_SEVERAL_PATH,
} from './lease-questions.ts';

/** Renewals of one question: it stays far below what a member reads of one. */
const RENEWALS_PER_QUESTION_MAX = 1_000;

export interface ForwardedRenewalsParts {
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly self: MemberId;
  readonly leader: () => MemberId;
  /** The question or its answer was lost, or there is another leader by now. */
  readonly again: (renewal: LeaseRenewal, startedMs: number) => void;
}

interface Forwarded {
  readonly renewal: LeaseRenewal;
  readonly startedMs: number;
}

export class ForwardedRenewals {
  readonly #parts: ForwardedRenewalsParts;
  #waiting: Forwarded[] = [];
  /** A leader that understands questions for one renewal only. */
  #singly: MemberId = NO_MEMBER;

  constructor(parts: ForwardedRenewalsParts) {
    this.#parts = parts;
  }

  add(renewal: LeaseRenewal, startedMs: number): void {
    this.#waiting.push({ renewal, startedMs });
    if (this.#waiting.length === 1) this.#parts.clock.defer(() => this.#send());
  }

  /** Who leads next may be another program, under the same id even. */
  leadershipChanged(): void {
    this.#singly = NO_MEMBER;
  }

  #send(): void {
    const { leader, self } = this.#parts;
    const all = this.#waiting;
    this.#waiting = [];
    const to = leader();
    if (to === NO_MEMBER || to === self) this.#again(all);
    else if (to === this.#singly || all.length === 1) for (const each of all) this.#askAlone(to, each);
    else {
      for (let at = 0; at < all.length; at += RENEWALS_PER_QUESTION_MAX) {
        this.#askSeveral(to, all.slice(at, at + RENEWALS_PER_QUESTION_MAX));
      }
    }
  }

  #askAlone(to: MemberId, forwarded: Forwarded): void {
    const { renewal } = forwarded;
    this.#ask(to, RENEW_PATH, encodeRenew(renewal.id), (answer) => {
      if (answer.status === 404) renewal.renewed(0);
      else {
        const ttl = answer.status === 200 ? read(answer.body, decodeRenewed) : undefined;
        if (ttl === undefined) this.#again([forwarded]);
        else renewal.renewed(ttl);
      }
    });
  }

  #askSeveral(to: MemberId, forwarded: readonly Forwarded[]): void {
    const body = encodeRenewSeveral(forwarded.map(({ renewal }) => renewal.id));
    this.#ask(to, RENEW_SEVERAL_PATH, body, (answer) => {
      if (answer.status === 404) {
        this.#singly = to;
        for (const each of forwarded) this.#askAlone(to, each);
        return;
      }
      const ttls = answer.status === 200 ? read(answer.body, decodeRenewedSeveral) : undefined;
      if (ttls === undefined || ttls.length !== forwarded.length) {
        this.#again(forwarded);
        return;
      }
      for (const [at, ttl] of ttls.entries()) {
        if (ttl === ASK_ALONE) this.#askAlone(to, forwarded[at]!);
        else forwarded[at]!.renewal.renewed(ttl);
      }
    });
  }

  #ask(to: MemberId, path: string, body: Uint8Array, done: (answer: PeerAnswer) => void): void {
    const asked = { method: 'POST', path, contentType: PROTOBUF, body } as const;
    this.#parts.network.ask(to, { ...asked, timeoutMs: QUESTION_TIMEOUT_MS }, done);
  }

  #again(forwarded: readonly Forwarded[]): void {
    for (const { renewal, startedMs } of forwarded) this.#parts.again(renewal, startedMs);
  }
}

/** Undefined: no such message. */
function read<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}
