/** From settings to the server's configuration: defaults that depend on other flags, and all checks that need no disk. */

import { isIP } from 'node:net';
import { ConfigFault, type ConfigNote } from './config-note.ts';
import { sameValue } from './flag-value.ts';
import { type FlagNameOf, flagsByName } from './flags.ts';
import { initialClusterOf, parseInitialCluster } from './initial-cluster.ts';
import { readLogSettings } from './log-settings.ts';
import type { ServerConfig, ServerUrl } from './server-config.ts';
import { withHost } from './server-url.ts';
import type { Settings } from './settings.ts';
import { clientTlsFlags, hasTlsFiles, peerTlsFlags, readTlsSettings } from './tls-settings.ts';
import { readV3Settings } from './v3-settings.ts';

const electionTimeoutMsMax = 50_000;
const peerTimeoutMsMin = 5_000;
const defaultSnapshotCount = 100_000;
const unboundedStreams = 0xffff_ffff;

export interface BuildOptions {
  /** From a configuration file? There etcd keeps the default of --advertise-client-urls whatever is listened on. */
  readonly fromFile: boolean;
  readonly detectDefaultHost: () => string | undefined;
}

/**
 * @throws ConfigFault for a value or a combination that can't be served, in etcd's words where it has any; the order of the
 *   checks is etcd's too
 */
export function buildConfig(settings: Settings, options: BuildOptions, notes: ConfigNote[]): ServerConfig {
  const name = settings.text('name');
  const log = readLogSettings(settings);

  const listenPeerUrls = listenUrls(settings, 'listen-peer-urls', 'peer-bind-addr', 'peer-addr');
  const listenClientUrls = listenUrls(settings, 'listen-client-urls', 'bind-addr', 'addr');
  const listenMetricsUrls = settings.urls('listen-metrics-urls');
  for (const url of [...listenPeerUrls, ...listenClientUrls, ...listenMetricsUrls]) checkBindable(url);

  const advertise = (
    urls: FlagNameOf<'urls'>,
    address: FlagNameOf<'address'>,
    listening: readonly ServerUrl[],
  ) => {
    const advertised = legacyUrls(settings, urls, address) ?? settings.urls(urls);
    return withDefaultHost(advertised, flagsByName.get(urls)!.default, listening[0]!, options, notes);
  };
  const initialAdvertisePeerUrls = advertise('initial-advertise-peer-urls', 'peer-addr', listenPeerUrls);
  checkHosts('initial-advertise-peer-urls', initialAdvertisePeerUrls);
  const advertiseClientUrls = advertise('advertise-client-urls', 'addr', listenClientUrls);
  checkHosts('advertise-client-urls', advertiseClientUrls);

  checkOneBootstrap(settings);
  const timing = readTiming(settings);
  if (
    !options.fromFile &&
    settings.isSet('listen-client-urls') &&
    !settings.isSet('advertise-client-urls') &&
    !settings.isSet('addr')
  ) {
    throw new ConfigFault('--advertise-client-urls is required when --listen-client-urls is set explicitly');
  }
  refuseUnbuilt(settings);

  const clientTls = readTlsSettings(
    settings,
    clientTlsFlags,
    [...listenClientUrls, ...listenMetricsUrls],
    notes,
  );
  const peerTls = readTlsSettings(settings, peerTlsFlags, listenPeerUrls, notes);
  const maxRequestBytes = settings.count('max-request-bytes');
  if (maxRequestBytes === 0) throw new ConfigFault('--max-request-bytes must be >0 (set to 0)');

  for (const url of [...initialAdvertisePeerUrls, ...advertiseClientUrls]) {
    if (url.host === '0.0.0.0' || url.host === '::') {
      notes.push({
        level: 'warn',
        message: 'advertised URL names no machine; others cannot reach this member there',
        fields: { url: url.text },
      });
    }
  }
  noteDeprecated(settings, notes);
  if (settings.text('data-dir') === '') {
    notes.push({
      level: 'info',
      message: 'no data-dir given; using the default',
      fields: { 'data-dir': `${name}.etcd` },
    });
  }

  const initialClusterText = settings.isSet('initial-cluster')
    ? settings.text('initial-cluster')
    : initialClusterOf(name || 'default', initialAdvertisePeerUrls);

  return Object.freeze({
    name,
    dataDir: settings.text('data-dir') || `${name}.etcd`,
    walDir: settings.text('wal-dir') || undefined,
    snapshotCount: settings.count('snapshot-count') || defaultSnapshotCount,
    maxSnapshots: settings.count('max-snapshots'),
    maxWals: settings.count('max-wals'),
    ...timing,
    initialElectionTickAdvance: settings.switch('initial-election-tick-advance'),
    preVote: settings.switch('pre-vote'),
    raftReadTimeoutMs: peerTimeoutMs(settings, 'raft-read-timeout', notes),
    raftWriteTimeoutMs: peerTimeoutMs(settings, 'raft-write-timeout', notes),
    listenPeerUrls,
    listenClientUrls,
    listenMetricsUrls,
    initialAdvertisePeerUrls,
    advertiseClientUrls,
    initialCluster: parseInitialCluster(initialClusterText),
    initialClusterText,
    initialClusterState: settings.text('initial-cluster-state') === 'existing' ? 'existing' : 'new',
    initialClusterToken: settings.text('initial-cluster-token'),
    strictReconfigCheck: settings.switch('strict-reconfig-check'),
    forceNewCluster: settings.switch('force-new-cluster'),
    enableV2: settings.switch('enable-v2'),
    maxRequestBytes,
    v3: readV3Settings(settings, notes),
    // 0 bounds nothing, in etcd's library too.
    maxConcurrentStreams: settings.count('max-concurrent-streams') || unboundedStreams,
    grpcKeepalive: Object.freeze({
      minTimeMs: settings.durationMs('grpc-keepalive-min-time'),
      intervalMs: settings.durationMs('grpc-keepalive-interval'),
      timeoutMs: settings.durationMs('grpc-keepalive-timeout'),
    }),
    cors: listOrAll(settings.list('cors')),
    hostWhitelist: listOrAll(settings.list('host-whitelist')),
    clientTls,
    peerTls,
    log,
    unsafeNoFsync: settings.switch('unsafe-no-fsync'),
  } satisfies ServerConfig);
}

