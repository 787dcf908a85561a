/** Runs a command to its end. */

import { execFile } from 'node:child_process';
import { WAIT_MS_MAX } from './wait-bound.ts';

export interface CommandOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/**
 * @returns what it printed on standard output.
 * @throws with both outputs when it ends with another code than 0 or takes too long.
 */
export function command(words: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program, ...args] = words;
  return new Promise((resolve, reject) => {
    execFile(
      program!,
      args,
      {
        timeout: options.timeoutMs ?? WAIT_MS_MAX,
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, ...options.environment },
        ...(options.folder === undefined ? {} : { cwd: options.folder }),
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${words.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      },
    );
  });
}

/** Runs one line in a POSIX shell, for commands that are to be shown word for word. */
export function shell(line: string, options: CommandOptions = {}): Promise<string> {
  return command(['sh', '-c', line], options);
}
