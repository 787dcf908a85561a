/**
 * `npm run chaos -- --minutes M [--seed S] [--round-seconds N] [--quiet] [--out FOLDER]`: real servers under real faults, round after
 * round, each on a fresh cluster. Rounds take turns: three Quorate members with snapshots every few entries, and two Quorate
 * members with a real etcd one (if there is etcd), where snapshots cross between the two.
 *
 *   --workloads v2             which APIs the clients use, all unless told; a row of workloads.ts each
 *   --faults 'kill,one way'    only these of faults/table.ts
 *   --programs etcd,etcd,etcd  other members instead: quorate, etcd, etcd-3.5 (which ETCD_REFERENCE_35 names). Nothing but etcd's
 *                              own tries out a workload.
 *
 * A seed repeats the choice of faults and operations, not their timing. Exits 1 when a check fails; the logs, the histories and, if one
 * is not linearizable, its picture are then in a folder.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { needs } from '../test/support/needs.ts';
import { etcd, type Program, underTest } from '../test/support/program.ts';
import { slowDiskNeeds } from '../test/support/slow-disk.ts';
import { faults } from './faults/table.ts';
import { findFaketime } from './member-clock.ts';
import { addFigures, type Figures, type RoundResult, runRound } from './round.ts';
import { workloads } from './workloads.ts';

const { values: asked } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** Of the APIs the members serve, those that are used. */
    workloads: { type: 'string', default: 'v2,v3' },
    programs: { type: 'string' },
    /** Names from the table of faults: no others then. */
    faults: { type: 'string' },
    'round-seconds': { type: 'string', default: '120' },
    quiet: { type: 'boolean', default: false },
    out: { type: 'string', default: join(tmpdir(), 'quorate-chaos-failures') },
  },
});

/** Added to what is drawn from the seed, so that neighbouring seeds have no rounds in common. */
const seedStride = 0x9e37_79b9;
/** A round shorter than this tells little. */
const roundMsMin = 10_000;

function numberFrom(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name} ${text}: not a number`);
  return number;
}

const missing = asked.programs === undefined && needs('quorate');
if (missing !== false) throw new Error(missing);
const seed = asked.seed === undefined ? Date.now() % 0x1_0000_0000 : numberFrom('seed', asked.seed);
const endMs = performance.now() + numberFrom('minutes', asked.minutes) * 60_000;
const roundMs = Math.max(numberFrom('round-seconds', asked['round-seconds']) * 1000, roundMsMin);

const noSmallDisk = needs('root', 'mount', 'umount');
const noSlowDisk = slowDiskNeeds(tmpdir());
const faketime = findFaketime();
const noEtcd = needs(etcd.command);
console.log(`seed ${seed} (repeat with --seed ${seed})`);
for (const [what, why] of [
  ['full disks', noSmallDisk],
  ['slow disks', noSlowDisk],
  ['clock changes', faketime === undefined ? 'needs libfaketime (package faketime)' : false],
  ['mixed clusters', noEtcd],
] as const) {
  if (why !== false) console.log(`skipped: ${what}: ${why}`);
}

const known: readonly Program[] = [
  underTest,
  etcd,
  { ...etcd, name: 'etcd-3.5', command: process.env['ETCD_REFERENCE_35'] ?? 'etcd-3.5' },
];
/** The one so called. @throws for a name that is none. */
function programCalled(name: string): Program {
  const program = known.find((each) => each.name === name);
  if (program === undefined)
    throw new Error(`--programs ${name}: none of ${known.map((each) => each.name).join(', ')}`);
  const lacking = needs(program === underTest ? 'quorate' : program.command);
  if (lacking !== false) throw new Error(`--programs ${name}: ${lacking}`);
  return program;
}
const used = asked.workloads.split(',').flatMap((name) => {
  if (name !== 'v2' && name !== 'v3') throw new Error(`--workloads ${name}: neither v2 nor v3`);
  return workloads[name];
});
const drawn =
  asked.faults?.split(',').map((name) => {
    const fault = faults.find((each) => each.name === name);
    if (fault === undefined)
      throw new Error(`--faults ${name}: none of ${faults.map((each) => each.name).join(', ')}`);
    return fault;
  }) ?? faults;
const chosen = asked.programs?.split(',').map(programCalled);
const three: readonly Program[] = [underTest, underTest, underTest];
const mixed: readonly Program[] = [underTest, underTest, etcd];
let sum: Figures = {};
let rounds = 0;
do {
  const roundSeed = (seed + rounds * seedStride) >>> 0;
  const isMixed = chosen === undefined ? noEtcd === false && rounds % 3 === 2 : new Set(chosen).size > 1;
  const programs = chosen ?? (isMixed ? mixed : three);
  const snapshotCount = isMixed ? 200 : [50, 300][rounds % 2]!;
  const left = Math.max(endMs - performance.now(), roundMsMin);
  console.log(
    `round ${rounds}: ${programs.map(({ name }) => name).join(', ')}, --snapshot-count=${snapshotCount}, seed ${roundSeed}`,
  );
  const result = await runRound({
    seed: roundSeed,
    programs,
    snapshotCount,
    workloads: used,
    faults: drawn,
    // What is left over for one more round is not left over.
    faultsMs: left < 1.5 * roundMs ? left : roundMs,
    withSmallDisk: noSmallDisk === false,
    withSlowDisk: noSlowDisk === false,
    faketime,
    say: (what) => {
      if (!asked.quiet) console.log(what);
    },
  });
  rounds++;
  sum = addFigures(sum, result.figures);
  console.log(figuresText(result.figures));
  if (result.faults.length > 0) {
    console.log(`FAILED in round ${rounds - 1} of seed ${seed}:`);
    for (const fault of result.faults) console.log(`  ${fault}`);
    console.log(`logs and history: ${keepEvidence(result, roundSeed)}`);
    process.exitCode = 1;
  }
} while (process.exitCode === undefined && performance.now() < endMs - roundMsMin);
console.log(`${process.exitCode === undefined ? 'clean' : 'FAILED'}: ${rounds} rounds of seed ${seed}`);
console.log(figuresText(sum));

function figuresText(figures: Figures): string {
  const shown = Object.entries(figures).map(([name, figure]) => `${figure} ${name}`);
  return `  ${shown.join(', ')}`;
}

/** @returns the folder */
function keepEvidence(result: RoundResult, roundSeed: number): string {
  const folder = join(asked.out, String(roundSeed));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'faults.txt'), `${result.faults.join('\n')}\n`);
  for (const [name, text] of result.evidence) writeFileSync(join(folder, name), text);
  return folder;
}
