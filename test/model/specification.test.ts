/**
 * spec/raft.tla holds, by TLC, where TLC is to be had (spec/README.md). No package brings it, so it is no program that a machine
 * lacks: without QUORATE_TLC only the map from the specification to the model checker is held.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { checkout } from '../support/program.ts';

const classPath = process.env['QUORATE_TLC'];
const specification = (name: string): string => readFileSync(join(checkout, 'spec', name), 'utf8');

it('every invariant that TLC is told to hold is defined, and mapped to one of the model checker', () => {
  const invariants = /^INVARIANTS (.+)$/m.exec(specification('raft.cfg'))?.[1]?.split(' ') ?? [];
  assert.ok(invariants.length >= 4, `the configuration names ${invariants.length} invariants`);
  for (const name of invariants) {
    assert.match(specification('raft.tla'), new RegExp(`^${name} ==`, 'm'));
    assert.match(specification('README.md'), new RegExp(`\\b${name}\\b`));
  }
});

if (classPath !== undefined) it('the specification of raft keeps its invariants', holdByTlc);

function holdByTlc(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'quorate-tlc-'));
  try {
    const options = ['-workers', 'auto', '-metadir', scratch, '-config', 'raft.cfg', 'raft.tla'];
    const { status, stdout } = spawnSync('java', ['-cp', classPath ?? '', 'tlc2.TLC', ...options], {
      cwd: join(checkout, 'spec'),
      encoding: 'utf8',
    });
    assert.match(stdout, /No error has been found/);
    assert.equal(status, 0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
