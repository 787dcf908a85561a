/** What a server is made of: its settings, what openMember has prepared, and the ports it runs on. */
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ClusterProbe, PeerNetwork } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import type { MemberId } from '../raft/types.ts';
import type { V2Store } from '../store/v2/types.ts';
import type { LogStorage } from './log-storage.ts';
import type { Cluster } from './membership/cluster.ts';
import type { PassingFiles } from './passing-files.ts';
import type { SnapshotStorage } from './snapshot-keeper.ts';
import type { V3Settings } from './v3/v3-service.ts';
import type { V3State } from './v3/v3-state.ts';

export interface ServerSettings {
  readonly name: string;
  readonly advertisedClientURLs: readonly string[];
  readonly clusterToken: string;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly initialElectionTickAdvance: boolean;
  readonly snapshotCount: number;
  readonly strictReconfigCheck: boolean;
  /** etcd's version that this program is compatible with, e.g. '3.4.23'. */
  readonly serverVersion: string;
  readonly v3: V3Settings;
}

export interface ServerParts {
  readonly memberId: MemberId;
  readonly store: V2Store;
  readonly v3: V3State;
  readonly cluster: Cluster;
  readonly raft: RaftNode;
  readonly storage: LogStorage & SnapshotStorage;
  /** Where databases of etcd are put while they are read. */
  readonly files: PassingFiles;
  readonly network: PeerNetwork;
  readonly probe: ClusterProbe;
  readonly clock: Clock;
  readonly log: Log;
  /** For metrics: a snapshot was saved. */
  readonly onSnapshotSaved?: (durationMs: number) => void;
}

/** Why a server stopped by itself. */
export type StopReason = { readonly kind: 'removed' } | { readonly kind: 'failure'; readonly error: Error };
