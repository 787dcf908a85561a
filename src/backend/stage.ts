/** Collects other content beside the present one, in batches of bounded size. */

import type { StagedTables } from '../ports/backend.ts';
import type { DurableTables, Replacement } from '../ports/durable-tables.ts';
import type { CommitPolicy } from './commit-policy.ts';
import type { KeyHash } from './key-hash.ts';
import { LayeredTables } from './layered-tables.ts';

export interface Staged {
  readonly replacement: Replacement;
  get(table: string, key: Uint8Array): Uint8Array | undefined;
}

/** Leaves nothing behind if `fill` fails. */
export async function stage(
  tables: DurableTables,
  fill: (tables: StagedTables) => AsyncIterable<unknown>,
  policy: CommitPolicy,
  keyHash: KeyHash,
): Promise<Staged> {
  const replacement = await tables.replacement('empty');
  try {
    let operations = 0;
    let bytes = 0;
    const layers = new LayeredTables(
      (name) => replacement.table(name),
      keyHash,
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
    for await (const _ of fill(layers)) {
      if (operations >= policy.operationsMax || bytes >= policy.bytesMax) await write();
    }
    await write();
    return { replacement, get: (table, key) => layers.table(table).get(key) };
  } catch (error) {
    replacement.abandon();
    throw error;
  }
}
