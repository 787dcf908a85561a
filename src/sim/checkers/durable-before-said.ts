/**
 * What a member says to others must be on its disk before (thesis 3.8): a vote given, and with each acknowledged append all that it
 * acknowledges.
 */
import { type Checker, CheckFailure, type MessageSent, type Observation } from '../observation.ts';
import { DurableState } from './durable-state.ts';

export class DurableBeforeSaid implements Checker {
  readonly name = 'durable before said';
  readonly #durable = new Map<string, DurableState>();

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'member-started':
        this.#durable.set(observation.member, DurableState.found(observation));
        return;
      case 'log-durable':
        this.#durable.get(observation.member)?.written(observation);
        return;
      case 'message-sent':
        this.#said(observation);
        return;
      default:
    }
  }

  finish(): void {}

  #said({ member, message }: MessageSent): void {
    const durable = this.#durable.get(member);
    if (durable === undefined) return;
    const { term, vote, log } = durable;
    if (term < message.term) {
      const what = message.type === 'vote-granted' ? 'votes' : 'acknowledges entries';
      throw this.#failure(`${member} ${what} in term ${message.term}, its disk knows term ${term}`);
    }
    // In a later term the disk may rightly hold another vote, or have lost the entries to another leader's.
    if (term > message.term) return;
    if (message.type === 'vote-granted') {
      if (vote === message.to) return;
      throw this.#failure(`${member} votes in term ${term} before the vote is durable`);
    }
    if (message.index <= log.lastIndex) return;
    throw this.#failure(
      `${member} acknowledges entries up to ${message.index}, its disk holds them up to ${log.lastIndex}`,
    );
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
