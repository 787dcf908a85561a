/** Where benchmarks keep their data: below `.cache/bench` of the checkout, because /tmp may be memory, where syncing costs nothing. */

import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../test/support/program.ts';

const tmpfsMagic = 0x01021994;
const made: string[] = [];

process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export const benchRoot: string = join(checkout, '.cache', 'bench');

/** A new folder, removed at exit. @throws when it would lie in memory. */
export function benchFolder(name: string): string {
  mkdirSync(benchRoot, { recursive: true });
  if (statfsSync(benchRoot).type === tmpfsMagic) {
    throw new Error(
      `${benchRoot} is a file system in memory: syncing costs nothing there, so nothing would be measured`,
    );
  }
  const folder = mkdtempSync(join(benchRoot, `${name}-`));
  made.push(folder);
  return folder;
}
