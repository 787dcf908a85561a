/**
 * A host with a disk and, at times, a process on it: the real member (`openMember` and `Server`), on a memory disk, a memory network
 * and a clock that somebody else turns. It can be started, ended in every way a process ends, paused, and lose its disk.
 */
import type { Disk } from '../ports/disk.ts';
import { type Log, silentLog } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { RaftInitialState, RaftNode, RaftOptions } from '../raft/node.ts';
import { createRaftNode } from '../raft/raft-node.ts';
import type { MemberId } from '../raft/types.ts';
import {
  type MemberSettings,
  type OpenedMember,
  openMember,
  type Surroundings,
} from '../server/bootstrap/open-member.ts';
import type { LogStorage } from '../server/log-storage.ts';
import { Server } from '../server/server.ts';
import type { ServerSettings, StopReason } from '../server/server-parts.ts';
import type { SnapshotStorage } from '../server/snapshot-keeper.ts';
import { dataLayout, lockDataDirectory } from '../wal/data-directory.ts';
import { createMemoryBackend } from './memory-backend.ts';
import { createMemoryDisk, type DiskOperation, type MemoryDisk } from './memory-disk.ts';
import type { MemoryNetwork } from './memory-network.ts';
import { createMemoryTables, type MemoryTables, type TablesOperation } from './memory-tables.ts';
import { createSeededRandom } from './seeded-random.ts';
import type { ProcessClock, VirtualClock } from './virtual-clock.ts';

export const TICK_MS = 100;
/** There are few keys here: whoever deletes two of them takes several turns. */
const DELETION_SLICE_KEYS = 1;
export const ELECTION_TICKS = 10;

/** What all hosts share. */
export interface SimulatedWorld {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly random: Random;
  readonly options: WorldOptions;
}

export interface WorldOptions {
  readonly snapshotCount?: number;
  readonly strict?: boolean;
  readonly preVote?: boolean;
  readonly token?: string;
  /** A disk operation takes between half of it and all of it. */
  readonly diskMs?: number;
  /** So long a turn of a member's event loop takes. */
  readonly turnMs?: number;
  readonly logSizes?: Surroundings['logSizes'];
  readonly leaseCheckpointIntervalMs?: number;
  readonly watchSizes?: Surroundings['watchSizes'];
  /** Of the secrets of the tables' hashes: a stream of its own, since nothing of them can be observed. */
  readonly hashSeed?: number;
  readonly v3?: Partial<ServerSettings['v3']>;
}

export interface MemberOptions {
  readonly state: 'new' | 'existing';
  /** Names of all founders, or of all members with the joiner; URLs follow from the names. */
  readonly cluster: readonly string[];
  readonly token?: string;
  readonly forceNewCluster?: boolean;
  readonly serverVersion?: string;
  /** Its wall clock is off by so much. */
  readonly skewMs?: number;
  /** Its time passes so many times as fast. */
  readonly clockRate?: number;
}

export type EndOfProcess = 'crashed' | 'killed' | 'stopped' | 'removed' | 'failed' | 'refused';

export function urlOf(name: string): string {
  return `http://${name}:2380`;
}

export class SimulatedMember {
  readonly name: string;
  options: MemberOptions;
  urls: readonly string[];
  log: Log = silentLog;
  disk: MemoryDisk;
  /** What the v3 state's tables hold durably. */
  tables: MemoryTables;
  /** Serves clients. */
  ready = false;
  /** Why it could not start, or had to stop. */
  failure: Error | undefined;
  stopReason: StopReason | undefined;
  opened: OpenedMember | undefined;
  /** Processes started on this host so far. */
  life = 0;
  /** Asked before every disk operation. */
  fault: (operation: DiskOperation) => string | undefined = () => undefined;
  /** Milliseconds that an operation takes in addition. */
  slowness: (operation: DiskOperation) => number = () => 0;
  /** As `fault`, of the tables of the v3 state. */
  tablesFault: (operation: TablesOperation) => string | undefined = () => undefined;
  /** As `slowness`. */
  tablesSlowness: (operation: TablesOperation) => number = () => 0;
  protected readonly world: SimulatedWorld;
  #server: Server | undefined;
  #clock: ProcessClock | undefined;

  constructor(world: SimulatedWorld, name: string, options: MemberOptions) {
    this.world = world;
    this.name = name;
    this.options = options;
    this.urls = [urlOf(name)];
    this.disk = this.#newDisk();
    this.tables = this.#newTables();
  }

  /** There is no process, not even one that starts. */
  get isDown(): boolean {
    return this.#clock === undefined;
  }

