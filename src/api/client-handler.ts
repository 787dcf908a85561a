/**
 * All paths that clients and operators ask for on a client URL. Requests for plain keys go straight to /v2/keys; all others have their
 * path decoded and cleaned first, and are then looked up in the table of endpoints.
 */
import type { HttpExchange, HttpHandler } from '../net/http-exchange.ts';
import type { QuorateServer } from '../server/contract.ts';
import type { AlarmMember } from '../server/v3-contract.ts';
import { GatewayEndpoint, type GatewayOptions } from './gateway/gateway-endpoint.ts';
import { sendBadRequest, sendMethodNotAllowed, sendNotFound } from './http/answers.ts';
import { decodeUtf8, toByteText } from './http/byte-text.ts';
import { cleanPath, sendRedirect } from './http/clean-path.ts';
import { unescapePercent } from './http/percent-encoding.ts';
import { type ProcessFacts, type RaftStatusSource, serveDebugVars } from './ops/debug-vars.ts';
import { type HealthSource, serveHealth } from './ops/health.ts';
import { type LogLevel, serveLogLevel } from './ops/log-level.ts';
import type { Metrics } from './ops/metrics.ts';
import { serveMetrics } from './ops/metrics-endpoint.ts';
import { probeEndpoints } from './ops/probes.ts';
import { serveVersion } from './ops/version.ts';
import { type AuthLookups, serveAuthAccounts, serveAuthEnable } from './v2/auth.ts';
import { KeysEndpoint } from './v2/keys.ts';
import type { Defer } from './v2/listing-answer.ts';
import { serveMachines } from './v2/machines.ts';
import { MembersEndpoint } from './v2/members.ts';
import { serveLeaderStats, serveSelfStats, serveStoreStats } from './v2/stats.ts';
import { plainStorePath, storePathOf } from './v2/store-path.ts';

export interface ClientHandlerOptions {
  readonly metrics: Metrics;
  readonly processFacts: ProcessFacts;
  /** Monotonic milliseconds, for durations in metrics. */
  readonly monotonicMs: () => number;
  /** Runs a callback once the input that is already waiting was handled: `Clock.defer`. */
  readonly defer: Defer;
  /** Of PUT /config/local/log. */
  readonly setLogLevel: (level: LogLevel) => void;
  /** For /debug/vars. */
  readonly raftStatus?: RaftStatusSource;
  /** Bytes of a request's body; a larger one is answered 413. 1.5 MiB unless told. */
  readonly bodyBytesMax?: number;
  /** Bytes that may wait for a slow watcher before its stream is ended. 1 MiB unless told. */
  readonly watchBacklogBytesMax?: number;
  /** JSON for the v3 API; undefined: there is nothing below /v3 (`--enable-grpc-gateway=false`). */
  readonly gateway?: GatewayOptions | undefined;
  /** The v3 store's alarms, which /health and /readyz tell; none unless told. */
  readonly alarms?: () => readonly AlarmMember[];
  /** False: there is nothing below /v2. True unless told. */
  readonly enableV2?: boolean;
}

interface Endpoint {
  /** Ends in '/': all paths below it, too. */
  readonly path: string;
  /** Methods it serves, in the order of the Allow header; undefined: it decides itself. */
  readonly allow?: string;
  /** `path`: decoded and clean. */
  serve(exchange: HttpExchange, path: string): void;
}

const DEFAULT_BODY_BYTES_MAX = 1.5 * 1024 * 1024;
const DEFAULT_WATCH_BACKLOG_BYTES_MAX = 1024 * 1024;

export function clientHandler(server: QuorateServer, options: ClientHandlerOptions): HttpHandler {
  const { metrics, processFacts, raftStatus, setLogLevel } = options;
  const general: readonly Endpoint[] = [
    { path: '/version', allow: 'GET', serve: (exchange) => serveVersion(exchange, server) },
    {
      path: '/debug/vars',
      allow: 'GET',
      serve: (exchange) => serveDebugVars(exchange, server, processFacts, raftStatus),
    },
    {
      path: '/config/local/log',
      allow: 'PUT',
      serve: (exchange) => serveLogLevel(exchange, setLogLevel),
    },
    ...gatewayEndpoints(options.gateway),
    ...operatorEndpoints({ server, alarms: options.alarms ?? noAlarms }, metrics),
  ];
  return options.enableV2 === false ? router(general) : v2Handler(server, options, general);
}

