/** Runs the test files, each in a process of its own, and reports: a line a file, failures in full, what was skipped and why. */

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run, type TestsStream } from 'node:test';
import { inspect } from 'node:util';
import { checkout } from './prepare-checkout.mjs';

interface FileTally {
  passed: number;
  failed: number;
  skipped: number;
  durationMs: number;
}

interface Lane {
  readonly files: string[];
  readonly concurrency: number;
}

interface Skipped {
  readonly test: string;
  readonly reason: string;
}

const words = process.argv.slice(2);
const files = readdirSync(join(checkout, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join(checkout, 'test', name))
  .filter((path) => words.length === 0 || words.some((word) => relative(checkout, path).includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file's path contains ${words.join(' or ')}`);
  process.exit(1);
}

const isFull = process.env['QUORATE_FULL'] === '1';
const requireAll = process.env['QUORATE_REQUIRE_ALL'] === '1';
const startMs = performance.now();
const tallies = new Map<string, FileTally>();
const skipped: Skipped[] = [];
const failures: string[] = [];

function tallyOf(file: string | undefined): FileTally {
  const key = file === undefined ? 'unknown file' : relative(checkout, file);
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = { passed: 0, failed: 0, skipped: 0, durationMs: 0 };
    tallies.set(key, tally);
  }
  return tally;
}

const jobs = Number(process.env['QUORATE_TEST_JOBS'] ?? '2');
/** Of a file that hangs; no file takes a tenth of it. */
const timeout = isFull ? 3_600_000 : 1_800_000;
/** Members as processes wait for one another most of the time: they have a lane of their own beside the others. */
const isOfProcesses = (path: string): boolean =>
  /^test[/\\](?:chaos|cluster)[/\\]/.test(relative(checkout, path));
const lanes: readonly Lane[] =
  jobs > 1
    ? [
        { files: files.filter((path) => !isOfProcesses(path)), concurrency: jobs },
        { files: files.filter(isOfProcesses), concurrency: 1 },
      ].filter((lane) => lane.files.length > 0)
    : [{ files, concurrency: 1 }];
let lanesAtWork = lanes.length;
for (const lane of lanes) follow(run({ ...lane, timeout }));

function follow(stream: TestsStream): void {
  stream.on('test:pass', (event) => {
    const tally = tallyOf(event.file);
    if (event.nesting === 0) tally.durationMs += event.details.duration_ms;
    if (event.details.type === 'suite' && event.skip === undefined) return;
    if (event.skip !== undefined && event.skip !== false) {
      tally.skipped++;
      skipped.push({
        test: event.name,
        reason: event.skip === true ? 'no reason given' : String(event.skip),
      });
      return;
    }
    tally.passed++;
  });
  stream.on('test:fail', (event) => {
    const tally = tallyOf(event.file);
    if (event.nesting === 0) tally.durationMs += event.details.duration_ms;
    const error: Error & { readonly failureType?: string } = event.details.error;
    // The tests inside have said so themselves.
    if (error.failureType === 'subtestsFailed') return;
    tally.failed++;
    const cause = error.cause ?? error;
    const where = event.file === undefined ? '' : ` (${relative(checkout, event.file)})`;
    const title = `FAILED ${event.name}${where}`;
    const reason = inspect(cause, { depth: 6 });
    failures.push(`${title}\n${reason}`);
    // The report at the end has it whole; this is for who sees the output up to here only.
    console.log(`${title}\n${reason.split('\n').slice(0, 12).join('\n')}`);
  });
  stream.on('test:stderr', (event) => process.stderr.write(event.message));
  stream.on('test:diagnostic', (event) => {
    if (event.nesting > 0 || /^seed /.test(event.message)) console.log(`  ${event.message}`);
  });
  stream.on('end', () => {
    if (--lanesAtWork === 0) report();
  });
  stream.resume();
}

function report(): void {
  let passed = 0;
  for (const [file, tally] of [...tallies].sort()) {
    passed += tally.passed;
    const parts = [`${tally.passed} passed`];
    if (tally.failed > 0) parts.push(`${tally.failed} FAILED`);
    if (tally.skipped > 0) parts.push(`${tally.skipped} skipped`);
    console.log(`${file}: ${parts.join(', ')} (${Math.round(tally.durationMs)} ms)`);
  }
  for (const { test, reason } of skipped) console.log(`skipped: ${test}: ${reason}`);
  if (failures.length > 0) console.log(`\n${failures.join('\n\n')}\n`);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(
    `${passed} tests passed, ${failures.length} failed, ${skipped.length} skipped in ${files.length} files, ${seconds} s`,
  );
  if (requireAll && skipped.length > 0) console.log('QUORATE_REQUIRE_ALL=1: no test may be skipped here');
  process.exitCode = failures.length > 0 || (requireAll && skipped.length > 0) ? 1 : 0;
}
