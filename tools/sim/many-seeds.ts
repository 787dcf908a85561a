/** Many runs, in child processes, so that every core works and a run that breaks its process breaks no other. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { type RunOutcome, runSimulation } from '../../src/sim/simulation.ts';
import { faultsText } from './one-seed.ts';

/** What a child tells of one run. */
interface RunReport {
  readonly seed: number;
  readonly outcome: RunOutcome;
  readonly message: string;
  readonly digest: string;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly elections: number;
  readonly faults: readonly (readonly [string, number])[];
}

export type Seeds =
  | { readonly from: number; readonly count: number; readonly jobs: number | undefined }
  | { readonly minutes: number; readonly jobs: number | undefined };

const PROGRAM = fileURLToPath(new URL('../sim.ts', import.meta.url));
const PROGRESS_MS = 10_000;
/** A run that takes longer hangs. */
const RUN_MS_MAX = 300_000;

/** In the child: runs the seeds that the parent names, one after the other. */
export function serveSeeds(): void {
  process.on('message', async (seed: number) => {
    const { outcome, failure, digest, simulatedMs, counts } = await runSimulation(seed, {
      checkers: [new RunCheckers()],
    });
    const report: RunReport = {
      seed,
      outcome,
      message: failure?.message ?? '',
      digest,
      simulatedMs,
      operations: counts.operations,
      elections: counts.elections,
      faults: [...counts.faults],
    };
    process.send!(report);
  });
}

/** Returns the exit code. */
export async function runMany(seeds: Seeds): Promise<number> {
  const many = new ManySeeds(seeds);
  return many.run();
}

class ManySeeds {
  readonly #seeds: Seeds;
  readonly #startMs = performance.now();
  readonly #first: number;
  readonly #failed: RunReport[] = [];
  readonly #faults = new Map<string, number>();
  #next = 0;
  #done = 0;
  #simulatedMs = 0;
  #operations = 0;
  #elections = 0;

  constructor(seeds: Seeds) {
    this.#seeds = seeds;
    this.#first = 'from' in seeds ? seeds.from : Date.now() % 1_000_000_000;
  }

  async run(): Promise<number> {
    const jobs = this.#seeds.jobs ?? availableParallelism();
    console.log(`seeds from ${this.#first} on, ${jobs} at a time`);
    const progress = setInterval(() => this.#progress(), PROGRESS_MS);
    await Promise.all(Array.from({ length: jobs }, () => this.#work()));
    clearInterval(progress);
    this.#progress();
    console.log(`faults: ${faultsText(new Map([...this.#faults].sort(([a], [b]) => (a < b ? -1 : 1))))}`);
    for (const { seed, outcome } of this.#failed)
      console.log(`failed (${outcome}): npm run sim -- --seed ${seed}`);
    return this.#failed.length === 0 ? 0 : 1;
  }

  #takeSeed(): number | undefined {
    const seeds = this.#seeds;
    const isOver =
      'count' in seeds
        ? this.#next >= seeds.count
        : performance.now() - this.#startMs >= seeds.minutes * 60_000;
    return isOver ? undefined : this.#first + this.#next++;
  }

  async #work(): Promise<void> {
    let child: ChildProcess | undefined;
    for (let seed = this.#takeSeed(); seed !== undefined; seed = this.#takeSeed()) {
      child ??= fork(PROGRAM, ['--serve'], {
        execArgv: process.execArgv,
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      });
      const report = await this.#ask(child, seed);
      if (child.exitCode !== null || child.signalCode !== null) child = undefined;
      this.#add(report);
    }
    child?.disconnect();
  }

  #ask(child: ChildProcess, seed: number): Promise<RunReport> {
    return new Promise((resolve) => {
      let said = '';
      const onSaid = (text: Buffer): void => {
        said = (said + text.toString()).slice(-4_000);
      };
      const finish = (report: RunReport): void => {
        clearTimeout(timer);
        child.stderr?.off('data', onSaid);
        child.off('exit', onExit).off('message', finish);
        resolve(report);
      };
      const broken = (message: string): RunReport => ({
        seed,
        outcome: 'crash',
        message,
        digest: '',
        simulatedMs: 0,
        operations: 0,
        elections: 0,
        faults: [],
      });
      const onExit = (): void => finish(broken(`the process ended: ${said}`));
      const timer = setTimeout(() => {
        child.off('exit', onExit);
        child.once('exit', () => finish(broken(`no end after ${RUN_MS_MAX / 1000} s`)));
        child.kill('SIGKILL');
      }, RUN_MS_MAX);
      child.stderr?.on('data', onSaid);
      child.on('exit', onExit).on('message', finish);
      child.send(seed);
    });
  }

  #add(report: RunReport): void {
    this.#done++;
    this.#simulatedMs += report.simulatedMs;
    this.#operations += report.operations;
    this.#elections += report.elections;
    for (const [name, count] of report.faults) this.#faults.set(name, (this.#faults.get(name) ?? 0) + count);
    if (report.outcome === 'ok') return;
    this.#failed.push(report);
    console.log(`seed ${report.seed}: ${report.outcome}: ${report.message.slice(0, 1_000)}`);
  }

  #progress(): void {
    const seconds = Math.round((performance.now() - this.#startMs) / 1000);
    let faults = 0;
    for (const count of this.#faults.values()) faults += count;
    console.log(
      `${seconds} s: ${this.#done} seeds, ${(this.#simulatedMs / 3_600_000).toFixed(2)} simulated hours, ${this.#operations} operations, ` +
        `${this.#elections} elections, ${faults} faults, ${this.#failed.length} failed`,
    );
  }
}
