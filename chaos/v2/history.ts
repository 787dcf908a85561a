/** What all clients of one round have seen, and which keys they use: a few at a time, each left after some hundred operations. */

import type { Operation } from '../../src/linearizability/model.ts';
import type { V2RegisterInput, V2RegisterOutput } from '../../src/linearizability/v2-register.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';

export interface RecordedOperation extends Operation<V2RegisterInput, V2RegisterOutput> {
  /** The member asked. */
  readonly member: string;
  /** X-Etcd-Index of the answer (for errors the index they tell). */
  readonly etcdIndex: number;
}

const keysAtATime = 3;
const operationsPerKeySet = 2_000;
const faultsKept = 20;

/** Below this everything is written and watched. */
export const registersFolder = '/r';

export class History {
  /** Writes and quorum reads: what must be linearizable. */
  readonly operations: RecordedOperation[] = [];
  readonly staleReads: RecordedOperation[] = [];
  /** Requests without a definite answer, reads included. */
  unanswered = 0;
  /** What was found wrong while it went on. */
  readonly faults: string[] = [];

  get count(): number {
    return this.operations.length + this.staleReads.length;
  }

  pickKey(random: SeededRandom): string {
    const set = Math.floor(this.count / operationsPerKeySet);
    return `${registersFolder}/${set}-${random.below(keysAtATime)}`;
  }

  fault(what: string): void {
    if (this.faults.length < faultsKept) this.faults.push(what);
  }
}
