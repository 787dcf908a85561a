/** The tracked files and the sources' imports, as the house rules look at them. */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { checkout } from '../support/program.ts';

export interface SourceFile {
  /** Relative to src/, e.g. 'raft/types.ts'. */
  readonly path: string;
  /** First folder of the path. */
  readonly folder: string;
  readonly text: string;
  /** The text without comments and without the insides of strings. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** Relative to src/ for own files, otherwise as written. */
  readonly target: string;
  readonly own: boolean;
  /** Erased by the compiler: there is nothing of it at run time. */
  readonly typeOnly: boolean;
}

export function sourceFiles(): readonly SourceFile[] {
  const root = join(checkout, 'src');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, folder: path.split('/')[0]!, text, code: codeOf(text), imports: importsOf(path, text) };
    });
}

/** Names of the files git tracks, or of all files where there is no git. */
export function trackedFiles(): readonly string[] {
  try {
    const output = execFileSync('git', ['ls-files', '-z'], { cwd: checkout, encoding: 'utf8' });
    return output.split('\0').filter((path) => path !== '' && existsSync(join(checkout, path)));
  } catch {
    return readdirSync(checkout, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(checkout.length))
      .filter((path) => !/^(node_modules|dist|image|\.git)\//.test(path));
  }
}

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
  for (const match of text.matchAll(statement)) {
    const clause = match[0];
    const named = /\{([^}]*)\}/.exec(clause)?.[1];
    const allNamesAreTypes =
      named !== undefined &&
      /^\s*(?:import|export)\s*\{/.test(clause) &&
      named
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .every((name) => name.startsWith('type '));
    const written = match[2]!;
    const own = written.startsWith('.');
    found.push({
      target: own ? normalize(join(dirname(path), written)) : written,
      own,
      typeOnly: match[1] !== undefined || allNamesAreTypes,
    });
  }
  return found;
}

function codeOf(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{))*`/g,
    (piece) => (piece.startsWith('/') ? ' ' : "''"),
  );
}
