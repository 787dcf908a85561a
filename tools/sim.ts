/**
 * npm run sim -- --seed N            one run: exits 0, or 1 for a correctness failure, 2 for a liveness failure, 3 for a crash
 * npm run sim -- --from S --count N  a range of seeds
 * npm run sim -- --minutes M         fresh seeds until the time is up
 *   --jobs J      processes for more than one seed; the default is one for each core
 *   --verbose     tells the story of the run (with --seed)
 *   --picture F   where the picture of a history that is not linearizable goes (with --seed)
 */
import { parseArgs } from 'node:util';
import { runMany, serveSeeds } from './sim/many-seeds.ts';
import { runOne } from './sim/one-seed.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string' },
    count: { type: 'string' },
    minutes: { type: 'string' },
    jobs: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    picture: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
});

function number(name: 'seed' | 'from' | 'count' | 'minutes' | 'jobs'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const parsed = Number(text);
  if (
    text === '' ||
    !Number.isFinite(parsed) ||
    parsed < 0 ||
    (name !== 'minutes' && !Number.isInteger(parsed))
  ) {
    console.error(`--${name} ${text}: not a number that makes sense here`);
    process.exit(64);
  }
  return parsed;
}

const seed = number('seed');
const from = number('from');
const count = number('count');
const minutes = number('minutes');
const jobs = number('jobs');
const ways = [values.serve, seed !== undefined, from !== undefined, minutes !== undefined].filter(Boolean);
if (ways.length !== 1 || (from === undefined) !== (count === undefined)) {
  console.error('usage: npm run sim -- --seed N [--verbose] | --from S --count N | --minutes M [--jobs J]');
  process.exit(64);
}
if (values.serve) serveSeeds();
else if (seed !== undefined) process.exitCode = await runOne(seed, values.verbose, values.picture);
else if (from !== undefined) process.exitCode = await runMany({ from, count: count!, jobs });
else process.exitCode = await runMany({ minutes: minutes!, jobs });
