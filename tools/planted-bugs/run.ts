/**
 * npm run planted -- [--seeds N] [--seconds S] [--write FILE] [NAME...]
 *
 * Plants each bug of table.ts, lets the simulator look for it, and then runs the unchanged code over the same seeds. Prints a table;
 * exits 1 if a bug was not found within its budget, or if the unchanged code failed. `--write docs/PLANTED.md` keeps the table.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Hunt, hunt } from './hunt.ts';
import { report } from './report.ts';
import { plantedBug, plantedBugs } from './table.ts';

const SEEDS_DEFAULT = 3_000;
const SECONDS_DEFAULT = 180;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string' }, seconds: { type: 'string' }, write: { type: 'string' } },
});
const seeds = countOf('seeds', values.seeds, SEEDS_DEFAULT);
const seconds = countOf('seconds', values.seconds, SECONDS_DEFAULT);
const bugs = positionals.length === 0 ? plantedBugs : positionals.map(plantedBug);

const hunts: Hunt[] = [];
for (const bug of bugs) {
  const result = await hunt(bug, { seeds, seconds });
  hunts.push(result);
  console.log(line(result));
}

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