  get isRunning(): boolean {
    return this.#server !== undefined;
  }

  get isPaused(): boolean {
    return this.#clock?.isPaused ?? false;
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error(`${this.name} does not run`);
    return this.#server;
  }

  get id(): MemberId {
    return this.server.memberId;
  }

  /** The clock of the process that runs or starts. */
  get process(): ProcessClock | undefined {
    return this.#clock;
  }

  /** Begins to start; `isRunning` or `failure` tells when it has. */
  start(): void {
    if (this.#clock !== undefined) throw new Error(`${this.name} runs already`);
    const { skewMs, clockRate } = this.options;
    const clock = this.world.clock.process(skewMs, clockRate);
    clock.turnMs = this.world.options.turnMs ?? 0;
    this.#clock = clock;
    this.life++;
    this.ready = false;
    this.failure = undefined;
    this.stopReason = undefined;
    this.opened = undefined;
    this.#run(clock).catch((error: Error) => {
      if (this.#clock !== clock) return;
      this.failure = error;
      this.#end('refused', error);
      this.disk.kill();
      this.tables.crash();
    });
  }

  /** Power is lost. */
  crash(): void {
    this.#end('crashed');
    this.disk.crash();
    this.tables.crash();
  }

  /** The process ends at once; what it wrote stays. */
  kill(): void {
    this.#end('killed');
    this.disk.kill();
    this.tables.crash();
  }

  /** The server stops in order; the log is not closed. All who wait are answered. */
  halt(): void {
    this.#server?.stop();
    this.kill();
  }

