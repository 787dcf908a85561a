/** Members for comparisons with a real etcd 3.5 (ETCD_REFERENCE_35). */

import type { TestContext } from 'node:test';
import { temporaryFolder } from '../../../support/data-folder.ts';
import { freePort } from '../../../support/free-ports.ts';
import { MemberProcess } from '../../../support/member-process.ts';
import { needs } from '../../../support/needs.ts';
import type { Program } from '../../../support/program.ts';

const etcd35 = process.env['ETCD_REFERENCE_35'];

/** The sentence saying what is missing, or false. */
export const needsEtcd35: string | false =
  etcd35 === undefined ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5' : needs(etcd35);

export const etcd35Program: Program = { name: 'etcd 3.5', command: etcd35 ?? '', extraFlags: [] };

/** The client port of a member that advertises the default URLs wherever it listens, so that ids are equal in every run. */
export async function startMember(
  t: TestContext,
  program: Program,
  flags: readonly string[],
): Promise<number> {
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const data = temporaryFolder('gateway-oracle');
  const member = new MemberProcess(program, [
    `--data-dir=${data}/data`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    '--advertise-client-urls=http://127.0.0.1:2379',
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://127.0.0.1:2380',
    ...flags,
  ]);
  t.after(() => member.kill());
  await member.start();
  return clientPort;
}
