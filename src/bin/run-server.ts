/**
 * Wires a member together from its configuration, runs it, and ends it in order: leadership first, then the answers under
 * way, then the log.
 */
import { readFileSync } from 'node:fs';
import { clientHandler, metricsHandler } from '../api/client-handler.ts';
import { HealthService } from '../api/grpc-health/health-service.ts';
import { withHostWhitelist } from '../api/host-whitelist.ts';
import { callDurations } from '../api/ops/grpc-metric-rows.ts';
import type { ListenerFigures } from '../api/ops/listener-metric-rows.ts';
import {
  createMetrics,
  observeCalls,
  observeEventLoop,
  observeListeners,
  observePeers,
  observeProcess,
  observeServer,
  observeV3,
} from '../api/ops/metrics.ts';
import { v3Methods } from '../api/v3/v3-methods.ts';
import { createWriteBehind } from '../backend/write-behind.ts';
import type { ServerConfig, ServerUrl } from '../config/server-config.ts';
import { ETCD_COMPATIBLE_VERSION } from '../config/version.ts';
import { withCors } from '../net/cors.ts';
import { countCalls } from '../net/grpc/grpc-traffic.ts';
import type { HttpExchange, HttpHandler } from '../net/http-exchange.ts';
import type { Limits } from '../net/limits.ts';
import { type Listener, listen } from '../net/listener.ts';
import { type ClientTls, openClientTls } from '../net/tls/client-tls.ts';
import { openServerTls, type ServerTls, type TlsSurroundings } from '../net/tls/server-tls.ts';
import { createClusterProbe } from '../peer/cluster-probe.ts';
import { createPeerNetwork, peerListenerLimits } from '../peer/peer-network.ts';
import { watchEventLoop } from '../platform/event-loop-hold.ts';
import { openLmdbTables } from '../platform/lmdb-tables.ts';
import { nodeClock } from '../platform/node-clock.ts';
import { createNodeDisk } from '../platform/node-disk.ts';
import { nodeRandom } from '../platform/node-random.ts';
import type { AdjustableLog } from '../platform/pino-log.ts';
import { withoutSync } from '../platform/unsynced-disk.ts';
import { openMember } from '../server/bootstrap/open-member.ts';
import { findEtcdDatabase } from '../server/bootstrap/take-over.ts';
import { Server } from '../server/server.ts';
import type { StopReason } from '../server/server-parts.ts';
import { dataLayout, lockDataDirectory } from '../wal/data-directory.ts';
import { GrpcGate } from './grpc-gate.ts';

/** The lowest cluster version whose members can talk to this one. */
const LOWEST_CLUSTER_VERSION = '3.0.0';
/** A peer is given an election timeout and this to take a connection, as etcd does. */
const DIAL_MARGIN_MS = 1_000;
/** What a gRPC message may hold beside the request, as in etcd. */
const GRPC_OVERHEAD_BYTES = 512 * 1024;
/** How long an orderly stop waits for answers under way. */
const DRAIN_TIMEOUT_MS = 5_000;

/** Runs until the member is told to stop or has to. Sets process.exitCode: 0 in order, 1 after a failure. */
export async function runServer(config: ServerConfig, log: AdjustableLog): Promise<void> {
  const run = new Run(config, log);
  try {
    await run.start();
  } catch (error) {
    log.error((error as Error).message, { 'error-name': (error as Error).name });
    await run.end(1);
  }
}

class Run {
  readonly #config: ServerConfig;
  readonly #log: AdjustableLog;
  readonly #listeners: Listener[] = [];
  readonly #listenerFigures: ListenerFigures[] = [];
  /** What is to be closed at the end, last opened first. */
  readonly #closers: (() => Promise<void>)[] = [];
  #server: Server | undefined;
  #stopping = false;

  constructor(config: ServerConfig, log: AdjustableLog) {
    this.#config = config;
    this.#log = log;
  }

