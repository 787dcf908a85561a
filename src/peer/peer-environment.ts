import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { PeerHandlers } from '../ports/peer-network.ts';
import type { MemberId } from '../raft/types.ts';
import type { OutgoingHttp } from './outgoing-http.ts';
import type { RateWindow } from './rate-window.ts';

/** Bounds of time and memory between members; the defaults are etcd's where etcd has one. */
export interface PeerLimits {
  /** To connect, TLS handshake included. etcd: 1 s plus the election timeout. */
  readonly dialTimeoutMs: number;
  /** Silence after which a stream is taken for dead; the other side sends a heartbeat three times as often. */
  readonly readTimeoutMs: number;
  /** Between two attempts to open the same stream. */
  readonly retryMs: number;
  /** Requests in flight to one peer while its streams are down. */
  readonly pipelineRequests: number;
  /** Messages waiting for one of those; more are dropped. */
  readonly pipelineQueue: number;
  /** Bytes that may wait for a slow peer on one stream; messages beyond are dropped. */
  readonly streamPendingBytes: number;
  /** One frame on a stream, or one message body. */
  readonly messageBytes: number;
  readonly snapshotBytes: number;
  /** Longest wait for the answer to a snapshot once it is sent, and silence while it is. */
  readonly snapshotTimeoutMs: number;
  /** Senders that are no members yet; more are not remembered. */
  readonly remotes: number;
}

export const DEFAULT_PEER_LIMITS: PeerLimits = {
  dialTimeoutMs: 2000,
  readTimeoutMs: 5000,
  retryMs: 100,
  pipelineRequests: 4,
  pipelineQueue: 64,
  streamPendingBytes: 32 * 1024 * 1024,
  messageBytes: 512 * 1024 * 1024,
  snapshotBytes: 1024 * 1024 * 1024,
  snapshotTimeoutMs: 30_000,
  remotes: 64,
};

/** What everything that talks to one peer shares with the network it belongs to. */
export interface PeerEnvironment {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  readonly serverVersion: string;
  readonly minClusterVersion: string;
  readonly ownPeerURLs: readonly string[];
  readonly limits: PeerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly http: OutgoingHttp;
  readonly handlers: () => PeerHandlers;
  /** Appends sent and received, for the rates of `/v2/stats/self`. */
  readonly sentAppends: RateWindow;
  readonly receivedAppends: RateWindow;
  /** Tells raft at the end of this turn, never from inside a call of `send`. */
  readonly reportUnreachable: (id: MemberId) => void;
  readonly reportSnapshot: (id: MemberId, ok: boolean) => void;
  /** A peer said that we were removed from the cluster. */
  readonly reportGone: (by: MemberId) => void;
}
