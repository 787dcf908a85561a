/**
 * How a member begins: with a log on disk it goes on where it was; without one it founds a new cluster with the others or
 * joins a running one. Afterwards its raft core, its tree and its log fit together.
 */

import type { Backend } from '../../ports/backend.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Log } from '../../ports/log.ts';
import { type ClusterProbe, PeerProbeError } from '../../ports/peer-network.ts';
import type { Random } from '../../ports/random.ts';
import { bootstrapEntries } from '../../raft/bootstrap.ts';
import { EMPTY_CONF_STATE } from '../../raft/configuration.ts';
import type { RaftInitialState, RaftNode } from '../../raft/node.ts';
import { createRaftNode } from '../../raft/raft-node.ts';
import type { MemberId } from '../../raft/types.ts';
import type { V2Store } from '../../store/v2/types.ts';
import { createV2Store } from '../../store/v2/v2-store.ts';
import { createWal } from '../../wal/create-wal.ts';
import type { DataLayout } from '../../wal/data-directory.ts';
import { type OpenedLog, openNewest } from '../../wal/open-newest.ts';
import { walExists } from '../../wal/read-log.ts';
import type { Wal, WalOptions } from '../../wal/wal.ts';
import type { WatchHubOptions } from '../../watch/create-watch-hub.ts';
import { formatId } from '../../wire/id-text.ts';
import { compareVersions } from '../cluster-version.ts';
import type { Member } from '../contract.ts';
import { DurableLog, type Retention } from '../durable-log.ts';
import { CLUSTER_NAMESPACE, Cluster } from '../membership/cluster.ts';
import { compareIds } from '../membership/member-id.ts';
import { encodeMember } from '../membership/member-json.ts';
import { PassingFiles } from '../passing-files.ts';
import { V3State } from '../v3/v3-state.ts';
import { forceNewCluster } from './force-new-cluster.ts';
import {
  BootstrapError,
  type InitialMembers,
  membersOfExistingCluster,
  membersOfNewCluster,
  type NamedUrls,
} from './initial-members.ts';
import { refuseWithoutLog, takeOver } from './take-over.ts';

/** Clients' keys in the tree. */
const KEYS_NAMESPACE = '/1';
/** A founder that is up already answers at once; one that is not must not delay the start. */
const BOOTSTRAP_PROBE_TIMEOUT_MS = 1_000;
const JOIN_PROBE_TIMEOUT_MS = 10_000;
/** Members that speak an older cluster version than this can't be joined. */
const LOWEST_CLUSTER_VERSION = '3.0.0';

export interface MemberSettings {
  readonly name: string;
  readonly initialCluster: readonly NamedUrls[];
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly advertisedPeerURLs: readonly string[];
  readonly forceNewCluster: boolean;
  readonly electionTicks: number;
  /** Leases are granted at least this; seconds. */
  readonly minLeaseTtlSeconds: number;
  /** Between two checkpoints of a lease's remaining time; left out: etcd's 5 minutes. */
  readonly leaseCheckpointIntervalMs?: number;
  readonly preVote: boolean;
  readonly serverVersion: string;
  readonly retention: Retention;
}

export interface Surroundings {
  readonly disk: Disk;
  readonly layout: DataLayout;
  /** The v3 state on disk. */
  readonly backend: Backend;
  /** What an etcd has left in the directory, if it has; see take-over.ts. */
  readonly etcdDatabase?: string | undefined;
  readonly probe: ClusterProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A durable write of the log is done. */
  readonly onLogWrite?: (durationMs: number, bytes: number) => void;
  /** Sizes of the log's segments, where they are not to be the usual ones. */
  readonly logSizes?: Pick<WalOptions, 'segmentBytes' | 'zeroAheadBytes'>;
  /** Sizes of what watches keep and do at once, likewise. */
  readonly watchSizes?: WatchHubOptions;
  /** Keys deleted in one slice, likewise. */
  readonly deletionSliceKeys?: number;
  /** For whoever wants to watch the core at work. */
  readonly createRaft?: typeof createRaftNode;
}

export interface OpenedMember {
  readonly memberId: MemberId;
  readonly store: V2Store;
  readonly v3: V3State;
  readonly cluster: Cluster;
  readonly raft: RaftNode;
  readonly storage: DurableLog;
  readonly files: PassingFiles;
}

