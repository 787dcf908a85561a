/**
 * Arithmetic of majorities, for simple and joint configurations (thesis 3.6.2, 4.3). Pure functions over what the voters
 * reported; a joint decision is the decision of both halves.
 */

export type VoteResult = 'won' | 'lost' | 'pending';

/** Voters needed for a decision among `count` voters. */
export function majority(count: number): number {
  return (count >>> 1) + 1;
}

/**
 * The largest value that a majority has reached: the lower median from above. Sorts `values` in place. Infinity for no
 * voters at all, so that an empty half of a joint configuration never holds the other back.
 */
export function majorityReached(values: number[]): number {
  const count = values.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Insertion sort, descending: a handful of numbers, no comparator calls.
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    let j = i - 1;
    while (j >= 0 && values[j]! < value) {
      values[j + 1] = values[j]!;
      j--;
    }
    values[j + 1] = value;
  }
  return values[majority(count) - 1]!;
}

/** The decision of one majority, given how many of its `count` voters said yes and no. No voters: won by convention. */
export function majorityVote(count: number, granted: number, rejected: number): VoteResult {
  if (count === 0) return 'won';
  const needed = majority(count);
  if (granted >= needed) return 'won';
  return count - rejected >= needed ? 'pending' : 'lost';
}

export function jointVote(incoming: VoteResult, outgoing: VoteResult): VoteResult {
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
