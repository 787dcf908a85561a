/**
 * npm run planted -- [--seeds N] [--seconds S] [--jobs J] [--write FILE] [NAME...]
 *
 * Plants each bug of table.ts, lets the simulator look for it, and then runs the unchanged code over the same seeds. Prints a table;
 * exits 1 if a bug was not found within its budget, or if the unchanged code failed. `--write docs/PLANTED.md` keeps the table.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Hunt, hunt } from './hunt.ts';
import { report } from './report.ts';
import { type PlantedBug, plantedBug, plantedBugs } from './table.ts';

const SEEDS_DEFAULT = 3_000;
const SECONDS_DEFAULT = 300;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    jobs: { type: 'string' },
    write: { type: 'string' },
  },
});
const seeds = countOf('seeds', values.seeds, SEEDS_DEFAULT);
const seconds = countOf('seconds', values.seconds, SECONDS_DEFAULT);
if (values.write !== undefined && positionals.length > 0) {
  throw new RangeError('--write keeps the whole table: name no bugs with it');
}
const jobs = countOf('jobs', values.jobs, 1);
const bugs = positionals.length === 0 ? plantedBugs : positionals.map(plantedBug);

const hunts = await huntAll(bugs);

const missed = hunts.filter(({ finding }) => finding.found === undefined);
const cleanRuns: Hunt[] = [];
let failed = missed.length > 0;
for (const { bug } of missed) console.log(`not found: ${bug?.name}, planted in ${bug?.file}`);
for (const finder of ['server', 'small-server', 'raft'] as const) {
  const most = Math.max(
    0,
    ...hunts.filter((each) => each.finder === finder).map(({ finding }) => finding.seeds),
  );
  if (most === 0) continue;
  const clean = await hunt(finder, { seeds: most, seconds: seconds * 3 });
  console.log(line(clean));
  cleanRuns.push(clean);
  if (clean.finding.found !== undefined) failed = true;
}
console.log(`${hunts.length - missed.length} of ${hunts.length} planted bugs found`);
if (values.write !== undefined) writeFileSync(values.write, report(hunts, cleanRuns));
process.exitCode = failed ? 1 : 0;

/** In the order of the bugs. */
async function huntAll(targets: readonly PlantedBug[]): Promise<Hunt[]> {
  const results: Hunt[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < targets.length; at = next++) {
      const result = await hunt(targets[at]!, { seeds, seconds });
      results[at] = result;
      console.log(line(result));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results;
}

function line({ bug, finding, finder }: Hunt): string {
  const { seeds, seconds, found } = finding;
  const name = bug?.name ?? `(unchanged code, ${finder})`;
  const what =
    found === undefined ? 'nothing' : `${found.by}: ${found.message.slice(0, 120)} (seed ${found.seed})`;
  return `${name.padEnd(38)} ${String(seeds).padStart(5)} seeds ${seconds.toFixed(1).padStart(6)} s  ${what}`;
}

function countOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new RangeError(`--${name} must be a positive whole number, not ${text}`);
}
