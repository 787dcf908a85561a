/** Every implementation of the durable tables, as the suites want them: opened, closed, opened again. */

import type { TestContext } from 'node:test';
import { openLmdbTables } from '../../../src/platform/lmdb-tables.ts';
import type { DurableTables } from '../../../src/ports/durable-tables.ts';
import { createMemoryTables } from '../../../src/sim/memory-tables.ts';
import { temporaryFolder } from '../../support/data-folder.ts';

export interface TablesUnderTest {
  readonly name: string;
  /** Opens fresh tables, and the same again at each further call. */
  fresh(t: TestContext): () => Promise<DurableTables>;
}

export const implementations: readonly TablesUnderTest[] = [
  {
    name: 'lmdb',
    fresh(t) {
      const folder = temporaryFolder(t);
      return () => openLmdbTables({ folder });
    },
  },
  {
    name: 'memory',
    fresh() {
      const tables = createMemoryTables({ random: { next: () => 0 } });
      return async () => tables.open();
    },
  },
];
