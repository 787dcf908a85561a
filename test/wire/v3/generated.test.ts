/** What `npm run proto` would write is what is there. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { it } from 'node:test';
import { command } from '../../support/command.ts';
import { checkout } from '../../support/program.ts';

function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [relative(folder, path), readFileSync(path, 'utf8')]));
}

it('the generated code is that of the definitions in proto/', async () => {
  // Inside of the checkout: the generator writes nowhere else.
  const folder = mkdtempSync(join(checkout, 'node_modules', '.generated-'));
  try {
    const script = join(checkout, 'tools', 'generate-proto.ts');
    await command([process.execPath, '--import', 'tsx', script, relative(checkout, folder)], {
      folder: checkout,
    });
    const expected = contents(folder);
    const present = contents(join(checkout, 'src', 'wire', 'generated'));
    assert.deepEqual([...present.keys()], [...expected.keys()]);
    for (const [path, text] of expected) {
      assert.ok(present.get(path) === text, `src/wire/generated/${path} is out of date: npm run proto`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