  async start(): Promise<void> {
    const config = this.#config;
    process.on('SIGTERM', (signal) => this.#onSignal(signal));
    process.on('SIGINT', (signal) => this.#onSignal(signal));

    const clientTls = await this.#serverTls(config.clientTls, 'client', [
      ...config.listenClientUrls,
      ...config.listenMetricsUrls,
    ]);
    const peerTls = await this.#serverTls(config.peerTls, 'peer', config.listenPeerUrls);
    const outgoingTls = await this.#outgoingTls();
    const tlsOptions = (): ReturnType<ClientTls['connectOptions']> | undefined =>
      outgoingTls?.connectOptions();

    // The ports first: one that is taken must not leave a half-founded member behind.
    const peerGate = new Gate();
    const clientGate = new Gate();
    const metricsGate = new Gate();
    const grpcGate = new GrpcGate();
    const peerLimits = peerListenerLimits(config.raftWriteTimeoutMs);
    for (const url of config.listenPeerUrls) await this.#listen(url, peerGate.handler, peerTls, peerLimits);
    for (const url of config.listenClientUrls)
      await this.#listen(url, clientGate.handler, clientTls, undefined, grpcGate);
    for (const url of config.listenMetricsUrls) await this.#listen(url, metricsGate.handler, clientTls);

    const disk = config.unsafeNoFsync ? withoutSync(createNodeDisk()) : createNodeDisk();
    const layout = {
      ...dataLayout(config.dataDir),
      ...(config.walDir !== undefined && { wal: config.walDir }),
    };
    const lock = await lockDataDirectory(disk, layout);
    this.#closers.push(() => lock.release());

    const backend = createWriteBehind({
      tables: await openLmdbTables({ folder: layout.state }),
      clock: nodeClock,
      random: nodeRandom,
      policy: {
        ...(config.v3.batchIntervalMs > 0 && { intervalMs: config.v3.batchIntervalMs }),
        ...(config.v3.batchLimit > 0 && { operationsMax: config.v3.batchLimit }),
      },
    });
    this.#closers.push(() => backend.close());

    const metrics = createMetrics();
    const probe = createClusterProbe({ clock: nodeClock, tlsOptions });
    const member = await openMember(
      {
        name: config.name,
        initialCluster: config.initialCluster.map(({ name, peerUrls }) => ({
          name,
          peerURLs: texts(peerUrls),
        })),
        initialClusterState: config.initialClusterState,
        initialClusterToken: config.initialClusterToken,
        advertisedPeerURLs: texts(config.initialAdvertisePeerUrls),
        forceNewCluster: config.forceNewCluster,
        electionTicks: config.electionTicks,
        minLeaseTtlSeconds: Math.ceil((1.5 * config.electionTicks * config.heartbeatIntervalMs) / 1000),
        preVote: config.preVote,
        serverVersion: ETCD_COMPATIBLE_VERSION,
        retention: { maxWals: config.maxWals, maxSnapshots: config.maxSnapshots },
      },
      {
        disk,
        layout,
        backend,
        etcdDatabase: await findEtcdDatabase(disk, layout),
        probe,
        clock: nodeClock,
        random: nodeRandom,
        log: this.#log,
        onLogWrite: (durationMs, bytes) => {
          metrics.walFsync.observe(durationMs / 1000);
          metrics.walWrittenBytes += bytes;
        },
      },
    );
    this.#closers.push(() => member.storage.close());
    this.#log.bind({ 'member-id': member.memberId, 'cluster-id': member.cluster.id });

    const network = createPeerNetwork({
      memberId: member.memberId,
      clusterId: member.cluster.id,
      serverVersion: ETCD_COMPATIBLE_VERSION,
      minClusterVersion: LOWEST_CLUSTER_VERSION,
      ownPeerURLs: texts(config.initialAdvertisePeerUrls),
      clock: nodeClock,
      log: this.#log,
      tlsOptions,
      limits: {
        readTimeoutMs: config.raftReadTimeoutMs,
        dialTimeoutMs: DIAL_MARGIN_MS + config.electionTimeoutMs,
      },
      members: () => member.cluster.members(),
      versionInfo: () => ({ server: ETCD_COMPATIBLE_VERSION, cluster: server.clusterVersion }),
      promoteMember: (id, done) => server.promoteMember(id, (outcome) => done(outcome)),
    });
    this.#closers.push(() => network.stop());

    const server = new Server(
      {
        name: config.name,
        advertisedClientURLs: texts(config.advertiseClientUrls),
        clusterToken: config.initialClusterToken,
        tickMs: config.heartbeatIntervalMs,
        electionTicks: config.electionTicks,
        initialElectionTickAdvance: config.initialElectionTickAdvance,
        snapshotCount: config.snapshotCount,
        strictReconfigCheck: config.strictReconfigCheck,
        serverVersion: ETCD_COMPATIBLE_VERSION,
        v3: {
          quotaBytes: config.v3.quotaBytes,
          autoCompaction: config.v3.autoCompaction,
          corruptionCheckIntervalMs: config.v3.corruptCheckIntervalMs,
          downgradeCheckIntervalMs: config.v3.downgradeCheckIntervalMs,
        },
      },
      {
        ...member,
        network,
        probe,
        clock: nodeClock,
        log: this.#log,
        onSnapshotSaved: (durationMs) => metrics.snapshotSave.observe(durationMs / 1000),
      },
    );
    this.#server = server;
    observeServer(metrics, server);
    observeV3(metrics, server.v3, server.maintenance);
    observeListeners(metrics, () => this.#listenerFigures);
    observePeers(metrics, member.memberId, () => network.stats.counters());
    observeProcess(metrics);

    peerGate.open(network.handler);
    server.start((reason) => this.#onStopped(reason));
    server.onReady(() => {
      observeEventLoop(metrics, watchEventLoop().longestHoldSeconds);
      const uncounted = v3Methods(server, new HealthService(), {
        maxTxnOperations: config.v3.maxTxnOperations,
        maxRequestBytes: config.maxRequestBytes,
        messageBytesMax: config.maxRequestBytes + GRPC_OVERHEAD_BYTES,
        clock: nodeClock,
        electionTimeoutMs: config.electionTimeoutMs,
        watchProgressIntervalMs: config.v3.watchProgressIntervalMs,
        random: () => nodeRandom.next(),
      });
      const methods = countCalls(uncounted, () => (config.v3.callDurations ? callDurations() : undefined));
      observeCalls(metrics, methods);
      grpcGate.open(methods);
      const handler = clientHandler(server, {
        metrics,
        processFacts: {
          commandLine: process.argv,
          fileDescriptorLimit,
          memoryUsage: () => process.memoryUsage(),
        },
        monotonicMs: () => nodeClock.monotonicMs(),
        defer: (callback) => nodeClock.defer(callback),
        setLogLevel: (level) => this.#log.setLevel(level),
        raftStatus: () => member.raft.status(),
        bodyBytesMax: config.maxRequestBytes,
        alarms: () => server.v3.alarms(),
        enableV2: config.enableV2,
        gateway: config.v3.enableGateway
          ? { methods, clock: nodeClock, messageBytesMax: config.maxRequestBytes + GRPC_OVERHEAD_BYTES }
          : undefined,
      });
      clientGate.open(withHostWhitelist(config.hostWhitelist, withCors(config.cors, handler)));
      metricsGate.open(metricsHandler(server, metrics, () => server.v3.alarms()));
      if (config.v3.initialCorruptCheck) this.#checkCorruption(server);
      this.#log.info('ready to serve client requests', {
        'listen-client-urls': texts(config.listenClientUrls),
      });
    });
  }