function listOrAll(list: readonly string[]): readonly string[] {
  return Object.freeze(list.length === 0 || list.includes('*') ? ['*'] : list);
}

function listenUrls(
  settings: Settings,
  urlsFlag: 'listen-peer-urls' | 'listen-client-urls',
  bindFlag: FlagNameOf<'address'>,
  addressFlag: FlagNameOf<'address'>,
): readonly ServerUrl[] {
  const bound = legacyUrls(settings, urlsFlag, bindFlag);
  if (bound !== undefined) return bound;
  const address = settings.address(addressFlag);
  // etcd 2: an address to advertise without one to listen on listens on its port everywhere.
  if (address !== undefined && !settings.isSet(urlsFlag)) {
    return [withHost(legacyUrl(settings, bindFlag, address), '::', address.port)];
  }
  return settings.urls(urlsFlag);
}

/** The URL that one of etcd 0.4's ip:port flags stands for. */
function legacyUrls(
  settings: Settings,
  urlsFlag: FlagNameOf<'urls'>,
  addressFlag: FlagNameOf<'address'>,
): readonly ServerUrl[] | undefined {
  const address = settings.address(addressFlag);
  if (address === undefined) return undefined;
  if (settings.isSet(urlsFlag))
    throw new ConfigFault(`set only one of flags --${urlsFlag} and --${addressFlag}`);
  return [legacyUrl(settings, addressFlag, address)];
}

function legacyUrl(
  settings: Settings,
  addressFlag: FlagNameOf<'address'>,
  address: { readonly ip: string; readonly port: number },
): ServerUrl {
  const secure = hasTlsFiles(settings, addressFlag.startsWith('peer-') ? peerTlsFlags : clientTlsFlags);
  const base: ServerUrl = { scheme: secure ? 'https' : 'http', host: '', port: 0, text: '' };
  return withHost(base, address.ip, address.port);
}

