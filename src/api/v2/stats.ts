/** /v2/stats: figures of this member, its followers and its store, with etcd's field names. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { Role } from '../../raft/types.ts';
import type { FollowerStats, QuorateServer } from '../../server/contract.ts';
import { formatRfc3339 } from '../../store/v2/rfc3339.ts';
import { encodeStoreStats } from '../../store/v2/store-stats.ts';
import { quoteGo } from '../../wire/go-json.ts';
import { JSON_HEADERS, sendMessage } from '../http/answers.ts';
import type { HealthChecks } from '../ops/health.ts';
import type { AuthLookups } from './auth.ts';
import { formatGoDuration } from './go-duration.ts';

export const STATE_NAMES: Readonly<Record<Role, string>> = {
  leader: 'StateLeader',
  follower: 'StateFollower',
  candidate: 'StateCandidate',
  'pre-candidate': 'StatePreCandidate',
};

const NS_PER_MS = 1_000_000n;

/** Reads that etcd makes in its store and this program does not need are added, so that the figures agree. */
export function serveStoreStats(
  exchange: HttpExchange,
  server: QuorateServer,
  authLookups: AuthLookups,
  health: HealthChecks,
): void {
  const { stats: own } = server.store;
  const stats = {
    ...own,
    // A health check reads the root.
    getsSuccess: own.getsSuccess + health.succeeded,
    getsFail: own.getsFail + authLookups.count,
  };
  exchange.send(200, JSON_HEADERS, encodeStoreStats(stats));
}

export function serveSelfStats(exchange: HttpExchange, server: QuorateServer): void {
  const stats = server.selfStats();
  const leader = stats.leader === 0n ? '' : stats.leader.toString(16);
  const leaderSinceNs = nanosecondsOf(stats.leaderSinceMs);
  exchange.send(
    200,
    JSON_HEADERS,
    `{"name":${quoteGo(stats.name)},"id":"${stats.id.toString(16)}","state":"${STATE_NAMES[stats.role]}",` +
      `"startTime":"${formatRfc3339(nanosecondsOf(stats.startTimeMs))}",` +
      `"leaderInfo":{"leader":"${leader}","uptime":"${formatGoDuration(server.nowNs() - leaderSinceNs)}",` +
      `"startTime":"${formatRfc3339(leaderSinceNs)}"},` +
      `"recvAppendRequestCnt":${stats.receivedAppendCount},` +
      rateField('recvPkgRate', stats.receivedPackageRate) +
      rateField('recvBandwidthRate', stats.receivedBandwidthRate) +
      `"sendAppendRequestCnt":${stats.sentAppendCount}` +
      lastRateField('sendPkgRate', stats.sentPackageRate) +
      lastRateField('sendBandwidthRate', stats.sentBandwidthRate) +
      '}',
  );
}

export function serveLeaderStats(exchange: HttpExchange, server: QuorateServer): void {
  const followers = server.leaderStats();
  if (followers === undefined) {
    sendMessage(exchange, 403, 'not current leader');
    return;
  }
  const fields = followers.map(followerField).sort();
  exchange.send(
    200,
    JSON_HEADERS,
    `{"leader":"${server.memberId.toString(16)}","followers":{${fields.join(',')}}}`,
  );
}

function followerField(stats: FollowerStats): string {
  return (
    `"${stats.id.toString(16)}":{"latency":{"current":${stats.latencyCurrentMs},"average":${stats.latencyAverageMs},` +
    `"standardDeviation":${stats.latencyStandardDeviationMs},"minimum":${minimumOf(stats)},` +
    `"maximum":${stats.latencyMaximumMs}},"counts":{"fail":${stats.failCount},"success":${stats.successCount}}}`
  );
}

/** Before the first success etcd tells 2^63. */
function minimumOf(stats: FollowerStats): number {
  return Number.isFinite(stats.latencyMinimumMs) ? stats.latencyMinimumMs : 2 ** 63;
}

/** A rate that is zero, or not measured yet, is left out. */
function rateField(name: string, rate: number): string {
  return isTold(rate) ? `"${name}":${rate},` : '';
}

function lastRateField(name: string, rate: number): string {
  return isTold(rate) ? `,"${name}":${rate}` : '';
}

function isTold(rate: number): boolean {
  return Number.isFinite(rate) && rate !== 0;
}

/** Milliseconds with a fractional part, as nanoseconds. */
function nanosecondsOf(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * NS_PER_MS + BigInt(Math.floor((ms - whole) * 1e6));
}