/** The v2 API before the `general` endpoints. */
function v2Handler(
  server: QuorateServer,
  options: ClientHandlerOptions,
  general: readonly Endpoint[],
): HttpHandler {
  const { metrics, monotonicMs } = options;
  const bodyBytesMax = options.bodyBytesMax ?? DEFAULT_BODY_BYTES_MAX;
  // One was made before the first request.
  const authLookups: AuthLookups = { count: 1 };
  const keys = new KeysEndpoint(server, {
    authLookups,
    bodyBytesMax,
    watchBacklogBytesMax: options.watchBacklogBytesMax ?? DEFAULT_WATCH_BACKLOG_BYTES_MAX,
    metrics,
    monotonicMs,
    defer: options.defer,
  });
  const members = new MembersEndpoint(server, authLookups, bodyBytesMax);
  const serveKeys = (exchange: HttpExchange, path: string): void => keys.serve(exchange, storePathOf(path));
  const serveMembers = (exchange: HttpExchange, path: string): void => members.serve(exchange, path);
  const accounts = (allow: string) => (exchange: HttpExchange) =>
    serveAuthAccounts(exchange, server, authLookups, allow);

  const route = router([
    { path: '/v2/keys', serve: serveKeys },
    { path: '/v2/keys/', serve: serveKeys },
    { path: '/v2/members', serve: serveMembers },
    { path: '/v2/members/', serve: serveMembers },
    { path: '/v2/machines', serve: (exchange) => serveMachines(exchange, server) },
    { path: '/v2/stats/self', allow: 'GET', serve: (exchange) => serveSelfStats(exchange, server) },
    { path: '/v2/stats/leader', allow: 'GET', serve: (exchange) => serveLeaderStats(exchange, server) },
    {
      path: '/v2/stats/store',
      allow: 'GET',
      serve: (exchange) => serveStoreStats(exchange, server, authLookups, metrics.health),
    },
    { path: '/v2/auth/enable', serve: (exchange) => serveAuthEnable(exchange, server, authLookups) },
    { path: '/v2/auth/users', serve: accounts('GET') },
    { path: '/v2/auth/users/', serve: accounts('GET,PUT,DELETE') },
    { path: '/v2/auth/roles', serve: accounts('GET') },
    { path: '/v2/auth/roles/', serve: accounts('GET,PUT,DELETE') },
    ...general,
  ]);

  return (exchange) => {
    if (exchange.path.startsWith('/v2/keys')) {
      const storePath = plainStorePath(exchange.path);
      if (storePath !== undefined) {
        keys.serve(exchange, storePath);
        return;
      }
    }
    route(exchange);
  };
}

/** The two names of the v3 API. */
function gatewayEndpoints(options: GatewayOptions | undefined): Endpoint[] {
  if (options === undefined) return [];
  const gateway = new GatewayEndpoint(options);
  const serve = (exchange: HttpExchange, path: string): void => gateway.serve(exchange, path);
  return [
    { path: '/v3/', serve },
    { path: '/v3beta/', serve },
  ];
}

/** What a URL of --listen-metrics-urls serves: /metrics, /health, /livez and /readyz. */
export function metricsHandler(
  server: QuorateServer,
  metrics: Metrics,
  alarms: () => readonly AlarmMember[] = noAlarms,
): HttpHandler {
  return router(operatorEndpoints({ server, alarms }, metrics));
}

const noAlarms = (): readonly AlarmMember[] => [];

function operatorEndpoints(source: HealthSource, metrics: Metrics): Endpoint[] {
  return [
    { path: '/metrics', serve: (exchange) => serveMetrics(exchange, metrics.registry) },
    { path: '/health', allow: 'GET', serve: (exchange) => serveHealth(exchange, source, metrics.health) },
    ...probeEndpoints(source, metrics.health.probes),
  ];
}

function router(endpoints: readonly Endpoint[]): HttpHandler {
  const byPath = new Map(endpoints.map((endpoint) => [endpoint.path, endpoint]));
  const subtrees = endpoints.filter((endpoint) => endpoint.path.endsWith('/'));

  return (exchange) => {
    const decoded = unescapePercent(toByteText(exchange.path), 'path');
    if (decoded.error !== undefined) {
      sendBadRequest(exchange);
      return;
    }
    const clean = cleanPath(decoded.text);
    if (clean !== decoded.text && exchange.method !== 'CONNECT') {
      sendRedirect(exchange, clean, toByteText(exchange.query));
      return;
    }
    const path = decodeUtf8(clean);
    const endpoint = byPath.get(path) ?? subtrees.find((subtree) => path.startsWith(subtree.path));
    if (endpoint === undefined) {
      if (byPath.has(`${path}/`)) sendRedirect(exchange, `${clean}/`, toByteText(exchange.query));
      else sendNotFound(exchange);
    } else if (endpoint.allow !== undefined && endpoint.allow !== exchange.method) {
      sendMethodNotAllowed(exchange, endpoint.allow);
    } else endpoint.serve(exchange, path);
  };
}
