/**
 * The network between members over HTTP, as etcd 3.4 and 3.5 speak it ("rafthttp"): the port PeerNetwork, the handler for
 * the peer port, and the figures that statistics and metrics show.
 *
 * Invariants: `send` never blocks, never throws and never calls back before it returns; each peer has its own bounds, so one
 * that is slow or dead costs the others nothing; no timer or promise exists for a single message.
 */
import type { ConnectionOptions } from 'node:tls';
import type { HttpHandler } from '../net/http-exchange.ts';
import type { Limits } from '../net/limits.ts';
import type { PeerCertificate } from '../net/peer-certificate.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type {
  AppendTraffic,
  PeerAnswer,
  PeerHandlers,
  PeerMember,
  PeerNetwork,
  PeerQuestion,
  PeerTraffic,
  SnapshotForm,
  SnapshotMessage,
} from '../ports/peer-network.ts';
import type { MemberId, Message } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { DeferredReports } from './deferred-reports.ts';
import { OutgoingHttp } from './outgoing-http.ts';
import { Peer } from './peer.ts';
import type { PeerCounters } from './peer-counters.ts';
import { DEFAULT_PEER_LIMITS, type PeerEnvironment, type PeerLimits } from './peer-environment.ts';
import { type PromoteOutcome, peerHandler } from './peer-handler.ts';
import { RateWindow } from './rate-window.ts';
import { Remote } from './remote.ts';
import { RepeatedLog } from './repeated-log.ts';

export interface PeerNetworkOptions {
  readonly memberId: MemberId;
  readonly clusterId: bigint;
  /** Announced to other members, such as '3.4.23'; streams of members below '2.1' are refused. */
  readonly serverVersion: string;
  /** Members below this version are refused, such as '3.0.0'. */
  readonly minClusterVersion: string;
  /** Where other members reach this one. */
  readonly ownPeerURLs: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** For connections to https URLs; asked for at each one, since certificates are replaced while we run. */
  readonly tlsOptions?: () => ConnectionOptions | undefined;
  readonly limits?: Partial<PeerLimits>;
  /** The members as GET /members shows them. */
  readonly members: () => readonly PeerMember[];
  /** Cluster: 'not_decided' before it is. */
  readonly versionInfo: () => { readonly server: string; readonly cluster: string };
  /** POST /members/promote/<id>, from a member that does not lead. */
  readonly promoteMember: (id: MemberId, done: (outcome: PromoteOutcome) => void) => void;
  /** Why a client with this certificate may not speak on the peer port (allowed common names), undefined if it may. */
  readonly refuseCertificate?: (certificate: PeerCertificate | undefined) => string | undefined;
}

/**
 * What the peer port's listener should differ in from one for clients: a stream whose peer takes nothing is given up after
 * `writeTimeoutMs` (etcd: --raft-write-timeout, 5 s), and only far beyond our own bound of pending bytes.
 */
export function peerListenerLimits(writeTimeoutMs = 5000): Partial<Limits> {
  return {
    writeStallTimeoutMs: writeTimeoutMs,
    pendingOutputBytesMax: 4 * DEFAULT_PEER_LIMITS.streamPendingBytes,
  };
}

export interface PeerStatistics extends PeerTraffic {
  /** Live counters for metrics, by peer. Those of a removed peer are gone. */
  counters(): ReadonlyMap<MemberId, PeerCounters>;
  activePeers(): number;
}

export interface HttpPeerNetwork extends PeerNetwork {
  /** Serves the peer port; see peer-handler.ts. */
  readonly handler: HttpHandler;
  readonly stats: PeerStatistics;
}

const HANDLERS_BEFORE_START: PeerHandlers = {
  onMessage() {},
  onSnapshot: () => Promise.reject(new Error('the member is not running')),
  onQuestion: (_method, _path, _body, reply) => reply(undefined),
  onUnreachable() {},
  onSnapshotSent() {},
  isRemoved: () => false,
  onGone() {},
};

export function createPeerNetwork(options: PeerNetworkOptions): HttpPeerNetwork {
  return new RaftHttpNetwork(options);
}

