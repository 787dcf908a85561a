/**
 * One member as an operating-system process: started, waited for, signalled by its own process id, its log kept.
 *
 * Invariant: no process outlives the test process; what is still running at exit is killed.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import type { Program } from './program.ts';
import { WAIT_MS_MAX } from './wait-bound.ts';

const readyLine = 'ready to serve client requests';
const logBytesMax = 8 * 1024 * 1024;

export interface Exit {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessPlace {
  /** Put before the command, e.g. ['ip', 'netns', 'exec', 'a']; must exec, so that the process id stays the member's. */
  readonly prefix?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The working directory. */
  readonly folder?: string;
}

interface LogWaiter {
  readonly text: string | RegExp;
  readonly from: number;
  readonly found: () => void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class MemberProcess {
  readonly program: Program;
  /** Flags as started, the program's extra ones aside; may be changed between two starts. */
  flags: readonly string[];
  readonly #place: ProcessPlace;
  /** Everything printed by all runs so far. */
  log = '';
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #startOffset = 0;
  readonly #waiters = new Set<LogWaiter>();

  constructor(program: Program, flags: readonly string[], place: ProcessPlace = {}) {
    this.program = program;
    this.flags = flags;
    this.#place = place;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the member is not running');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** What the present (or last) run has printed. */
  get runLog(): string {
    return this.log.slice(this.#startOffset);
  }

  /** Starts the process; says nothing about it being ready. */
  launch(): void {
    if (this.#child !== undefined) throw new Error('the member is running already');
    this.#startOffset = this.log.length;
    const [command, ...args] = [
      ...(this.#place.prefix ?? []),
      this.program.command,
      ...this.flags,
      ...this.program.extraFlags,
    ];
    const child = spawn(command!, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#place.environment },
      cwd: this.#place.folder,
    });
    this.#child = child;
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#print(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#print(text));
    this.#exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        if (this.#child === child) this.#child = undefined;
        running.delete(child);
        resolve(exit);
      };
      // 'close' comes after the last output, 'exit' may come before it.
      child.once('close', (code, signal) => end({ code, signal }));
      child.once('error', (error) => {
        this.#print(String(error));
        end({ code: 127, signal: null });
      });
    });
  }

  /** Starts the process and waits until it serves clients. */
  async start(boundMs = WAIT_MS_MAX): Promise<void> {
    this.launch();
    await this.waitForLog(readyLine, boundMs);
  }

  /** Resolves when the process has ended and all its output has arrived. */
  exited(): Promise<Exit> {
    return this.#exited;
  }

  /** Like `exited`, with a bound; the log is in the error. */
  async waitForExit(boundMs = WAIT_MS_MAX): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#failure(`still running after ${boundMs} ms`)), boundMs);
    });
    try {
      return await Promise.race([this.#exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for a piece of text in the present run's output. */
  async waitForLog(text: string | RegExp, boundMs = WAIT_MS_MAX): Promise<void> {
    const child = this.#child;
    let waiter: LogWaiter | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { text, from: this.#startOffset, found: resolve };
        if (this.#matches(waiter)) return resolve();
        if (child === undefined) return reject(this.#failure(`ended without printing ${text}`));
        this.#waiters.add(waiter);
        timer = setTimeout(() => reject(this.#failure(`did not print ${text} in ${boundMs} ms`)), boundMs);
        void this.#exited.then((exit) =>
          reject(this.#failure(`ended (${exit.code ?? exit.signal}) without printing ${text}`)),
        );
      });
    } finally {
      clearTimeout(timer);
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** SIGKILL, and waits for the end; nothing if it does not run. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and waits for the end. */
  async stop(boundMs = WAIT_MS_MAX): Promise<Exit> {
    this.signal('SIGTERM');
    return this.waitForExit(boundMs);
  }

  #print(text: string): void {
    if (this.log.length < logBytesMax) this.log += text;
    for (const waiter of this.#waiters) if (this.#matches(waiter)) waiter.found();
  }

  #matches(waiter: LogWaiter): boolean {
    const printed = this.log.slice(waiter.from);
    return typeof waiter.text === 'string' ? printed.includes(waiter.text) : waiter.text.test(printed);
  }

  #failure(what: string): Error {
    const tail = this.runLog.split('\n').slice(-25).join('\n');
    return new Error(
      `${this.program.name} ${this.flags.slice(0, 2).join(' ')} ${what}; its log ends:\n${tail}`,
    );
  }
}
