/** A member whose program is exchanged: the other one begins on the same directory, with the same flags. */

import type { Cluster, ClusterMember } from '../support/cluster.ts';
import { MemberProcess } from '../support/member-process.ts';
import type { Program } from '../support/program.ts';

/** In the cluster's list the member with the new program takes the place of the old one, whose process has to have ended. */
export function become(cluster: Cluster, member: ClusterMember, program: Program): ClusterMember {
  if (member.process.isRunning) throw new Error(`${member.name} still runs`);
  const changed = { ...member, process: new MemberProcess(program, member.process.flags) };
  cluster.members[cluster.members.indexOf(member)] = changed;
  return changed;
}
