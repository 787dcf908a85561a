/**
 * A process that writes to a backend until it is killed: `write-turns.ts <folder> <seed> <mode>`. Turn n of the stream from `seed` changes what
 * `applyTurn` says; a line "durable n" follows each commit that resolved. What it finds at start it goes on from.
 *
 * Modes: 'write' only writes; 'defragment' also defragments again and again; 'stage' also exchanges all content for a copy of itself.
 */

import { createWriteBehind } from '../../../src/backend/write-behind.ts';
import { openLmdbTables } from '../../../src/platform/lmdb-tables.ts';
import { nodeClock } from '../../../src/platform/node-clock.ts';
import { nodeRandom } from '../../../src/platform/node-random.ts';
import type { Backend, BackendEntry } from '../../../src/ports/backend.ts';
import { seededRandom } from '../../support/seeded-random.ts';

export const TURN_TABLES = ['current', 'history'] as const;
export const TURN_KEY = Buffer.from('turn');

export interface TurnTarget {
  put(table: string, key: Uint8Array, value: Uint8Array): void;
  remove(table: string, key: Uint8Array): void;
}

/** What turn `n` changes: a few keys, some of them long, and always the number of the turn. */
export function applyTurn(target: TurnTarget, seed: number, n: number): void {
  const random = seededRandom(seed * 1_000_003 + n);
  for (let i = random.below(8); i >= 0; i--) {
    const name = `key-${random.below(300)}`;
    const key =
      random.below(20) === 0
        ? Buffer.concat([Buffer.alloc(1900, 'l'), Buffer.from(name)])
        : Buffer.from(name);
    if (random.below(4) === 0) target.remove('current', key);
    else target.put('current', key, Buffer.alloc(random.below(3) === 0 ? 3000 : 40, n % 256));
  }
  target.put('history', Buffer.from(String(n).padStart(10, '0')), Buffer.from(`turn ${n}`));
  if (n > 200) target.remove('history', Buffer.from(String(n - 200).padStart(10, '0')));
  target.put('current', TURN_KEY, Buffer.from(String(n)));
}

/** The last turn that the tables hold. */
export function lastTurn(backend: Pick<Backend, 'table'>): number {
  const found = backend.table('current').get(TURN_KEY);
  return found === undefined ? 0 : Number(Buffer.from(found).toString());
}

async function* copyOf(backend: Backend): AsyncGenerator<readonly BackendEntry[]> {
  const view = backend.viewNow();
  try {
    for (const table of view.tables()) {
      const entries: BackendEntry[] = [];
      view.table(table).scan({}, (key, value) => {
        entries.push({ table, key, value });
        return true;
      });
      for (let i = 0; i < entries.length; i += 50) yield entries.slice(i, i + 50);
    }
  } finally {
    view.release();
  }
}

async function main(folder: string, seed: number, mode: string): Promise<void> {
  const backend = createWriteBehind({
    tables: await openLmdbTables({ folder }),
    clock: nodeClock,
    random: nodeRandom,
    policy: { intervalMs: 5, operationsMax: 100 },
  });
  const target: TurnTarget = {
    put: (table, key, value) => backend.table(table).put(key, value),
    remove: (table, key) => backend.table(table).remove(key),
  };
  let n = lastTurn(backend);
  let exchanging = false;
  const turn = (): void => {
    if (!exchanging) {
      applyTurn(target, seed, ++n);
      if (n % 7 === 0) {
        const durable = n;
        void backend.commit().then(() => process.stdout.write(`durable ${durable}\n`));
      }
    }
    setImmediate(turn);
  };
  turn();
  while (mode === 'defragment') {
    await backend.defragment();
    process.stdout.write('defragmented\n');
  }
  while (mode === 'stage') {
    // Writes stop, since what they change would be lost: a member that takes a snapshot applies nothing meanwhile.
    exchanging = true;
    const staged = await backend.stage(copyOf(backend));
    staged.activate();
    process.stdout.write(`durable ${n}\nexchanged\n`);
    exchanging = false;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const [script, folder, seed, mode] = process.argv.slice(1);
if (script?.endsWith('write-turns.ts') === true) await main(folder!, Number(seed), mode!);