class RaftHttpNetwork implements HttpPeerNetwork {
  readonly handler: HttpHandler;
  readonly stats: PeerStatistics;
  readonly #environment: PeerEnvironment;
  readonly #reports: DeferredReports;
  readonly #peers = new Map<MemberId, Peer>();
  readonly #remotes = new Map<MemberId, Remote>();
  /** Peers that got messages in the current call of `send`. */
  readonly #touched: Peer[] = [];
  #handlers = HANDLERS_BEFORE_START;
  #state: 'created' | 'started' | 'stopped' = 'created';
  #gone = false;
  #tick: Timer | undefined;

  constructor(options: PeerNetworkOptions) {
    const { clock, log, memberId } = options;
    const handlers = () => this.#handlers;
    const reports = new DeferredReports(clock, handlers);
    this.#reports = reports;
    const environment: PeerEnvironment = {
      memberId,
      clusterId: options.clusterId,
      serverVersion: options.serverVersion,
      minClusterVersion: options.minClusterVersion,
      ownPeerURLs: options.ownPeerURLs,
      limits: { ...DEFAULT_PEER_LIMITS, ...options.limits },
      clock,
      log,
      http: new OutgoingHttp(options.tlsOptions),
      handlers,
      sentAppends: new RateWindow(),
      receivedAppends: new RateWindow(),
      reportUnreachable: (id) => reports.unreachable(id),
      reportSnapshot: (id, ok) => reports.snapshot(id, ok),
      reportGone: (by) => this.#reportGone(by),
    };
    this.#environment = environment;
    this.stats = statisticsOf(environment, this.#peers);
    const { members, versionInfo, promoteMember, refuseCertificate } = options;
    const route = peerHandler(
      environment,
      {
        peer: (id) => this.#peers.get(id),
        addRemote: (id, urls) => this.#addRemote(id, urls),
        repeatedLog: new RepeatedLog(clock),
      },
      { members, versionInfo, promoteMember, ...(refuseCertificate && { refuse: refuseCertificate }) },
    );
    this.handler = (exchange) => {
      // Before the start raft is not there to take messages; after the stop it is gone.
      if (this.#state === 'started' || !exchange.path.startsWith('/raft')) route(exchange);
      else exchange.send(503, '', 'the member is not running\n');
    };
  }

  start(handlers: PeerHandlers): void {
    if (this.#state !== 'created') throw new Error('a peer network starts once');
    this.#state = 'started';
    this.#handlers = handlers;
    for (const peer of this.#peers.values()) peer.start();
    this.#scheduleTick();
  }

  addPeer(id: MemberId, urls: readonly string[]): void {
    if (this.#state === 'stopped' || id === this.#environment.memberId || this.#peers.has(id)) return;
    const usable = this.#usableUrls(id, urls);
    if (usable.length === 0) return;
    this.#remotes.get(id)?.close();
    this.#remotes.delete(id);
    const peer = new Peer(this.#environment, id, usable);
    this.#peers.set(id, peer);
    this.#environment.log.info('added remote peer', {
      'remote-peer-id': formatId(id),
      'remote-peer-urls': usable,
    });
    if (this.#state === 'started') peer.start();
  }

  updatePeer(id: MemberId, urls: readonly string[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    const usable = this.#usableUrls(id, urls);
    if (usable.length === 0) return;
    peer.update(usable);
    this.#environment.log.info('updated remote peer', {
      'remote-peer-id': formatId(id),
      'remote-peer-urls': usable,
    });
  }

  removePeer(id: MemberId): void {
    this.#remotes.get(id)?.close();
    this.#remotes.delete(id);
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    peer.close();
    this.#environment.log.info('removed remote peer', { 'remote-peer-id': formatId(id) });
  }

  send(messages: readonly Message[]): void {
    if (this.#state !== 'started') return;
    const touched = this.#touched;
    for (const message of messages) {
      const peer = this.#peers.get(message.to);
      if (peer === undefined) {
        this.#remotes.get(message.to)?.send(message);
        continue;
      }
      peer.send(message);
      if (!touched.includes(peer)) touched.push(peer);
    }
    for (const peer of touched) peer.flush();
    touched.length = 0;
  }

  snapshotFormOf(id: MemberId): SnapshotForm | undefined {
    return this.#peers.get(id)?.snapshotForm;
  }

  sendSnapshot(
    message: SnapshotMessage,
    state: AsyncIterable<Uint8Array>,
    form: SnapshotForm = 'quorate',
  ): void {
    const peer = this.#state === 'started' ? this.#peers.get(message.to) : undefined;
    if (peer !== undefined) peer.sendSnapshot(message, state, form);
    else {
      void state[Symbol.asyncIterator]().return?.();
      this.#reports.snapshot(message.to, false);
    }
  }

  ask(to: MemberId, question: PeerQuestion, done: (answer: PeerAnswer) => void): void {
    const peer = this.#state === 'started' ? this.#peers.get(to) : undefined;
    if (peer !== undefined) peer.ask(question, done);
    else this.#environment.clock.defer(() => done({ status: undefined, reason: 'no such peer' }));
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.#peers.get(id)?.status.activeSinceMs;
  }

  stop(): Promise<void> {
    if (this.#state !== 'stopped') {
      this.#state = 'stopped';
      this.#tick?.cancel();
      this.#reports.close();
      for (const peer of this.#peers.values()) peer.close();
      for (const remote of this.#remotes.values()) remote.close();
      this.#peers.clear();
      this.#remotes.clear();
      this.#environment.http.close();
    }
    return Promise.resolve();
  }

  /** Streams live by heartbeats three times as often as the other side gives up on silence. */
  #scheduleTick(): void {
    this.#tick = this.#environment.clock.schedule(this.#environment.limits.readTimeoutMs / 3, () => {
      for (const peer of this.#peers.values()) peer.tick();
      this.#scheduleTick();
    });
  }

  #addRemote(id: MemberId, urls: readonly string[]): void {
    if (id === this.#environment.memberId || this.#peers.has(id) || this.#remotes.has(id)) return;
    if (this.#handlers.isRemoved(id) || this.#remotes.size >= this.#environment.limits.remotes) return;
    const usable = this.#usableUrls(id, urls);
    if (usable.length === 0) return;
    this.#remotes.set(id, new Remote(this.#environment, id, usable));
    this.#environment.log.info('added new remote peer', {
      'remote-peer-id': formatId(id),
      'remote-peer-urls': usable,
    });
  }

  #usableUrls(id: MemberId, urls: readonly string[]): readonly string[] {
    const usable = urls.filter((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol));
    if (usable.length < urls.length) {
      this.#environment.log.error('ignored peer URLs that are not http or https URLs', {
        'remote-peer-id': formatId(id),
        'remote-peer-urls': urls.filter((url) => !usable.includes(url)),
      });
    }
    return usable;
  }

  #reportGone(by: MemberId): void {
    if (this.#gone || this.#state !== 'started') return;
    this.#gone = true;
    this.#environment.log.error('the member has been permanently removed from the cluster', {
      'remote-peer-id': formatId(by),
    });
    this.#handlers.onGone();
  }
}

function statisticsOf(environment: PeerEnvironment, peers: ReadonlyMap<MemberId, Peer>): PeerStatistics {
  const traffic = (window: RateWindow): AppendTraffic => {
    const { messages, bytes } = window.rates(environment.clock.monotonicMs());
    return { count: window.count, packageRate: messages, bandwidthRate: bytes };
  };
  return {
    followers: () =>
      Array.from(peers.values(), ({ id, latency }) => ({
        id,
        latencyCurrentMs: latency.currentMs,
        latencyAverageMs: latency.averageMs,
        latencyStandardDeviationMs: latency.standardDeviationMs,
        latencyMinimumMs: latency.minimumMs,
        latencyMaximumMs: latency.maximumMs,
        successCount: latency.successCount,
        failCount: latency.failCount,
      })),
    sentAppends: () => traffic(environment.sentAppends),
    receivedAppends: () => traffic(environment.receivedAppends),
    counters: () => new Map(Array.from(peers.values(), (peer) => [peer.id, peer.counters])),
    activePeers: () => [...peers.values()].filter((peer) => peer.status.activeSinceMs !== undefined).length,
  };
}
