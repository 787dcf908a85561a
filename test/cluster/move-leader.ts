/** Moves leadership to a member through the leader's API, as an operator does it. */

import type { Cluster, ClusterMember } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { callGateway } from './v3-gateway.ts';

export async function moveLeader(cluster: Cluster, target: ClusterMember): Promise<void> {
  await until(`${target.name} leads`, async () => {
    const leader = await cluster.leader();
    if (leader === target) return true;
    const { members } = await callGateway(leader.clientUrl, '/v3/cluster/member/list', {});
    const listed = members as { name: string; ID: string }[];
    const { ID: targetID } = listed.find(({ name }) => name === target.name)!;
    // If it is not done in time it may be done yet: who leads is asked again.
    await callGateway(leader.clientUrl, '/v3/maintenance/transfer-leadership', { targetID });
    return false;
  });
}
