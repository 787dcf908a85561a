import type { MemberId, Message } from '../raft/types.ts';

/**
 * The network between members, at the level of raft messages. Sending never blocks and never fails loudly: a message that
 * cannot go is dropped and the core is told through `onUnreachable`; raft retries by itself.
 */
export interface PeerNetwork {
  /** Starts talking to the peers added so far and later. */
  start(handlers: PeerHandlers): void;
  addPeer(id: MemberId, urls: readonly string[]): void;
  updatePeer(id: MemberId, urls: readonly string[]): void;
  removePeer(id: MemberId): void;
  /** Messages whose `to` is no known peer are dropped. Snapshots go by `sendSnapshot`. Order a peer is kept. */
  send(messages: readonly Message[]): void;
  /**
   * A 'snapshot' message, which carries its data, and behind it the state of the v3 store as a stream. Its fate comes by `onSnapshotSent`. The stream
   * is always read to its end or returned.
   * @param form what the stream is; 'quorate' unless told
   */
  sendSnapshot(message: SnapshotMessage, state: AsyncIterable<Uint8Array>, form?: SnapshotForm): void;
  /** What kind of snapshot a peer takes; undefined: it has not said anything yet. */
  snapshotFormOf(id: MemberId): SnapshotForm | undefined;
  /** Asks one peer and calls back once; never before it has returned. */
  ask(to: MemberId, question: PeerQuestion, done: (answer: PeerAnswer) => void): void;
  /** Monotonic time in milliseconds since which the peer has been reachable without a break; undefined while it is not. */
  activeSinceMs(id: MemberId): number | undefined;
  stop(): Promise<void>;
  readonly stats: PeerTraffic;
}

export type SnapshotMessage = Extract<Message, { type: 'snapshot' }>;

/** How the v3 state follows a snapshot's message: as Quorate's own stream (server/v3/state-stream.ts), or as etcd's database, a bbolt file. */
export type SnapshotForm = 'quorate' | 'etcd';

/** A question beside the stream of raft messages, in etcd's paths: `/leases`, `/leases/internal`, `/members/hashkv`, `/downgrade/enabled`. */
export interface PeerQuestion {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

export type PeerAnswer =
  | { readonly status: number; readonly body: Uint8Array }
  | { readonly status: undefined; readonly reason: string };

/** What a member answers to another's question. */
export interface PeerReply {
  readonly status: number;
  /** Further headers as they go out, each with CRLF. */
  readonly headers?: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Figures for statistics; nothing depends on them. */
export interface PeerTraffic {
  /** A leader's view, one for each peer. */
  followers(): readonly FollowerTraffic[];
  sentAppends(): AppendTraffic;
  receivedAppends(): AppendTraffic;
}

/** How long the appends sent to one peer took, and how many went through. */
export interface FollowerTraffic {
  readonly id: MemberId;
  readonly latencyCurrentMs: number;
  readonly latencyAverageMs: number;
  readonly latencyStandardDeviationMs: number;
  readonly latencyMinimumMs: number;
  readonly latencyMaximumMs: number;
  readonly successCount: number;
  readonly failCount: number;
}

/** Appends in one direction, from and to all peers. Rates are per second, of messages and of bytes. */
export interface AppendTraffic {
  readonly count: number;
  readonly packageRate: number;
  readonly bandwidthRate: number;
}

export interface PeerHandlers {
  onMessage(message: Message): void;
  /**
   * A snapshot message and the state of the v3 store behind it. Resolves once it was taken (and nothing more of the stream is needed), rejects if it can't be;
   * the sender is told which.
   */
  onSnapshot(message: SnapshotMessage, state: AsyncIterable<Uint8Array>, form: SnapshotForm): Promise<void>;
  /** Answers a question, once; undefined: there is nothing at this path. */
  onQuestion(
    method: string,
    path: string,
    body: Uint8Array,
    reply: (reply: PeerReply | undefined) => void,
  ): void;
  onUnreachable(id: MemberId): void;
  /** The fate of a snapshot message handed to `send`. */
  onSnapshotSent(id: MemberId, ok: boolean): void;
  /** True for an id that was a member once and was removed: its connections are refused with 410 Gone. */
  isRemoved(id: MemberId): boolean;
  /** A peer answered 410 Gone: this member has been removed from the cluster. */
  onGone(): void;
}

/** Member as `/members` on the peer port prints it and as a conf change's context carries it. */
export interface PeerMember {
  readonly id: MemberId;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

/** Questions to a cluster that this member may not be in yet, by URL. */
export interface ClusterProbe {
  /** `GET <url>/members` on the first URL that answers; rejects with a PeerProbeError naming every URL and its failure. */
  members(
    urls: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly clusterId: bigint; readonly members: readonly PeerMember[] }>;
  /** `GET <url>/version`. */
  version(
    urls: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly server: string; readonly cluster: string }>;
}

/** No URL gave a usable answer. */
export class PeerProbeError extends Error {
  /** What went wrong with each URL, in the order asked. */
  readonly failures: readonly { readonly url: string; readonly reason: string }[];
  constructor(what: string, failures: readonly { readonly url: string; readonly reason: string }[]) {
    super(
      `could not get ${what} from ${failures.map(({ url, reason }) => `${url} (${reason})`).join(', ') || 'no URL'}`,
    );
    this.name = 'PeerProbeError';
    this.failures = failures;
  }
}
