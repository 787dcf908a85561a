/**
 * A member tells the others its name and client URLs through the log; once that is applied it is ready for clients: it has
 * proved that a quorum hears it.
 */
import type { Log } from '../ports/log.ts';
import type { MemberId } from '../raft/types.ts';
import type { V2Outcome } from '../store/v2/types.ts';
import { type V2Request, v2Request } from '../wire/v2-request.ts';
import type { Submitted } from './contract.ts';
import { attributesPath, type Cluster } from './membership/cluster.ts';
import { type Attributes, encodeAttributes } from './membership/member-json.ts';

export interface PublicationParts {
  readonly self: MemberId;
  readonly attributes: Attributes;
  readonly cluster: Cluster;
  readonly log: Log;
  readonly propose: (request: V2Request, done: (outcome: Submitted<V2Outcome>) => void) => void;
}

export class Publication {
  readonly #parts: PublicationParts;
  readonly #value: string;
  #done = false;
  #waiting: (() => void)[] = [];

  constructor(parts: PublicationParts) {
    this.#parts = parts;
    this.#value = encodeAttributes(parts.attributes);
  }

  /** Proposes until it is applied. */
  start(): void {
    const { self, propose, log } = this.#parts;
    propose(v2Request({ method: 'PUT', path: attributesPath(self), value: this.#value }), (outcome) => {
      if (this.#done) return;
      if (outcome.ok) this.#finish();
      else if (outcome.error.code !== 'stopped') {
        log.warn('could not publish this member yet', { error: outcome.error.message });
        this.start();
      }
    });
  }

  onDone(callback: () => void): void {
    if (this.#done) callback();
    else this.#waiting.push(callback);
  }

  /** The entry may be one of those that a snapshot stands for: then nobody reports it. */
  snapshotInstalled(): void {
    const self = this.#parts.cluster.member(this.#parts.self);
    if (self !== undefined && encodeAttributes(self) === this.#value) this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    const { log, attributes } = this.#parts;
    log.info('published this member to the cluster', { 'client-urls': attributes.clientURLs });
    for (const callback of this.#waiting.splice(0)) callback();
  }
}
