/** A member of one that begins with what etcd's own tool has made of a snapshot file. */

import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { command } from './command.ts';
import { temporaryFolder } from './data-folder.ts';
import { freePort } from './free-ports.ts';
import { MemberProcess } from './member-process.ts';
import { PATIENCE } from './patient-etcdctl.ts';
import type { Program } from './program.ts';

/** A tool of etcd's that speaks v3. */
export function runV3Tool(program: string, ...words: string[]): Promise<string> {
  const patience = basename(program) === 'etcdctl' ? PATIENCE : [];
  return command([program, ...patience, ...words], { environment: { ETCDCTL_API: '3' } });
}

/** Runs until the end of the test. `tool`: of `snapshot restore`; `more`: further flags of it. */
export async function startRestored(
  t: TestContext,
  program: Program,
  tool: string,
  file: string,
  ...more: string[]
): Promise<{ readonly url: string; readonly member: MemberProcess }> {
  const folder = join(temporaryFolder('restored'), 'data');
  const [url, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const place = ['--name=other', `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=other=${peer}`];
  await runV3Tool(tool, 'snapshot', 'restore', file, `--data-dir=${folder}`, ...place, ...more);
  const member = new MemberProcess(program, [
    ...place,
    `--data-dir=${folder}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
  ]);
  t.after(() => member.kill());
  await member.start();
  return { url, member };
}