/** Rejects with a BootstrapError, an error of the log (see `wal/wal-errors.ts`) or a DiskError. */
export async function openMember(
  settings: MemberSettings,
  surroundings: Surroundings,
): Promise<OpenedMember> {
  const { disk, layout, backend, etcdDatabase, watchSizes, deletionSliceKeys } = surroundings;
  const { minLeaseTtlSeconds, leaseCheckpointIntervalMs } = settings;
  const v3 = new V3State(backend, {
    minLeaseTtlSeconds,
    ...(leaseCheckpointIntervalMs !== undefined && { leaseCheckpointIntervalMs }),
    ...(watchSizes && { watchSizes }),
    ...(deletionSliceKeys !== undefined && { deletionSliceKeys }),
  });
  let opened: OpenedLog | undefined;
  if (await walExists(disk, layout.wal)) {
    opened = await openNewest(disk, layout, walOptions(surroundings));
    if (settings.forceNewCluster || !isUnborn(opened)) return restart(settings, surroundings, opened, v3);
  } else if (etcdDatabase !== undefined) refuseWithoutLog(etcdDatabase, layout);
  refuseForeignState(v3, layout);
  return settings.initialClusterState === 'new'
    ? found(settings, surroundings, opened, v3)
    : join(settings, surroundings, opened, v3);
}

/**
 * Its first write never became durable as a whole: it has promised nobody anything, and begins anew. Going on with what is there
 * could be fatal: a part of the founders' entries is another, smaller cluster.
 */
function isUnborn({ snapshot, hardState }: OpenedLog): boolean {
  return snapshot === undefined && hardState.term === 0;
}

async function found(
  settings: MemberSettings,
  surroundings: Surroundings,
  unborn: OpenedLog | undefined,
  v3: V3State,
): Promise<OpenedMember> {
  const initial = membersOfNewCluster(settings.name, settings.initialCluster, settings.initialClusterToken);
  await refuseSecondBirth(initial, settings, surroundings);
  const wal = await firstLog(initial, surroundings, unborn);
  const founders = [...initial.members].sort((a, b) => compareIds(a.id, b.id));
  const entries = bootstrapEntries(
    founders.map((member) => ({ id: member.id, context: new TextEncoder().encode(encodeMember(member)) })),
  );
  const hardState = { term: 1, vote: 0n, commit: entries.length };
  await appendDurably(wal, { entries, hardState });
  const store = newStore();
  return assemble(settings, surroundings, {
    self: initial.self,
    store,
    v3,
    cluster: new Cluster(initial.clusterId, store, initial.members),
    wal,
    state: { ...EMPTY_STATE, hardState, entries },
  });
}

async function join(
  settings: MemberSettings,
  surroundings: Surroundings,
  unborn: OpenedLog | undefined,
  v3: V3State,
): Promise<OpenedMember> {
  const { probe, log } = surroundings;
  const others = peerUrlsOfOthers(settings);
  let existing: Awaited<ReturnType<ClusterProbe['members']>>;
  try {
    existing = await probe.members(others, JOIN_PROBE_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof PeerProbeError)) throw error;
    throw new BootstrapError(`cannot fetch cluster info from peer urls: ${error.message}`);
  }
  const initial = membersOfExistingCluster(settings.name, settings.initialCluster, existing);
  await refuseIncompatible(initial, settings, surroundings);
  const wal = await firstLog(initial, surroundings, unborn);
  const store = newStore();
  log.info('joining a running cluster', { 'member-id': initial.self, 'cluster-id': initial.clusterId });
  return assemble(settings, surroundings, {
    self: initial.self,
    store,
    v3,
    cluster: new Cluster(initial.clusterId, store, initial.members),
    wal,
    state: { ...EMPTY_STATE, entries: unborn?.entries ?? [] },
  });
}

