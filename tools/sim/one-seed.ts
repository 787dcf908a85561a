/** One run in this process, told to whoever reads the terminal. */
import { writeFileSync } from 'node:fs';
import { RunCheckers } from '../../src/sim/checkers/run-checkers.ts';
import { narrate } from '../../src/sim/narrate.ts';
import { CheckFailure } from '../../src/sim/observation.ts';
import { type RunOutcome, type RunResult, runSimulation } from '../../src/sim/simulation.ts';

export const EXIT_CODES: Readonly<Record<RunOutcome, number>> = {
  ok: 0,
  correctness: 1,
  liveness: 2,
  crash: 3,
};

/** Returns the exit code. */
export async function runOne(seed: number, verbose: boolean, picture?: string): Promise<number> {
  // What the code under test throws where nobody catches it ends the run at once.
  const onStray = (error: unknown): void => {
    console.error(`seed ${seed}: crash: uncaught`, error);
    process.exit(EXIT_CODES.crash);
  };
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray);
  const result = await runSimulation(seed, {
    checkers: [new RunCheckers()],
    ...(verbose && {
      listener: (observation) => {
        const line = narrate(observation);
        if (line !== undefined) console.log(line);
      },
    }),
  });
  report(result);
  const { failure } = result;
  if (failure instanceof CheckFailure && failure.html !== undefined) {
    const path = picture ?? `sim-failure-${seed}.html`;
    writeFileSync(path, failure.html);
    console.log(`picture: ${path}`);
  }
  return EXIT_CODES[result.outcome];
}

function report({ seed, outcome, failure, digest, simulatedMs, events, counts }: RunResult): void {
  const { operations, answered, elections, watchEvents, observations, faults } = counts;
  console.log(`seed ${seed}: ${outcome}`);
  if (failure !== undefined) console.log(outcome === 'crash' ? (failure.stack ?? failure) : failure.message);
  if (failure?.cause !== undefined) console.log('cause:', failure.cause);
  console.log(`digest ${digest}`);
  console.log(
    `simulated ${(simulatedMs / 1000).toFixed(1)} s: ${events} events, ${observations} observations, ${elections} elections, ` +
      `${operations} operations (${answered} answered), ${watchEvents} watch events`,
  );
  console.log(`faults: ${faultsText(faults)}`);
}

export function faultsText(faults: ReadonlyMap<string, number>): string {
  return [...faults].map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}
