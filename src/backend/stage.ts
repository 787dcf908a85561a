/** Collects other content beside the present one, in batches of bounded size. */

import type { BackendEntry } from '../ports/backend.ts';
import type { DurableTables, Replacement } from '../ports/durable-tables.ts';
import type { CommitPolicy } from './commit-policy.ts';
import { LayeredTables } from './layered-tables.ts';

export interface Staged {
  readonly replacement: Replacement;
  get(table: string, key: Uint8Array): Uint8Array | undefined;
}

/** Leaves nothing behind if the entries fail. */
export async function stage(
  tables: DurableTables,
  entries: AsyncIterable<readonly BackendEntry[]>,
  policy: CommitPolicy,
): Promise<Staged> {
  const replacement = await tables.replacement('empty');
  try {
    let operations = 0;
    let bytes = 0;
    const layers = new LayeredTables(
      (name) => replacement.table(name),
      (written) => {
        operations++;
        bytes += written;
      },
    );
    const write = async (): Promise<void> => {
      layers.seal();
      await replacement.write(layers.beginCommit());
      layers.endCommit();
      operations = 0;
      bytes = 0;
    };
    for await (const some of entries) {
      for (const entry of some) layers.table(entry.table).put(entry.key, entry.value);
      if (operations >= policy.operationsMax || bytes >= policy.bytesMax) await write();
    }
    await write();
    return { replacement, get: (table, key) => layers.table(table).get(key) };
  } catch (error) {
    replacement.abandon();
    throw error;
  }
}
