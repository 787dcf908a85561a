/** Temporary folders on the real disk, removed when the test file ends: by then the processes that use them have been ended. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

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

/** @param owner a word, or the test, to tell the folders apart by */
export function temporaryFolder(owner: string | TestContext): string {
  const word = typeof owner === 'string' ? owner : owner.name.replace(/\W+/g, '-').slice(0, 30);
  const folder = mkdtempSync(join(tmpdir(), `quorate-${word}-`));
  made.push(folder);
  return folder;
}
