/** spec/raft.tla holds, by TLC, where TLC is to be had (spec/README.md). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { checkout } from '../support/program.ts';

const classPath = process.env['QUORATE_TLC'];
const skip = classPath === undefined && 'TLC is not installed: QUORATE_TLC names its class path';

it('the specification of raft keeps its invariants', { skip }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'quorate-tlc-'));
  try {
    const options = ['-workers', 'auto', '-metadir', scratch, '-config', 'raft.cfg', 'raft.tla'];
    const { status, stdout } = spawnSync('java', ['-cp', classPath!, 'tlc2.TLC', ...options], {
      cwd: join(checkout, 'spec'),
      encoding: 'utf8',
    });
    assert.match(stdout, /No error has been found/);
    assert.equal(status, 0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
