/** What a checkout must be like, whoever clones it and wherever. */

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { QUORATE_VERSION } from '../../src/config/version.ts';
import { readmeWithReference } from '../../tools/readme.ts';
import { checkout } from '../support/program.ts';
import { trackedFiles } from './source-files.ts';

interface Lockfile {
  readonly version: string;
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly resolved?: string;
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const read = (path: string): string => readFileSync(join(checkout, path), 'utf8');
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;

test("the README's flag reference is what the flag table says (npm run readme writes it)", () => {
  const readme = read('README.md');
  assert.equal(readmeWithReference(readme), readme);
});

test('one version everywhere', () => {
  assert.equal((JSON.parse(read('package.json')) as { version: string }).version, QUORATE_VERSION);
  assert.equal(lockfile.version, QUORATE_VERSION);
  assert.ok(read('CHANGELOG.md').includes(`## ${QUORATE_VERSION}`));
});

test('the lockfile names no registry, and an entry for each package any system needs', () => {
  const missing: string[] = [];
  for (const [folder, entry] of Object.entries(lockfile.packages)) {
    assert.equal(entry.resolved, undefined, folder);
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      if (!isLocked(folder, name)) missing.push(`${name}, needed by ${folder === '' ? 'quorate' : folder}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** As Node looks for packages: in the package's own node_modules, then in each folder above. */
function isLocked(from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const entry =
      lockfile.packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`];
    if (entry?.version !== undefined) return true;
    if (folder === '') return false;
  }
}

test("no tracked file knows one machine's paths or a package registry's host", () => {
  // Written in pieces, so that this file does not find itself.
  const banned = [
    ['/wo', 'rk/'],
    ['/ho', 'me/'],
    ['registry.', 'npmjs'],
    ['npmjs.', 'org'],
  ].map((pieces) => pieces.join(''));
  const found: string[] = [];
  for (const path of trackedFiles()) {
    if (statSync(join(checkout, path)).size > 4_000_000) continue;
    const text = read(path);
    for (const word of banned) if (text.includes(word)) found.push(`${path} contains ${word}`);
  }
  assert.deepEqual(found, []);
});
