/**
 * Makes a checkout ready: installs packages and builds what is missing or older than its sources. Plain JavaScript on Node
 * alone, since it runs before anything is installed.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, without a trailing slash. */
export const checkout = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');

const windows = process.platform === 'win32';

/** Installs and builds what is missing. Ends the process when that fails: npm and tsc have said why. */
export function prepareCheckout() {
  requireNode();
  // Installing builds too: npm runs the script 'prepare'.
  if (!isInstalled()) run('npm', ['ci', '--include=dev', '--no-fund', '--no-audit'], 'installing packages');
  if (!isBuilt()) run('npm', ['run', '--silent', 'build'], 'building');
}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  const wanted = /(\d+)\.(\d+)/.exec(engines.node);
  const present = /(\d+)\.(\d+)/.exec(process.version);
  const enough =
    Number(present[1]) > Number(wanted[1]) ||
    (present[1] === wanted[1] && Number(present[2]) >= Number(wanted[2]));
  if (enough) return;
  console.error(`quorate needs Node.js ${engines.node}; this is ${process.version}.`);
  process.exit(1);
}

/** npm leaves a copy of the lockfile it installed from; it is as new as the last install. A link leads to what another checkout keeps: npm would empty it. */
function isInstalled() {
  const modules = lstatSync(join(checkout, 'node_modules'), { throwIfNoEntry: false });
  if (modules?.isSymbolicLink()) return true;
  const installed = join(checkout, 'node_modules', '.package-lock.json');
  return existsSync(installed) && isNewer(installed, join(checkout, 'package-lock.json'));
}

function isBuilt() {
  const built = join(checkout, 'dist', 'bin', 'quorate.js');
  if (!existsSync(built)) return false;
  const inputs = ['tsconfig.json', 'tsconfig.build.json'].map((name) => join(checkout, name));
  for (const entry of readdirSync(join(checkout, 'src'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) inputs.push(join(entry.parentPath ?? entry.path, entry.name));
  }
  return inputs.every((input) => isNewer(built, input));
}

function isNewer(one, other) {
  return statSync(one).mtimeMs >= statSync(other).mtimeMs;
}

function run(command, args, what) {
  console.error(`${what}: ${command} ${args.join(' ')}`);
  const result = spawnSync(command, args, { cwd: checkout, stdio: ['ignore', 2, 2], shell: windows });
  if (result.status === 0) return;
  console.error(`${what} failed${result.error === undefined ? '' : `: ${result.error.message}`}`);
  process.exit(1);
}
