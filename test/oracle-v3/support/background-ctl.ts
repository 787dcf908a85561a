/** etcdctl runs of a script: to their end, or in the background with what they print as it comes. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { WAIT_MS_MAX } from '../../support/wait-bound.ts';

const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Ctl {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  #taken = 0;
  #wake = (): void => {};

  constructor(program: string, args: readonly string[], folder: string) {
    const child = spawn(program, args, {
      stdio: 'pipe',
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, ETCDCTL_API: '3', TZ: 'UTC' },
    });
    this.#child = child;
    running.add(child);
    // Bytes as characters: the protobuf format is no text.
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#stdout += text;
      this.#wake();
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.#stderr += text;
    });
    child.stdin.on('error', () => {
      // It ended without reading all of its input.
    });
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        running.delete(child);
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
        this.#wake();
      });
    });
  }

  send(text: string): void {
    this.#child.stdin.write(text);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** The next lines of its standard output, fewer if it ends. */
  async lines(count: number): Promise<string> {
    const lines: string[] = [];
    let isEnded = false;
    void this.#ended.then(
      () => {
        isEnded = true;
      },
      () => {
        isEnded = true;
      },
    );
    while (lines.length < count) {
      const end = this.#stdout.indexOf('\n', this.#taken);
      if (end >= 0) {
        lines.push(this.#stdout.slice(this.#taken, end));
        this.#taken = end + 1;
      } else if (isEnded) {
        lines.push('(end)');
        break;
      } else {
        const printed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await within(printed, () => `no line ${lines.length + 1}; standard error: ${this.#stderr}`);
      }
    }
    return lines.join('\n');
  }

  /** What `lines` has not given yet, once it has ended. */
  async rest(): Promise<Ended> {
    const ended = await within(this.#ended, () => 'it goes on');
    return { ...ended, stdout: ended.stdout.slice(this.#taken) };
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

async function within<T>(promise: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${WAIT_MS_MAX} ms: ${what()}`)), WAIT_MS_MAX);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
