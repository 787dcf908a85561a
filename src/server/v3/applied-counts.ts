/** What the entries applied since the start have done, counted as etcd's metrics count it; a lease's keys that end with it are not among the deletions. */
import type { OperationResult } from '../../store/mvcc/types.ts';
import type { V3Outcome } from '../v3-contract.ts';

export class AppliedCounts {
  puts = 0;
  /** Requests to delete, whatever they found. */
  deletes = 0;
  /** Transactions that did more than one thing. */
  txns = 0;
  leasesGranted = 0;
  leasesRevoked = 0;

  count(outcome: V3Outcome): void {
    switch (outcome.kind) {
      case 'put':
        this.puts++;
        break;
      case 'delete-range':
        this.deletes++;
        break;
      case 'txn':
        if (this.#operations(outcome.responses) > 1) this.txns++;
        break;
      case 'lease-grant':
        this.leasesGranted++;
        break;
      case 'lease-revoke':
        this.leasesRevoked++;
        break;
    }
  }

  /** Counts what a transaction did; returns how much that was. */
  #operations(responses: readonly OperationResult[]): number {
    let count = 0;
    for (const each of responses) {
      if (each.kind === 'txn') {
        count += this.#operations(each.responses);
        continue;
      }
      count++;
      if (each.kind === 'put') this.puts++;
      else if (each.kind === 'delete-range') this.deletes++;
    }
    return count;
  }
}
