/**
 * Gives free space back: a copy without it is made while commits go on, the commits since are repeated on the copy, and the copy takes the
 * place of the tables. Commits repeat safely, since each says what a key holds afterwards; only the last of them keep new ones waiting.
 */

import type { DurableBatch, DurableTables } from '../ports/durable-tables.ts';

/** Rounds of catching up before commits are held whatever is left to repeat. */
const ROUNDS_MAX = 1000;

export interface CommitControl {
  /** `see` is called for every batch after its commit; undefined: no more. */
  watchCommits(see: ((batch: DurableBatch) => void) | undefined): void;
  /** Waits for the commit under way and keeps the next from beginning. */
  hold(): Promise<void>;
  release(): void;
  /** Changes when all content is exchanged for other: then there is nothing to defragment any more. */
  readonly epoch: number;
}

export async function defragment(tables: DurableTables, commits: CommitControl): Promise<void> {
  const { epoch } = commits;
  const missed: DurableBatch[] = [];
  commits.watchCommits((batch) => missed.push(batch));
  try {
    const copy = await tables.replacement('copy');
    try {
      for (let round = 0; missed.length > 1 && round < ROUNDS_MAX; round++) await copy.write(missed.shift()!);
      await commits.hold();
      try {
        for (let batch = missed.shift(); batch !== undefined; batch = missed.shift()) await copy.write(batch);
        if (commits.epoch === epoch) copy.adopt();
      } finally {
        commits.release();
      }
    } finally {
      copy.abandon();
    }
  } finally {
    commits.watchCommits(undefined);
  }
}
