/**
 * A simulated member with its every step reported to the recorder: what its core appends, commits and answers, what its log makes
 * durable, what its tree goes through. The member itself notices nothing.
 */
import type { RaftInitialState, RaftNode, RaftOptions } from '../raft/node.ts';
import type { ConfState, Entry, MemberId, Message, Ready } from '../raft/types.ts';
import type { OpenedMember } from '../server/bootstrap/open-member.ts';
import type { LogBatch, LogStorage } from '../server/log-storage.ts';
import type { Server } from '../server/server.ts';
import type { SnapshotStorage } from '../server/snapshot-keeper.ts';
import { appliedIndexOf } from '../store/mvcc/tables.ts';
import { hashV2Store } from '../store/v2/store-hash.ts';
import type { V2Event } from '../store/v2/types.ts';
import { decodeV2Request } from '../wire/v2-request.ts';
import { Digest } from './digest.ts';
import type { DiskOperation } from './memory-disk.ts';
import type { TablesOperation } from './memory-tables.ts';
import type { EntryDigest, TreeEvent } from './observation.ts';
import { hashV3State, isOfV2, leasesOf, v3RequestOf } from './observed-v3.ts';
import type { Recorder } from './recorder.ts';
import {
  type EndOfProcess,
  type MemberOptions,
  SimulatedMember,
  type SimulatedWorld,
} from './simulated-member.ts';
import { allRows, eventOf } from './v3-texts.ts';
import type { ProcessClock } from './virtual-clock.ts';

/** Every so many changes of an applied index in the whole world a state is hashed, and all others at that index. */
const HASH_EVERY = 60;

/** The clients' part of the tree. */
export const KEYS_ROOT = '/1';

/** Which states are hashed: shared by all members of a world. */
export class StateSampling {
  readonly #indexes = new Set<number>();
  #changes = 0;

  wants(appliedIndex: number): boolean {
    if (this.#indexes.has(appliedIndex)) return true;
    if (++this.#changes % HASH_EVERY !== 0) return false;
    this.#indexes.add(appliedIndex);
    return true;
  }
}

export class ObservedMember extends SimulatedMember {
  /** Of the process that runs or ran last; 0 before the first. */
  lastId: MemberId = 0n;
  /** What is wrong with its disk: each is asked before every operation and may name an error. */
  readonly troubles = new Set<(operation: DiskOperation) => string | undefined>();
  /** The same of its tables. */
  readonly tablesTroubles = new Set<(operation: TablesOperation) => string | undefined>();
  /** Where the last writes of its log that asked to be durable began, the latest last. */
  readonly logWrites: { readonly path: string; readonly position: number }[] = [];
  whenEnded: (how: EndOfProcess, error: Error | undefined) => void = () => {};
  readonly #recorder: Recorder;
  readonly #sampling: StateSampling;

  constructor(
    world: SimulatedWorld,
    name: string,
    options: MemberOptions,
    recorder: Recorder,
    sampling: StateSampling,
  ) {
    super(world, name, options);
    this.fault = (operation) => this.#troubleOf(operation);
    this.tablesFault = (operation) => {
      for (const trouble of this.tablesTroubles) {
        const code = trouble(operation);
        if (code !== undefined) return code;
      }
      return undefined;
    };
    this.#recorder = recorder;
    this.#sampling = sampling;
  }

  override loseDisk(): void {
    super.loseDisk();
    this.#recorder.observe({ kind: 'data-lost', ...this.#here() });
  }

  protected override createRaft(options: RaftOptions, initial: RaftInitialState): RaftNode {
    this.lastId = options.id;
    const core = super.createRaft(options, initial);
    const { hardState, snapshot } = initial;
    this.#recorder.observe({
      kind: 'member-started',
      ...this.#here(),
      term: hardState.term,
      vote: hardState.vote,
      commit: hardState.commit,
      snapshotIndex: snapshot.index,
      snapshotTerm: snapshot.term,
      entries: initial.entries.map(digestOf),
      configuration: initial.confState,
      applied: initial.applied,
      forcedNewCluster: this.options.forceNewCluster ?? false,
    });
    return observeRaft(core, {
      ready: (ready) => this.#onReady(core, ready),
      applied: (index) => this.#onApplied(index),
      configured: (configuration) =>
        this.#recorder.observe({ kind: 'configuration-changed', ...this.#here(), configuration }),
      proposed: (data) => this.#onProposed(data),
    });
  }

