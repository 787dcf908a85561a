/**
 * A key with a TTL is never gone early: a leader asks for the removal of what expired up to its own clock, never beyond, and no member
 * removes what no leader asked for.
 */
import { type Checker, CheckFailure, type Observation } from '../observation.ts';

export class TtlExpiry implements Checker {
  readonly name = 'ttl expiry';
  /** The latest time up to which a removal was asked for. */
  #untilNs = 0n;
  /** By index: the key and its time, as some member expired it. */
  readonly #expired = new Map<number, { readonly key: string; readonly expirationNs: bigint }>();
  readonly #isWhole: boolean;

  /** `isWhole`: no removal was asked for before the history begins. */
  constructor(isWhole = true) {
    this.#isWhole = isWhole;
  }

  observe(observation: Observation): void {
    if (observation.kind === 'expiry-proposed') {
      const { member, untilNs, wallTimeNs } = observation;
      if (untilNs > wallTimeNs) {
        throw this.#failure(
          `${member} lets keys expire up to ${untilNs}, ${untilNs - wallTimeNs} ns ahead of its clock`,
        );
      }
      if (untilNs > this.#untilNs) this.#untilNs = untilNs;
    } else if (observation.kind === 'key-expired') {
      const { member, key, expirationNs, modifiedIndex } = observation;
      if (this.#isWhole && expirationNs > this.#untilNs) {
        throw this.#failure(
          `${key} expired on ${member}, ${expirationNs - this.#untilNs} ns before any leader asked for it`,
        );
      }
      const known = this.#expired.get(modifiedIndex);
      if (known === undefined) this.#expired.set(modifiedIndex, { key, expirationNs });
      else if (known.key !== key || known.expirationNs !== expirationNs) {
        throw this.#failure(
          `at index ${modifiedIndex} ${key} of ${expirationNs} expired on ${member}, elsewhere ${known.key} of ${known.expirationNs}`,
        );
      }
    }
  }

  finish(): void {}

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