/** localhost as a default to advertise is of no use when all interfaces are listened on: the machine's own address stands in. */
function withDefaultHost(
  advertised: readonly ServerUrl[],
  defaultText: string,
  listening: ServerUrl,
  options: BuildOptions,
  notes: ConfigNote[],
): readonly ServerUrl[] {
  const first = advertised[0];
  if (
    first === undefined ||
    advertised.length > 1 ||
    first.text !== defaultText ||
    listening.host !== '0.0.0.0'
  ) {
    return advertised;
  }
  const host = options.detectDefaultHost();
  if (host === undefined) {
    notes.push({
      level: 'warn',
      message: 'failed to detect default host',
      fields: { advertised: first.text },
    });
    return advertised;
  }
  notes.push({ level: 'info', message: 'detected default host for advertise', fields: { host } });
  return Object.freeze([withHost(first, host, listening.port)]);
}

function checkBindable(url: ServerUrl): void {
  if (url.host === 'localhost' || isIP(url.host) !== 0) return;
  throw new ConfigFault(`expected IP in URL for binding (${url.text})`);
}

function checkHosts(flag: string, urls: readonly ServerUrl[]): void {
  const nameless = urls.find((url) => url.host === '');
  if (nameless === undefined) return;
  const all = urls.map((url) => url.text).join(',');
  throw new ConfigFault(`--${flag} "${all}" must be "host:port" (unexpected empty host (${nameless.text}))`);
}

function checkOneBootstrap(settings: Settings): void {
  const ways = [
    settings.text('discovery') !== '',
    settings.isSet('initial-cluster') && settings.text('initial-cluster') !== '',
    settings.text('discovery-srv') !== '',
  ].filter(Boolean);
  if (ways.length > 1) {
    throw new ConfigFault(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"',
    );
  }
}

function readTiming(
  settings: Settings,
): Pick<ServerConfig, 'heartbeatIntervalMs' | 'electionTimeoutMs' | 'electionTicks'> {
  const heartbeatIntervalMs = settings.count('heartbeat-interval');
  const electionTimeoutMs = settings.count('election-timeout');
  if (heartbeatIntervalMs === 0) throw new ConfigFault('--heartbeat-interval must be >0 (set to 0ms)');
  if (electionTimeoutMs === 0) throw new ConfigFault('--election-timeout must be >0 (set to 0ms)');
  if (5 * heartbeatIntervalMs > electionTimeoutMs) {
    throw new ConfigFault(
      `--election-timeout[${electionTimeoutMs}ms] should be at least as 5 times as --heartbeat-interval[${heartbeatIntervalMs}ms]`,
    );
  }
  if (electionTimeoutMs > electionTimeoutMsMax) {
    throw new ConfigFault(
      `--election-timeout[${electionTimeoutMs}ms] is too long, and should be set less than ${electionTimeoutMsMax}ms`,
    );
  }
  const electionTicks = Math.floor(electionTimeoutMs / heartbeatIntervalMs);
  return { heartbeatIntervalMs, electionTimeoutMs, electionTicks };
}

function peerTimeoutMs(settings: Settings, flag: FlagNameOf<'duration'>, notes: ConfigNote[]): number {
  const timeoutMs = settings.durationMs(flag);
  if (timeoutMs >= peerTimeoutMsMin) return timeoutMs;
  notes.push({ level: 'info', message: `${flag} increased to minimum value: 5s`, fields: {} });
  return peerTimeoutMsMin;
}

/** Every flag whose feature is missing must be at a value that does not ask for it. */
function refuseUnbuilt(settings: Settings): void {
  for (const name of settings.names()) {
    const flag = flagsByName.get(name)!;
    if (flag.needs === undefined) continue;
    const value = settings.text(name);
    const harmless = [flag.default, ...(flag.harmless ?? [])];
    if (harmless.some((allowed) => sameValue(flag, value, allowed))) continue;
    throw new ConfigFault(`--${name}="${value}" is not supported yet: it needs ${flag.needs}`);
  }
}

function noteDeprecated(settings: Settings, notes: ConfigNote[]): void {
  for (const name of settings.names()) {
    const flag = flagsByName.get(name)!;
    if (flag.obsolete === 'ignored') {
      notes.push({
        level: 'warn',
        message: `flag "-${name}" is no longer supported - ignoring`,
        fields: {},
      });
    } else if (flag.deprecated !== undefined) {
      notes.push({ level: 'warn', message: `--${name} is deprecated: ${flag.deprecated}`, fields: {} });
    }
  }
}