  protected override storageOf(opened: OpenedMember): LogStorage & SnapshotStorage {
    return observeStorage(super.storageOf(opened), (batch) => this.#onDurable(batch));
  }

  protected override onServer(server: Server): void {
    server.store.watch(KEYS_ROOT, true, true, 0, (event) => this.#onTreeEvent(event), server.nowNs());
    const { kv } = server.v3;
    this.#recorder.observe({
      kind: 'v3-opened',
      ...this.#here(),
      appliedIndex: kv.appliedIndex,
      revision: kv.revision,
      compacted: kv.compactedRevision,
      rows: allRows(kv),
      forcedNewCluster: this.options.forceNewCluster ?? false,
    });
    kv.onRevision(({ revision, events }) =>
      this.#recorder.observe({
        kind: 'v3-revision',
        ...this.#here(),
        revision,
        events: events.map(eventOf),
      }),
    );
  }

  protected override onTablesOperation({ kind }: TablesOperation): void {
    if (kind !== 'write') return;
    const durable = this.tables.open();
    const appliedIndex = appliedIndexOf({ get: (table, key) => durable.table(table).get(key) });
    this.#recorder.observe({ kind: 'v3-durable', ...this.#here(), appliedIndex });
  }

  /** What it holds in the end. */
  showV3(): void {
    const { v3 } = this.opened!;
    const { kv } = v3;
    this.#recorder.observe({
      kind: 'v3-final',
      ...this.#here(),
      revision: kv.revision,
      rows: allRows(kv),
      leases: leasesOf(v3),
    });
  }

  protected override onEnd(how: EndOfProcess, error: Error | undefined): void {
    this.#recorder.observe({ kind: 'member-ended', ...this.#here(), how, reason: error?.message ?? '' });
    this.whenEnded(how, error);
  }

  #troubleOf(operation: DiskOperation): string | undefined {
    const { kind, path, position } = operation;
    if (kind === 'write-durably' && position !== undefined) {
      this.logWrites.push({ path, position });
      if (this.logWrites.length > 2) this.logWrites.shift();
    }
    for (const trouble of this.troubles) {
      const code = trouble(operation);
      if (code !== undefined) return code;
    }
    return undefined;
  }

  #here(): { atMs: number; member: string; memberId: MemberId; life: number } {
    return { atMs: this.#recorder.nowMs, member: this.name, memberId: this.lastId, life: this.life };
  }

  #onReady(core: RaftNode, ready: Ready): void {
    const recorder = this.#recorder;
    const { softState, persist, committed, messages } = ready;
    if (persist?.snapshot !== undefined) {
      const { index, term } = persist.snapshot.metadata;
      recorder.observe({ kind: 'snapshot-installed', ...this.#here(), index, term });
    }
    if (persist !== undefined && persist.entries.length > 0) {
      recorder.observe({
        kind: 'entries-appended',
        ...this.#here(),
        entries: persist.entries.map(digestOf),
      });
    }
    if (softState?.role === 'leader') {
      recorder.observe({
        kind: 'leader-elected',
        ...this.#here(),
        term: softState.term,
        lastIndex: core.lastIndex,
      });
    }
    for (const message of messages) this.#onMessage(message);
    if (committed.length > 0) {
      recorder.observe({ kind: 'entries-committed', ...this.#here(), entries: committed.map(digestOf) });
      for (const { type, data, index } of committed) {
        const request = type === 'normal' ? v3RequestOf(data) : undefined;
        if (request?.kind !== 'lease-revoke' && request?.kind !== 'lease-grant') continue;
        const kind = request.kind === 'lease-grant' ? 'v3-grant-committed' : 'v3-revoke-committed';
        const lease = Number(request.request.id);
        recorder.observe({ kind, ...this.#here(), index, lease });
      }
    }
  }

  #onMessage(message: Message): void {
    const { to, term } = message;
    if (message.type === 'vote-response' && !message.reject) {
      this.#recorder.observe({
        kind: 'message-sent',
        ...this.#here(),
        message: { type: 'vote-granted', to, term },
      });
    } else if (message.type === 'append-response' && !message.reject) {
      this.#recorder.observe({
        kind: 'message-sent',
        ...this.#here(),
        message: { type: 'append-accepted', to, term, index: message.index },
      });
    }
  }

  #onDurable({ entries, hardState, snapshot }: LogBatch): void {
    this.#recorder.observe({
      kind: 'log-durable',
      ...this.#here(),
      entries: entries.map(digestOf),
      hardState,
      snapshot: snapshot && { index: snapshot.metadata.index, term: snapshot.metadata.term },
    });
  }

  #onApplied(index: number): void {
    if (this.opened === undefined) return;
    const { store, v3 } = this.opened;
    const isSampled = this.#sampling.wants(index);
    this.#recorder.observe({
      kind: 'applied',
      ...this.#here(),
      index,
      etcdIndex: store.currentIndex,
      stateHash: isSampled ? hashV2Store(store) : undefined,
    });
    const { appliedIndex, revision, compactedRevision: compacted } = v3.kv;
    this.#recorder.observe({
      kind: 'v3-applied',
      ...this.#here(),
      ...{ index, appliedIndex, revision, compacted },
      // While entries are read again it is ahead of them.
      stateHash: isSampled && appliedIndex <= index ? hashV3State(v3) : undefined,
    });
  }

  #onProposed(data: Uint8Array): void {
    if (!isOfV2(data)) return;
    const { request } = decodeV2Request(data);
    if (request.method !== 'SYNC') return;
    this.#recorder.observe({
      kind: 'expiry-proposed',
      ...this.#here(),
      untilNs: request.timeNs,
      wallTimeNs: wallTimeNs(this.process!),
    });
  }

  #onTreeEvent(event: V2Event): void {
    const told = treeEventOf(event);
    this.#recorder.observe({ kind: 'store-changed', ...this.#here(), event: told });
    const expirationNs = event.prevNode?.expirationNs;
    if (event.action !== 'expire' || expirationNs === undefined) return;
    const { key, modifiedIndex } = told;
    this.#recorder.observe({ kind: 'key-expired', ...this.#here(), key, expirationNs, modifiedIndex });
  }
}

