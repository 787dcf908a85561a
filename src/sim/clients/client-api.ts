/**
 * What a simulated client says to a server: one implementation for each API. The client itself (simulated-client.ts) only knows that
 * there are calls, which take their time, may be lost, and may be answered too late.
 */
import type { ClientOperation, ClientOutcome } from '../observation.ts';
import type { ObservedMember } from '../observed-member.ts';

export interface ClientCall {
  readonly operation: ClientOperation;
  readonly isWrite: boolean;
  /** In the server's process, while it runs. `answer` is called once at most. */
  serve(host: ObservedMember, answer: (outcome: ClientOutcome) => void): void;
  /** The client has its answer, or has given up on it: what it learns shapes its next calls. */
  heard(outcome: ClientOutcome): void;
}

/** Of one client: it remembers what that client has seen. */
export interface ClientApi {
  /** The next call; `value` is what to write, and was not written before in this run. */
  draw(value: string): ClientCall;
}
