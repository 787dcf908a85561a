/**
 * Applies what is committed, in order: v2 requests to the tree, configuration changes to the membership, and in place of
 * both a snapshot from the leader. Whoever waits for an entry here is answered when it is applied.
 *
 * Invariant: while an entry is unfinished nothing behind it is applied.
 */
import type { Log } from '../ports/log.ts';
import type { PeerNetwork } from '../ports/peer-network.ts';
import type { RaftNode } from '../raft/node.ts';
import { type ConfChange, type Entry, type MemberId, NO_MEMBER, type Snapshot } from '../raft/types.ts';
import type { V2Outcome, V2Store } from '../store/v2/types.ts';
import { formatId } from '../wire/id-text.ts';
import { tagOf, VARINT } from '../wire/protobuf.ts';
import { decodeConfChange } from '../wire/raftpb.ts';
import { decodeV2RequestId, type V2Request } from '../wire/v2-request.ts';
import { applyV2Request } from './apply-v2.ts';
import type { ServerErrorCode, Submitted } from './contract.ts';
import { serverError } from './errors.ts';
import type { Cluster, MembershipChange } from './membership/cluster.ts';
import type { Proposals, Proposed, Waiter } from './proposals.ts';
import { sameBytes } from './same-bytes.ts';

export interface ApplierParts {
  readonly self: MemberId;
  readonly store: V2Store;
  readonly v3: V3Half;
  readonly cluster: Cluster;
  readonly raft: RaftNode;
  readonly network: PeerNetwork;
  readonly log: Log;
  readonly proposals: Proposals<Proposed<V2Request>, Submitted<V2Outcome>>;
  /** Wall time in nanoseconds. */
  readonly nowNs: () => bigint;
  /** A leader has committed the first, empty entry of its term. */
  readonly onTermBegun: () => void;
  /** A configuration change was applied, or by everyone refused. */
  readonly onConfChange: (changeId: bigint, refusal: ServerErrorCode | undefined) => void;
  readonly onSelfRemoved: () => void;
}

/** The v3 half of the server, as far as entries of the log concern it. */
export interface V3Half {
  /**
   * Applies an entry that is none of v2's own; if there is a v2 request in v3's envelope, it is returned instead. 'unfinished': it goes on in later turns, and
   * its end is told by `Applier.finish`.
   */
  apply(data: Uint8Array, index: number): V2Request | undefined | 'unfinished';
  /** All entries up to this one were applied in this turn, and some were v3's. */
  applied(index: number, term: number): void;
}

export class Applier {
  readonly #parts: ApplierParts;
  #appliedIndex: number;
  /** Term of the last v3 entry among those being applied; 0: there is none yet. */
  #v3Term = 0;
  /** The entry that takes many turns, and those that were to be applied with it. */
  #unfinished: { readonly entry: Entry; readonly behind: readonly Entry[] } | undefined;

  constructor(parts: ApplierParts, appliedIndex: number) {
    this.#parts = parts;
    this.#appliedIndex = appliedIndex;
  }

  /** Highest index applied. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** An entry takes many turns: nothing more may be applied before it is finished. */
  get isBusy(): boolean {
    return this.#unfinished !== undefined;
  }