  /**
   * A member that holds something else than the others must not go on serving it. Beside the first requests, not before them: hashing takes the longer
   * the more there is, and starting must not.
   */
  #checkCorruption(server: Server): void {
    server.v3.corruption.initial((differing) => {
      if (this.#stopping || differing.length === 0) return;
      this.#log.error(
        'this member holds other data than its peers for the same revision; it does not serve it: remove the member from the cluster, ' +
          'add it again and start it with an empty data directory, or start it with --experimental-initial-corrupt-check=false',
        { peers: differing.map((id) => id.toString(16)) },
      );
      void this.end(1);
    });
  }

  /** Closes everything that was opened and ends the process. */
  async end(exitCode: number): Promise<void> {
    this.#stopping = true;
    this.#server?.stop();
    await Promise.all(
      this.#listeners.map((listener) => listener.drain(exitCode === 0 ? DRAIN_TIMEOUT_MS : 0)),
    );
    for (const close of this.#closers.reverse()) {
      try {
        await close();
      } catch (error) {
        this.#log.warn('closing failed', { error: (error as Error).message });
      }
    }
    process.exit(exitCode);
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (this.#stopping) {
      this.#log.warn('told to stop a second time: stopping at once', { signal });
      process.exit(1);
    }
    this.#stopping = true;
    this.#log.info('stopping', { signal });
    if (this.#server === undefined) {
      void this.end(0);
      return;
    }
    this.#server.handOverLeadership(() => void this.end(0));
  }

  #onStopped(reason: StopReason): void {
    if (reason.kind === 'removed') {
      this.#log.warn('stopped: the member has been permanently removed from the cluster');
      void this.end(0);
      return;
    }
    this.#log.error('stopped after a failure', { error: reason.error.message });
    void this.end(1);
  }

  async #listen(
    url: ServerUrl,
    handler: HttpHandler,
    tls: ServerTls | undefined,
    limits?: Partial<Limits>,
    grpc?: GrpcGate,
  ): Promise<void> {
    const { maxRequestBytes, maxConcurrentStreams, grpcKeepalive } = this.#config;
    if (url.scheme === 'https' && tls === undefined)
      throw new Error(`${url.text} needs a certificate and a key`);
    try {
      const listener = await listen({
        host: url.host,
        port: url.port,
        handler,
        log: this.#log,
        clock: nodeClock,
        ...(url.scheme === 'https' && tls !== undefined && { tls }),
        ...(limits !== undefined && { limits }),
        ...(grpc !== undefined && {
          grpc,
          messageBytesMax: maxRequestBytes + GRPC_OVERHEAD_BYTES,
          concurrentStreams: maxConcurrentStreams,
          keepalive: grpcKeepalive,
        }),
      });
      this.#listeners.push(listener);
      this.#listenerFigures.push({ url: url.text, metrics: listener.metrics });
    } catch (error) {
      throw new Error(`cannot listen on ${url.text}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #serverTls(
    settings: ServerConfig['clientTls'],
    side: 'client' | 'peer',
    urls: readonly ServerUrl[],
  ): Promise<ServerTls | undefined> {
    if (!urls.some((url) => url.scheme === 'https')) return undefined;
    return openServerTls(settings, this.#tlsSurroundings(side, urls), side === 'peer');
  }

  /** Peers are dialled with TLS when this member has something to say or to check there. */
  async #outgoingTls(): Promise<ClientTls | undefined> {
    const { peerTls, listenPeerUrls } = this.#config;
    const used = peerTls.certFile !== '' || peerTls.trustedCaFile !== '' || peerTls.auto;
    return used ? openClientTls(peerTls, this.#tlsSurroundings('peer', listenPeerUrls)) : undefined;
  }

  #tlsSurroundings(side: 'client' | 'peer', urls: readonly ServerUrl[]): TlsSurroundings {
    return {
      autoDirectory: `${this.#config.dataDir}/fixtures/${side}`,
      hosts: urls.filter((url) => url.scheme === 'https').map((url) => url.host),
      clock: nodeClock,
      log: this.#log,
    };
  }
}

/** Lets requests wait until there is somebody to serve them, as etcd's listeners do before the member is ready. */
class Gate {
  #handler: HttpHandler | undefined;
  #waiting: HttpExchange[] = [];

  readonly handler: HttpHandler = (exchange) => {
    if (this.#handler === undefined) this.#waiting.push(exchange);
    else this.#handler(exchange);
  };

  open(handler: HttpHandler): void {
    this.#handler = handler;
    for (const exchange of this.#waiting.splice(0)) if (!exchange.closed) handler(exchange);
  }
}

function texts(urls: readonly ServerUrl[]): string[] {
  return urls.map((url) => url.text);
}

/** The soft limit of open files; undefined where /proc does not tell. */
function fileDescriptorLimit(): number | undefined {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}
