/**
 * What a test needs besides Node. A test that cannot run here is skipped with the reason, never silently:
 *
 *     test('...', { skip: needs('etcd', 'root') }, ...)
 */

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isBuilt } from './program.ts';

/** The path of a program on PATH, or itself if it is a path, or undefined. */
export function which(program: string): string | undefined {
  if (program.includes('/')) return existsSync(program) ? program : undefined;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * The sentence saying what is missing, or false when all is there.
 * @param wanted programs by name; 'root' for the rights to make network namespaces and mounts; 'quorate' for the built server.
 */
export function needs(...wanted: readonly string[]): string | false {
  const missing: string[] = [];
  for (const name of wanted) {
    if (name === 'root') {
      if (process.getuid?.() !== 0) missing.push('root (network namespaces, mounts)');
    } else if (name === 'quorate') {
      if (!isBuilt()) missing.push('the built server: npm run build');
    } else if (which(name) === undefined) {
      missing.push(`the program '${name}'`);
    }
  }
  return missing.length === 0 ? false : `needs ${missing.join(' and ')}`;
}