  /** Stops in order: leadership, server, network, log. `done` is not called if it ends otherwise meanwhile. */
  stopInOrder(done: () => void = () => {}): void {
    const { server, opened } = this;
    const clock = this.#clock;
    server.handOverLeadership(() => {
      if (this.#clock !== clock || this.#server === undefined) return;
      server.stop();
      this.#server = undefined;
      this.world.network.silence(this.name);
      const end = (): void => {
        if (this.#clock !== clock) return;
        this.#end('stopped');
        this.disk.kill();
        this.tables.crash();
        done();
      };
      opened!.storage.close().then(end, end);
    });
  }

  /** The disk is replaced by an empty one. Only while there is no process. */
  loseDisk(): void {
    if (!this.isDown) throw new Error(`${this.name} runs`);
    this.disk = this.#newDisk();
    this.tables = this.#newTables();
  }

  /** As `createRaftNode`; to be overridden by whoever wants to look on. */
  protected createRaft(options: RaftOptions, initial: RaftInitialState): RaftNode {
    return createRaftNode(options, initial);
  }

  protected storageOf(opened: OpenedMember): LogStorage & SnapshotStorage {
    return opened.storage;
  }

  /** There is a server; it has not begun yet. */
  protected onServer(_server: Server): void {}

  /** An operation of the tables has come to its end, good or bad, in the life of its process. */
  protected onTablesOperation(_operation: TablesOperation): void {}

  /** The process of `life` is gone. */
  protected onEnd(_how: EndOfProcess, _error: Error | undefined): void {}

  async #run(clock: ProcessClock): Promise<void> {
    const { network, options, random } = this.world;
    const layout = dataLayout('/data');
    const probe = network.probe(this.name, clock);
    const disk = processDisk(this.disk, () => this.#clock === clock);
    await disk.makeDirectory('/data');
    await lockDataDirectory(disk, layout);
    const token = this.options.token ?? options.token ?? 'etcd-cluster';
    const serverVersion = this.options.serverVersion ?? '3.4.23';
    const settings: MemberSettings = {
      name: this.name,
      initialCluster: this.options.cluster.map((name) => ({ name, peerURLs: [urlOf(name)] })),
      initialClusterState: this.options.state,
      initialClusterToken: token,
      advertisedPeerURLs: this.urls,
      forceNewCluster: this.options.forceNewCluster ?? false,
      electionTicks: ELECTION_TICKS,
      minLeaseTtlSeconds: Math.ceil((1.5 * ELECTION_TICKS * TICK_MS) / 1000),
      ...(options.leaseCheckpointIntervalMs !== undefined && {
        leaseCheckpointIntervalMs: options.leaseCheckpointIntervalMs,
      }),
      preVote: options.preVote ?? true,
      serverVersion,
      retention: { maxWals: 5, maxSnapshots: 5 },
    };
    const opened = await openMember(settings, {
      disk,
      layout,
      backend: createMemoryBackend({
        tables: this.tables,
        clock,
        random: createSeededRandom(options.hashSeed ?? 0),
      }),
      probe,
      clock,
      random,
      log: this.log,
      createRaft: (raftOptions, initial) => this.createRaft(raftOptions, initial),
      ...(options.logSizes && { logSizes: options.logSizes }),
      ...(options.watchSizes && { watchSizes: options.watchSizes }),
      deletionSliceKeys: DELETION_SLICE_KEYS,
    });
    if (this.#clock !== clock) return;
    this.opened = opened;
    const peers = network.listen(this.name, {
      memberId: opened.memberId,
      clusterId: opened.cluster.id,
      urls: this.urls,
      members: () => opened.cluster.members(),
      version: () => ({ server: serverVersion, cluster: server.clusterVersion }),
      run: (callback) => clock.run(callback),
    });
    const serverSettings: ServerSettings = {
      name: this.name,
      advertisedClientURLs: [`http://${this.name}:2379`],
      clusterToken: token,
      tickMs: TICK_MS,
      electionTicks: ELECTION_TICKS,
      initialElectionTickAdvance: true,
      snapshotCount: options.snapshotCount ?? 10_000,
      strictReconfigCheck: options.strict ?? true,
      serverVersion,
      v3: { quotaBytes: 0, autoCompaction: { mode: 'off' }, corruptionCheckIntervalMs: 0, ...options.v3 },
    };
    const server: Server = new Server(serverSettings, {
      ...opened,
      storage: this.storageOf(opened),
      network: peers,
      probe,
      clock,
      log: this.log,
    });
    this.#server = server;
    this.onServer(server);
    server.start((reason) => {
      // As the program does: what waits is written, then the process ends.
      this.#server = undefined;
      network.silence(this.name);
      const end = (): void => {
        if (this.#clock !== clock) return;
        this.stopReason = reason;
        if (reason.kind === 'failure') this.failure = reason.error;
        this.#end(reason.kind === 'failure' ? 'failed' : 'removed', this.failure);
        this.disk.kill();
        this.tables.crash();
      };
      opened.storage.close().then(end, end);
    });
    server.onReady(() => {
      this.ready = true;
    });
  }

  #end(how: EndOfProcess, error?: Error): void {
    const clock = this.#clock;
    clock?.kill();
    this.#clock = undefined;
    this.#server = undefined;
    this.ready = false;
    this.world.network.silence(this.name);
    if (clock !== undefined) this.onEnd(how, error);
  }

  #newDisk(): MemoryDisk {
    const { clock, options, random } = this.world;
    const diskMs = options.diskMs ?? 0.5;
    return createMemoryDisk({
      random,
      fault: (operation) => this.fault(operation),
      schedule: (operation, complete) => {
        const owner = this.#clock;
        const delayMs = diskMs * (0.5 + random.next() / 2) + this.slowness(operation);
        clock.schedule(delayMs, () => (owner === undefined ? complete() : owner.run(complete)));
      },
    });
  }

  #newTables(): MemoryTables {
    const { clock, options, random } = this.world;
    const diskMs = options.diskMs ?? 0.5;
    return createMemoryTables({
      random,
      fault: (operation) => this.tablesFault(operation),
      schedule: (operation, complete) => {
        const owner = this.#clock;
        const end = (): void => {
          complete();
          this.onTablesOperation(operation);
        };
        // A commit is a few writes and syncs of a disk.
        const delayMs = 3 * diskMs * (0.5 + random.next() / 2) + this.tablesSlowness(operation);
        clock.schedule(delayMs, () => (owner === undefined ? end() : owner.run(end)));
      },
    });
  }
}

/** The disk as one process uses it: what is left of it after its death does nothing more. */
function processDisk(disk: Disk, isAlive: () => boolean): Disk {
  const never = new Promise<never>(() => {});
  return {
    open: (path) => (isAlive() ? disk.open(path) : never),
    create: (path) => (isAlive() ? disk.create(path) : never),
    readFile: (path) => (isAlive() ? disk.readFile(path) : never),
    list: (path) => (isAlive() ? disk.list(path) : never),
    exists: (path) => (isAlive() ? disk.exists(path) : never),
    makeDirectory: (path) => (isAlive() ? disk.makeDirectory(path) : never),
    rename: (from, to) => (isAlive() ? disk.rename(from, to) : never),
    remove: (path) => (isAlive() ? disk.remove(path) : never),
    syncDirectory: (path) => (isAlive() ? disk.syncDirectory(path) : never),
    lock: (path) => (isAlive() ? disk.lock(path) : never),
  };
}