export function treeEventOf({ action, node, prevNode }: V2Event): TreeEvent {
  return {
    action,
    key: node.key!.slice(KEYS_ROOT.length),
    value: node.dir === true ? undefined : node.value,
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
    previousValue: prevNode?.value,
  };
}

function wallTimeNs(clock: ProcessClock): bigint {
  return BigInt(Math.round(clock.wallTimeMs())) * 1_000_000n;
}

const digests = new WeakMap<Entry, EntryDigest>();

function digestOf(entry: Entry): EntryDigest {
  let known = digests.get(entry);
  if (known === undefined) {
    const { index, term, type, data } = entry;
    const digest = new Digest();
    digest.add(type);
    digest.addBytes(data);
    known = { index, term, type, hash: digest.text };
    digests.set(entry, known);
  }
  return known;
}

interface RaftObserver {
  ready(ready: Ready): void;
  applied(index: number): void;
  configured(configuration: ConfState): void;
  proposed(data: Uint8Array): void;
}

/** The same core, whose outputs the observer sees first. */
function observeRaft(core: RaftNode, observer: RaftObserver): RaftNode {
  return {
    tick: () => core.tick(),
    step: (message) => core.step(message),
    propose: (data) => {
      const outcome = core.propose(data);
      if (outcome.ok) for (const each of data) observer.proposed(each);
      return outcome;
    },
    proposeConfChange: (change) => core.proposeConfChange(change),
    readIndex: (context) => core.readIndex(context),
    campaign: () => core.campaign(),
    transferLeadership: (to) => core.transferLeadership(to),
    reportUnreachable: (id) => core.reportUnreachable(id),
    reportSnapshot: (id, sent) => core.reportSnapshot(id, sent),
    applyConfChange: (change) => {
      const configuration = core.applyConfChange(change);
      observer.configured(configuration);
      return configuration;
    },
    hasReady: () => core.hasReady(),
    ready: () => {
      const ready = core.ready();
      observer.ready(ready);
      return ready;
    },
    persisted: (sequence) => core.persisted(sequence),
    applied: (index) => {
      const before = core.configuration;
      core.applied(index);
      // That of a received snapshot comes into force with it.
      if (core.configuration !== before) observer.configured(core.configuration);
      observer.applied(index);
    },
    compact: (metadata, compactIndex) => core.compact(metadata, compactIndex),
    status: () => core.status(),
    termAt: (index) => core.termAt(index),
    get leader() {
      return core.leader;
    },
    get role() {
      return core.role;
    },
    get term() {
      return core.term;
    },
    get commit() {
      return core.commit;
    },
    get lastIndex() {
      return core.lastIndex;
    },
    get firstIndex() {
      return core.firstIndex;
    },
    get durableIndex() {
      return core.durableIndex;
    },
    get configuration() {
      return core.configuration;
    },
  };
}

function observeStorage(
  storage: LogStorage & SnapshotStorage,
  onDurable: (batch: LogBatch) => void,
): LogStorage & SnapshotStorage {
  return {
    save: (batch, done) =>
      storage.save(batch, (error) => {
        if (error === undefined) onDurable(batch);
        done(error);
      }),
    flush: () => storage.flush(),
    saveSnapshot: (metadata, chunks) => storage.saveSnapshot(metadata, chunks),
    loadSnapshot: (metadata) => storage.loadSnapshot(metadata),
    purge: () => storage.purge(),
  };
}
