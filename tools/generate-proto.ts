/** `npm run proto`: src/wire/generated anew from proto/. Takes a folder to write to instead. */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const checkout = join(import.meta.dirname, '..');
const programs = join(checkout, 'node_modules', '.bin');
const target = process.argv[2] ?? join('src', 'wire', 'generated');

rmSync(join(checkout, target), { recursive: true, force: true });
const plugin = {
  local: 'protoc-gen-es',
  out: target,
  opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
};
const template = {
  version: 'v2',
  // raftpb.proto is an oracle of tests, which read it as it is.
  inputs: [{ directory: 'proto', exclude_paths: ['proto/raftpb.proto'] }],
  plugins: [plugin],
};
// Nothing of it needs a network.
execFileSync(join(programs, 'buf'), ['generate', '--template', JSON.stringify(template)], {
  cwd: checkout,
  env: { ...process.env, PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}` },
  stdio: 'inherit',
});
