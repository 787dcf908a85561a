/** Temporary folders on the real disk, removed when the test ends. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function temporaryFolder(t: TestContext, name = 'data'): string {
  const folder = mkdtempSync(join(tmpdir(), `quorate-${name}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