async function restart(
  settings: MemberSettings,
  surroundings: Surroundings,
  opened: OpenedLog,
  v3: V3State,
): Promise<OpenedMember> {
  const { log, layout, etcdDatabase } = surroundings;
  const { wal, metadata, snapshot } = opened;
  let { hardState, entries } = opened;
  const self = metadata.memberId;
  const store = newStore();
  const cluster = new Cluster(metadata.clusterId, store);
  if (snapshot !== undefined) {
    store.recover(snapshot.data);
    cluster.recover();
  }
  const start = snapshot?.metadata ?? EMPTY_STATE.snapshot;
  if (etcdDatabase !== undefined) await takeOver(etcdDatabase, surroundings, v3, start);
  if (v3.kv.appliedIndex < start.index) {
    throw new BootstrapError(
      `the v3 state in ${layout.state} ends at index ${v3.kv.appliedIndex} of the log, but the log begins after ${start.index}: the two are not of the same ` +
        'time, and what is between them is lost; restore both from one backup, or remove this member from the cluster and add it again with an empty directory',
    );
  }
  if (settings.forceNewCluster) {
    const member: Member = {
      id: self,
      name: '',
      peerURLs: settings.advertisedPeerURLs,
      clientURLs: [],
      isLearner: false,
    };
    // What the v3 state holds was committed, whether this member had noted so or not.
    const known = Math.min(v3.kv.appliedIndex, entries.at(-1)?.index ?? start.index);
    hardState = { ...hardState, commit: Math.max(hardState.commit, known) };
    const forced = forceNewCluster(member, hardState, entries, start.confState.voters);
    log.warn('forcing a new cluster of this member alone', {
      'dropped-entries': entries.length + forced.appended.length - forced.entries.length,
    });
    ({ hardState, entries } = forced);
    await appendDurably(wal, { entries: forced.appended, hardState });
    await forgetLaterEntries(v3, forced.entries.at(-1) ?? start, surroundings);
  }
  log.info('restarting', {
    'member-id': self,
    'cluster-id': metadata.clusterId,
    'snapshot-index': start.index,
    'commit-index': hardState.commit,
    'last-index': entries.at(-1)?.index ?? start.index,
  });
  return assemble(settings, surroundings, {
    self,
    store,
    v3,
    cluster,
    wal,
    state: { hardState, entries, snapshot: start, confState: start.confState, applied: start.index },
  });
}

const EMPTY_STATE: RaftInitialState = {
  hardState: { term: 0, vote: 0n, commit: 0 },
  snapshot: { index: 0, term: 0, confState: EMPTY_CONF_STATE },
  confState: EMPTY_CONF_STATE,
  entries: [],
  applied: 0,
};

function assemble(
  settings: MemberSettings,
  { disk, layout, random, log, createRaft = createRaftNode }: Surroundings,
  parts: {
    readonly self: MemberId;
    readonly store: V2Store;
    readonly v3: V3State;
    readonly cluster: Cluster;
    readonly wal: Wal;
    readonly state: RaftInitialState;
  },
): OpenedMember {
  const raft = createRaft(
    {
      id: parts.self,
      electionTicks: settings.electionTicks,
      heartbeatTicks: 1,
      preVote: settings.preVote,
      checkQuorum: true,
      maxMessageBytes: 512 * 1024,
      maxInflightMessages: 512,
      maxInflightBytes: 64 * 1024 * 1024,
      maxUncommittedBytes: 64 * 1024 * 1024,
      maxCommittedBytesPerReady: 1024 * 1024,
      random: () => random.next(),
    },
    parts.state,
  );
  const storage = new DurableLog({
    disk,
    layout,
    wal: parts.wal,
    log,
    retention: settings.retention,
    newest: { term: parts.state.snapshot.term, index: parts.state.snapshot.index },
  });
  const { self: memberId, store, v3, cluster } = parts;
  return { memberId, store, v3, cluster, raft, storage, files: new PassingFiles(disk, layout.snap) };
}

function newStore(): V2Store {
  return createV2Store([CLUSTER_NAMESPACE, KEYS_NAMESPACE]);
}

/** Without a log the backend must be empty: it would be another member's, or what is left of this one. */
function refuseForeignState(v3: V3State, layout: DataLayout): void {
  if (v3.kv.appliedIndex === 0 && v3.kv.revision <= 1) return;
  throw new BootstrapError(
    `${layout.state} holds v3 data up to index ${v3.kv.appliedIndex}, but there is no log in ${layout.wal}: a member without its log must not go on; ` +
      'restore the log, or remove this member from the cluster and add it again with an empty directory',
  );
}

