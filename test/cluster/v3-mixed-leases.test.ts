/**
 * Many renewals at once through the Quorates of a mixed cluster. One that follows asks a leader of its own kind for all of a turn with one question,
 * and an etcd, which knows no such question, for each alone.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { etcd, type Program, underTest } from '../support/program.ts';
import { moveLeader } from './move-leader.ts';
import { callGateway } from './v3-gateway.ts';
import { etcd35, needsEtcd35 } from './v3-programs.ts';

const ttl = 600;
const leases = Array.from({ length: 30 }, (_, at) => BigInt(at + 1));

/** TTLs by id, of one stream that asks for all at once. */
async function renewAll(
  { clientUrl }: ClusterMember,
  ids: readonly bigint[],
): Promise<readonly [string, string][]> {
  const body = ids.map((ID) => JSON.stringify({ ID: String(ID) })).join('');
  const answer = await fetch(`${clientUrl}/v3/lease/keepalive`, { method: 'POST', body });
  const lines = (await answer.text()).trimEnd().split('\n');
  return lines.map((line) => {
    const { result } = JSON.parse(line) as { result: { ID: string; TTL?: string } };
    return [result.ID, result.TTL ?? '0'];
  });
}

async function mixed(t: TestContext, programs: readonly Program[]): Promise<void> {
  const cluster = await Cluster.start(t, { programs });
  const { members } = cluster;
  const [first] = members;
  for (const ID of leases)
    await callGateway(first!.clientUrl, '/v3/lease/grant', { ID: String(ID), TTL: ttl });
  const unknown = 0x7000n;
  const asked = [...leases, unknown, ...leases];
  const expected = asked.map((id) => [String(id), id === unknown ? '0' : String(ttl)]);
  for (const kind of new Set(programs)) {
    const leader = members.find(({ process }) => process.program === kind)!;
    await moveLeader(cluster, leader);
    for (const member of members.filter(({ process }) => process.program === underTest)) {
      assert.deepEqual(await renewAll(member, asked), expected, `${member.name}, while ${leader.name} leads`);
    }
  }
}

test('etcd 3.4 and two Quorates', { skip: needs('etcd', 'quorate') }, (t) =>
  mixed(t, [etcd, underTest, underTest]),
);
test('etcd 3.5 and two Quorates', { skip: needsEtcd35('quorate') }, (t) =>
  mixed(t, [etcd35, underTest, underTest]),
);
