/**
 * Gives free space back: a copy without it is made while commits go on, the commits since are repeated on the copy, and the copy takes the
 * place of the tables. Commits repeat safely, since each says what a key holds afterwards. New commits wait for a few of the repeated ones at a time.
 */

import type { DurableBatch, DurableTables, Replacement } from '../ports/durable-tables.ts';

/** Batches repeated for each new commit when catching up needs commits to wait: above 1, so that it ends however fast they come. */
const BATCHES_A_COMMIT = 3;

export interface CommitControl {
  /** `see` is called for every batch after its commit; undefined: no more. */
  watchCommits(see: ((batch: DurableBatch) => void) | undefined): void;
  /** Waits for the commit under way and keeps the next from beginning. */
  hold(): Promise<void>;
  release(): void;
  /** By then a commit that waited for the release has begun. */
  nextTurn(): Promise<void>;
  /** The tables must not be written any more. */
  fail(error: Error): void;
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
      const repeat = async (most: number): Promise<void> => {
        for (let i = 0; i < most && missed.length > 0; i++) await copy.write(missed.shift()!);
      };
      await repeat(missed.length);
      while (missed.length > 1) {
        await commits.hold();
        try {
          await repeat(BATCHES_A_COMMIT);
        } finally {
          commits.release();
        }
        await commits.nextTurn();
      }
      await commits.hold();
      try {
        await repeat(missed.length);
        if (commits.epoch === epoch) await exchange(copy, commits);
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

async function exchange(copy: Replacement, commits: CommitControl): Promise<void> {
  try {
    await copy.exchange();
  } catch (error) {
    commits.fail(error as Error);
    throw error;
  }
}
