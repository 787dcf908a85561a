/**
 * `npm test`: format and lint, types, then every test. Words after `--` pick test files whose path contains one of them, and leave
 * the first two steps out.
 *
 *   QUORATE_FULL=1         tests at their full length
 *   QUORATE_REQUIRE_ALL=1  a skipped test is a failure
 *   QUORATE_TEST_JOBS=n    test files at a time, and beside them one of those that start members as processes; default 2. 1: one of all
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout, prepareCheckout } from './prepare-checkout.mjs';

prepareCheckout();

const words = process.argv.slice(2);
const local = (name) => join(checkout, 'node_modules', '.bin', name);
const steps = [
  ...(words.length > 0
    ? []
    : [
        { what: 'format and lint', command: local('biome'), args: ['check', '--error-on-warnings', '.'] },
        { what: 'types', command: local('tsc'), args: ['-p', 'tsconfig.json'] },
      ]),
  {
    what: 'tests',
    command: process.execPath,
    args: ['--import', 'tsx', join(checkout, 'tools', 'run-tests.ts'), ...words],
  },
];

const failed = [];
for (const { what, command, args } of steps) {
  console.log(`== ${what}`);
  const result = spawnSync(command, args, {
    cwd: checkout,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) failed.push(what);
}
console.log(failed.length === 0 ? '== all good' : `== FAILED: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
