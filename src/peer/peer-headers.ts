/**
 * What members tell each other in headers:
 *
 *   X-Server-From            id of the asking member
 *   X-Server-Version         its version; also in answers to streams
 *   X-Min-Cluster-Version    lowest cluster version it works in
 *   X-Etcd-Cluster-ID        its cluster; also in every answer
 *   X-Raft-To                id of the member asked (streams)
 *   X-PeerURLs               its own peer URLs, comma separated
 *   X-Quorate-Snapshot       'v2+v3': it takes snapshots with the v3 state in our own form, and this is one. etcd knows nothing of this header,
 *                            which is how the two are told apart; see snapshot-sender.ts.
 *                            'etcd', with a snapshot: its form is etcd's all the same
 */
import type { MemberId } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import type { RepeatedLog } from './repeated-log.ts';
import { versionConflict } from './server-version.ts';

export const SNAPSHOT_KIND = 'v2+v3';
/** Of a snapshot that any member can take. */
export const ETCD_SNAPSHOT_KIND = 'etcd';
/** In answers and requests alike. */
export const SNAPSHOT_HEADER = 'X-Quorate-Snapshot';
export const SNAPSHOT_HEADER_LOWER = 'x-quorate-snapshot';

export const INCOMPATIBLE_VERSION = 'incompatible version';
export const CLUSTER_ID_MISMATCH = 'cluster ID mismatch';

export function requestHeaders(environment: PeerEnvironment): Record<string, string> {
  const headers: Record<string, string> = {
    'X-Server-From': formatId(environment.memberId),
    'X-Server-Version': environment.serverVersion,
    'X-Min-Cluster-Version': environment.minClusterVersion,
    'X-Etcd-Cluster-ID': formatId(environment.clusterId),
    [SNAPSHOT_HEADER]: SNAPSHOT_KIND,
  };
  if (environment.ownPeerURLs.length > 0) headers['X-PeerURLs'] = environment.ownPeerURLs.join(',');
  return headers;
}

/** The text of the 412 answer that a request with these headers gets, undefined if it may pass. Logs why. */
export function refuseByHeaders(
  environment: PeerEnvironment,
  repeatedLog: RepeatedLog,
  header: (name: string) => string | undefined,
): typeof INCOMPATIBLE_VERSION | typeof CLUSTER_ID_MISMATCH | undefined {
  const conflict = versionConflict(
    { server: environment.serverVersion, minCluster: environment.minClusterVersion },
    { server: header('x-server-version'), minCluster: header('x-min-cluster-version') },
  );
  const from = header('x-server-from');
  if (conflict !== undefined) {
    if (repeatedLog.isDue(`version ${from} ${conflict}`))
      environment.log.warn('failed to check version compatibility', {
        'remote-peer-server-name': from,
        error: conflict,
      });
    return INCOMPATIBLE_VERSION;
  }
  const clusterId = header('x-etcd-cluster-id');
  if (clusterId !== formatId(environment.clusterId)) {
    if (repeatedLog.isDue(`cluster ${from} ${clusterId}`))
      environment.log.warn('request cluster ID mismatch', {
        'remote-peer-server-name': from,
        'remote-peer-cluster-id': clusterId ?? '',
        'local-member-cluster-id': formatId(environment.clusterId),
      });
    return CLUSTER_ID_MISMATCH;
  }
  return undefined;
}

/** What the body of a 412 answer means, as a sentence for the log. */
export function explainPreconditionFailed(
  environment: PeerEnvironment,
  peer: MemberId,
  body: string,
  remoteClusterId: string | undefined,
): string {
  switch (body.trimEnd()) {
    case CLUSTER_ID_MISMATCH:
      return (
        `request sent was ignored by remote peer due to cluster ID mismatch: ` +
        `peer[${formatId(peer)}]=${remoteClusterId ?? ''}, local=${formatId(environment.clusterId)}`
      );
    case INCOMPATIBLE_VERSION:
      return 'request sent was ignored by remote peer due to server version incompatibility';
    default:
      return `unhandled error ${JSON.stringify(body.slice(0, 200))} when precondition failed`;
  }
}
