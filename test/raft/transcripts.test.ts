/**
 * The files in transcripts/ are scenarios of the thesis and what the core makes of them. To write them anew after a change of
 * behaviour: UPDATE_TRANSCRIPTS=1 node --import tsx --test test/raft/transcripts.test.ts, then read the diff.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runTranscript } from './transcript.ts';

const folder = join(import.meta.dirname, 'transcripts');

describe('raft transcripts', () => {
  for (const name of readdirSync(folder).sort()) {
    it(name.replace(/\.txt$/, '').replaceAll('-', ' '), () => {
      const path = join(folder, name);
      const written = readFileSync(path, 'utf8');
      const actual = runTranscript(written);
      if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(path, actual);
      else assert.equal(actual, written);
    });
  }

  it('every scenario stands in the table of the README', () => {
    const table = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    const missing = readdirSync(folder).filter(
      (name) => !table.includes(`\`${name.replace(/\.txt$/, '')}\``),
    );
    assert.deepEqual(missing, []);
  });
});
