/**
 * Everything the server was told, checked and frozen: what flags, variables and the configuration file come to. Nothing
 * after this point reads argv or the environment.
 */

import type { TlsOptions } from '../net/tls/tls-options.ts';
import type { V3Config } from './v3-settings.ts';

export type UrlScheme = 'http' | 'https';

/** A URL of the form scheme://host:port, nothing after it. */
export interface ServerUrl {
  readonly scheme: UrlScheme;
  /** A name or an address; an IPv6 address without its brackets. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
  /** 'scheme://host:port' with host and port as the user wrote them: what is advertised, compared and hashed into ids. */
  readonly text: string;
}

/** One member of `--initial-cluster`. */
export interface BootstrapMember {
  readonly name: string;
  readonly peerUrls: readonly ServerUrl[];
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** One side's TLS, clients' or peers'. Paths are as given. */
export type TlsSettings = TlsOptions;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogSettings {
  readonly level: LogLevel;
  /** 'stderr', 'stdout' or a file's path; never empty, no duplicates. */
  readonly outputs: readonly string[];
}

export interface ServerConfig {
  readonly name: string;
  /** As given, or `<name>.etcd`. */
  readonly dataDir: string;
  /** A dedicated folder for the log; undefined: `<dataDir>/member/wal`. */
  readonly walDir: string | undefined;
  /** Applied entries after which a snapshot is taken. At least 1. */
  readonly snapshotCount: number;
  /** Snapshot files kept; 0: all. */
  readonly maxSnapshots: number;
  /** Log segments kept behind a snapshot; 0: all. */
  readonly maxWals: number;

  /** One raft tick. */
  readonly heartbeatIntervalMs: number;
  /** At least 5 heartbeats, at most 50000. */
  readonly electionTimeoutMs: number;
  /** Whole ticks in an election timeout, rounded down as etcd does. */
  readonly electionTicks: number;
  readonly initialElectionTickAdvance: boolean;
  readonly preVote: boolean;
  readonly raftReadTimeoutMs: number;
  readonly raftWriteTimeoutMs: number;

  readonly listenPeerUrls: readonly ServerUrl[];
  readonly listenClientUrls: readonly ServerUrl[];
  readonly listenMetricsUrls: readonly ServerUrl[];
  readonly initialAdvertisePeerUrls: readonly ServerUrl[];
  readonly advertiseClientUrls: readonly ServerUrl[];

  /** In the order of the text. Only `checkBootstrap` says whether a member that has no data yet can start from it. */
  readonly initialCluster: readonly BootstrapMember[];
  /** The text of `--initial-cluster` or the default that stands for it. */
  readonly initialClusterText: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly strictReconfigCheck: boolean;
  readonly forceNewCluster: boolean;

  readonly enableV2: boolean;
  readonly maxRequestBytes: number;
  readonly v3: V3Config;
  /** Streams one gRPC client may have open; the listener's own bound holds besides. */
  readonly maxConcurrentStreams: number;
  /** 0 switches a rule off. */
  readonly grpcKeepalive: {
    readonly minTimeMs: number;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };
  /** Allowed origins; ['*'] allows all. */
  readonly cors: readonly string[];
  /** Host names answered on connections without TLS; ['*'] allows all. */
  readonly hostWhitelist: readonly string[];

  readonly clientTls: TlsSettings;
  readonly peerTls: TlsSettings;

  readonly log: LogSettings;

  /** fdatasync is skipped: an outage loses data. For tests. */
  readonly unsafeNoFsync: boolean;
}
