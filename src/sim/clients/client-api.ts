/**
 * What a simulated client says to a server: one implementation for each API. The client itself (simulated-client.ts) only knows that
 * there are calls, which take their time, may be lost, and may be answered too late.
 */
import type { ClientOutcome, Observation } from '../observation.ts';
import type { ObservedMember } from '../observed-member.ts';
import type { V3Outcome } from '../v3-observation.ts';

/** Whose call it is, and where it goes. */
export interface CallSite {
  readonly client: number;
  readonly member: string;
  readonly life: number;
  readonly operationId: number;
}

export type CallOutcome = ClientOutcome | V3Outcome;

/** `Outcome`: of the API whose call it is; methods are only ever given what that API's `serve` answered, or 'unknown'. */
export interface ClientCall<Outcome extends CallOutcome = CallOutcome> {
  readonly isWrite: boolean;
  invoked(site: CallSite, atMs: number): Observation;
  returned(site: CallSite, atMs: number, outcome: Outcome): Observation;
  /** In the server's process, while it runs. `answer` is called once at most. */
  serve(host: ObservedMember, answer: (outcome: Outcome) => void): void;
  /** The client has its answer, or has given up on it: what it learns shapes its next calls. */
  heard(outcome: Outcome): void;
}

export type ApiVersion = 'v2' | 'v3';

/** Of one client: it remembers what that client has seen. */
export interface ClientApi {
  readonly version: ApiVersion;
  /** The next call; `value` is what to write, and was not written before in this run. */
  draw(value: string, operationId: number): ClientCall;
}