  /**
   * All of them, unless one takes many turns: then the rest follows by itself. Throws if an entry can't be applied: the member must stop then, or it would
   * differ from the others.
   */
  apply(entries: readonly Entry[]): void {
    const nowNs = this.#parts.nowNs();
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at]!;
      switch (entry.type) {
        case 'normal':
          if (this.#applyNormal(entry, nowNs) === 'unfinished') {
            this.#unfinished = { entry, behind: entries.slice(at + 1) };
            this.#tellV3();
            return;
          }
          break;
        case 'conf-change':
          this.#applyConfChange(decodeConfChange(entry.data));
          break;
        case 'conf-change-v2':
          throw new Error(
            `entry ${entry.index} of the log changes the configuration in several steps, which no etcd member proposes`,
          );
      }
      this.#appliedIndex = entry.index;
    }
    this.#tellV3();
  }

  /** The entry that took many turns is applied; goes on with those behind it. */
  finish(): void {
    if (this.#unfinished === undefined) throw new Error('no entry is unfinished');
    const { entry, behind } = this.#unfinished;
    this.#unfinished = undefined;
    this.#appliedIndex = entry.index;
    this.#v3Term = entry.term;
    this.apply(behind);
  }

  /** Replaces all state. */
  install(snapshot: Snapshot): void {
    const { store, cluster, network, log, self } = this.#parts;
    const before = new Set(cluster.members().map((member) => member.id));
    store.recover(snapshot.data);
    cluster.recover();
    // What it did and what is behind it is in the snapshot.
    this.#unfinished = undefined;
    this.#appliedIndex = snapshot.metadata.index;
    for (const { id, peerURLs } of cluster.members()) {
      if (id === self) continue;
      if (before.has(id)) network.updatePeer(id, peerURLs);
      else network.addPeer(id, peerURLs);
    }
    for (const id of before) if (id !== self && cluster.member(id) === undefined) network.removePeer(id);
    log.info('installed a snapshot from the leader', { 'snapshot-index': snapshot.metadata.index });
  }

  #tellV3(): void {
    if (this.#v3Term === 0) return;
    this.#parts.v3.applied(this.#appliedIndex, this.#v3Term);
    this.#v3Term = 0;
  }

  #applyNormal(entry: Entry, nowNs: bigint): 'unfinished' | undefined {
    const { store, v3, cluster, onTermBegun } = this.#parts;
    if (entry.data.length === 0) {
      onTermBegun();
      return undefined;
    }
    // Most entries on a leader are its own: their requests need no decoding.
    const waiter = this.#takeWaiter(entry.data);
    if (waiter !== undefined) {
      const outcome = applyV2Request(waiter.request.request, store, cluster, nowNs);
      waiter.done({ ok: true, value: outcome ?? NOTHING });
      return undefined;
    }
    const request = v3.apply(entry.data, entry.index);
    if (request === 'unfinished') return request;
    if (request === undefined) this.#v3Term = entry.term;
    else applyV2Request(request, store, cluster, nowNs);
    return undefined;
  }

  /**
   * Who waits here for the entry. The id alone is no proof: with a clock that was set back, a request may have the id of one of an
   * earlier life of this member that is still in the log.
   */
  #takeWaiter(data: Uint8Array): Waiter<Proposed<V2Request>, Submitted<V2Outcome>> | undefined {
    const { proposals } = this.#parts;
    if (proposals.size === 0 || !isOfV2(data)) return undefined;
    const id = decodeV2RequestId(data);
    const waiter = proposals.peek(id);
    return waiter !== undefined && sameBytes(waiter.request.data, data) ? proposals.take(id) : undefined;
  }

  #applyConfChange(change: ConfChange): void {
    const { cluster, raft, log, self, onConfChange, onSelfRemoved } = this.#parts;
    const refusal = cluster.validate(change);
    if (refusal !== undefined) {
      log.warn('refused a change of the membership', {
        reason: serverError(refusal).message,
        'changed-member-id': formatId(change.nodeId),
      });
      raft.applyConfChange({ ...change, nodeId: NO_MEMBER });
      onConfChange(change.id, refusal);
      return;
    }
    raft.applyConfChange(change);
    const done = cluster.apply(change);
    this.#connect(done);
    onConfChange(change.id, undefined);
    if (done.kind === 'removed' && done.id === self) onSelfRemoved();
  }

  /** Lets the network follow the membership. */
  #connect(change: MembershipChange): void {
    const { network, log, self } = this.#parts;
    if (change.kind === 'removed') {
      log.info('removed member', { 'changed-member-id': formatId(change.id) });
      if (change.id !== self) network.removePeer(change.id);
      return;
    }
    const { id, peerURLs } = change.member;
    log.info(`${change.kind} member`, { 'changed-member-id': formatId(id), 'peer-urls': peerURLs });
    if (id === self) return;
    if (change.kind === 'added') network.addPeer(id, peerURLs);
    else if (change.kind === 'updated') network.updatePeer(id, peerURLs);
  }
}

/** v2 requests begin with their id; those of v3 have theirs further inside, if at all. */
function isOfV2(data: Uint8Array): boolean {
  return data[0] === REQUEST_ID_TAG;
}

const REQUEST_ID_TAG = tagOf(1, VARINT);

/** What a request without an outcome of its own answers; nobody reads it. */
const NOTHING: V2Outcome = {
  event: { action: 'set', node: { modifiedIndex: 0, createdIndex: 0 }, etcdIndex: 0 },
};
