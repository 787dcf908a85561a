/**
 * The Backend of a simulated member: the real one, over tables in memory that outlive it.
 *
 *     const tables = createMemoryTables({ random });            // once a member
 *     const backend = createMemoryBackend({ tables, clock });   // at each start
 *     tables.crash();                                           // with its disk
 */

import type { CommitPolicy } from '../backend/commit-policy.ts';
import { createWriteBehind } from '../backend/write-behind.ts';
import type { Backend } from '../ports/backend.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { createMemoryTables, type MemoryTables } from './memory-tables.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface MemoryBackendOptions {
  readonly clock: Clock;
  /** Fresh ones, which are never lost, unless given. */
  readonly tables?: MemoryTables;
  /** Of the hash of keys, of which nothing can be observed. */
  readonly random?: Pick<Random, 'bytes'>;
  readonly policy?: Partial<CommitPolicy>;
}

export function createMemoryBackend(options: MemoryBackendOptions): Backend {
  const tables = options.tables ?? createMemoryTables({ random: { next: () => 0 } });
  return createWriteBehind({
    tables: tables.open(),
    clock: options.clock,
    random: options.random ?? createSeededRandom(0),
    ...(options.policy === undefined ? {} : { policy: options.policy }),
  });
}