/**
 * The backend may hold the effect of entries that a majority had but this member's log has not. They are kept; their places in the log are
 * free, and the entries that come there now must be applied.
 */
async function forgetLaterEntries(
  { kv, backend }: V3State,
  last: { readonly index: number; readonly term: number },
  { log }: Surroundings,
): Promise<void> {
  if (kv.appliedIndex <= last.index) return;
  log.warn('the v3 state is ahead of the log: what it holds is kept', {
    'v3-index': kv.appliedIndex,
    'last-index': last.index,
  });
  kv.setApplied(last.index, last.term);
  await backend.commit();
}

/** A new log, or the one that an interrupted first start has left behind. */
async function firstLog(
  { self, clusterId }: InitialMembers,
  surroundings: Surroundings,
  unborn: OpenedLog | undefined,
): Promise<Wal> {
  const { disk, layout } = surroundings;
  if (unborn === undefined) {
    return createWal(disk, layout.wal, { memberId: self, clusterId }, walOptions(surroundings));
  }
  const { metadata, wal } = unborn;
  if (metadata.memberId === self && metadata.clusterId === clusterId) return wal;
  throw new BootstrapError(
    `the data directory was begun by member ${formatId(metadata.memberId)} of cluster ${formatId(metadata.clusterId)}, ` +
      `but the flags make this member ${formatId(self)} of cluster ${formatId(clusterId)}: use the same flags again, or an empty directory`,
  );
}

function walOptions({ log, clock, onLogWrite, logSizes }: Surroundings): WalOptions {
  return { log, clock, ...logSizes, ...(onLogWrite && { onWrite: onLogWrite }) };
}

function appendDurably(wal: Wal, batch: Parameters<Wal['append']>[0]): Promise<void> {
  return new Promise((resolve, reject) =>
    wal.append(batch, true, (error) => (error === undefined ? resolve() : reject(error))),
  );
}

/** A founder that lost its data must not found the cluster again: it would vote twice in the same term. */
async function refuseSecondBirth(
  initial: InitialMembers,
  settings: MemberSettings,
  { probe }: Surroundings,
): Promise<void> {
  const others = peerUrlsOfOthers(settings);
  if (others.length === 0) return;
  let running: Awaited<ReturnType<ClusterProbe['members']>>;
  try {
    running = await probe.members(others, BOOTSTRAP_PROBE_TIMEOUT_MS);
  } catch (error) {
    // Nobody is there yet, as it should be.
    if (error instanceof PeerProbeError) return;
    throw error;
  }
  const self = running.members.find((member) => member.id === initial.self);
  if (self !== undefined && self.clientURLs.length > 0) {
    throw new BootstrapError(
      `member ${formatId(initial.self)} has already been bootstrapped: the running cluster knows it, but its data directory is empty; ` +
        'remove the member from the cluster, add it again and start it with --initial-cluster-state existing',
    );
  }
}

async function refuseIncompatible(
  initial: InitialMembers,
  settings: MemberSettings,
  { probe, log }: Surroundings,
): Promise<void> {
  const versions = await Promise.all(
    initial.members
      .filter((member) => member.id !== initial.self)
      .map((member) =>
        probe.version(member.peerURLs, JOIN_PROBE_TIMEOUT_MS).catch((error: Error) => {
          log.warn('a member did not tell its version', { peer: member.id, error: error.message });
          return undefined;
        }),
      ),
  );
  const decided = versions.flatMap((version) =>
    version === undefined || !/^\d/.test(version.cluster) ? [] : [version.cluster],
  );
  const fits = (version: string): boolean =>
    compareVersions(version, LOWEST_CLUSTER_VERSION) >= 0 &&
    compareVersions(version, settings.serverVersion) <= 0;
  if (decided.length > 0 && decided.every(fits)) return;
  throw new BootstrapError(
    `incompatible with current running cluster: its version is ${decided.join(', ') || 'not decided yet'}, ` +
      `this member can join ${LOWEST_CLUSTER_VERSION} to ${settings.serverVersion}`,
  );
}

function peerUrlsOfOthers(settings: MemberSettings): string[] {
  return settings.initialCluster
    .filter((entry) => entry.name !== settings.name)
    .flatMap((entry) => entry.peerURLs)
    .sort();
}
