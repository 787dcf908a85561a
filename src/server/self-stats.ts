import type { SelfStats } from './contract.ts';
import type { Leadership } from './leadership.ts';
import type { ServerParts } from './server-parts.ts';

/** What `/v2/stats/self` tells. `startTimeMs` is wall time. */
export function selfStatsOf(
  { memberId, network, raft }: ServerParts,
  name: string,
  leadership: Leadership,
  startTimeMs: number,
): SelfStats {
  const received = network.stats.receivedAppends();
  const sent = network.stats.sentAppends();
  return {
    name,
    id: memberId,
    role: raft.role,
    startTimeMs,
    leader: leadership.leader,
    leaderSinceMs: leadership.sinceWallMs,
    receivedAppendCount: received.count,
    receivedPackageRate: received.packageRate,
    receivedBandwidthRate: received.bandwidthRate,
    sentAppendCount: sent.count,
    sentPackageRate: sent.packageRate,
    sentBandwidthRate: sent.bandwidthRate,
  };
}
