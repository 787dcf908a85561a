/** Temporary folders on the real disk, removed when the test file ends: by then the processes that use them have been ended. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.on('exit', () => {
  for (const folder of made) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      process.stderr.write(`could not remove ${folder}: ${String(error)}\n`);
    }
  }
});

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `quorate-${name}-`));
  made.push(folder);
  return folder;
}
