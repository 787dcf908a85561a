/**
 * The cluster's members and version, as the log has made them.
 *
 *   /0/members/<id>/raftAttributes   peer URLs, learner or not    written by configuration changes
 *   /0/members/<id>/attributes       name, client URLs            published by the member itself
 *   /0/removed_members/<id>          ''                           ids that never come back
 *   /0/version                       '3.4.0'                      decided by the leader
 *
 * Invariant: what stands in the store is the truth, changes only through applied entries, and each change moves the
 * store's index exactly as etcd's does. A joiner knows the others before its log does: those are `provisional`, seen by
 * readers, never by the validation of changes.
 */
import type { ConfChange, MemberId } from '../../raft/types.ts';
import type { V2Node, V2Outcome, V2Store, V2Ttl } from '../../store/v2/types.ts';
import { formatId } from '../../wire/id-text.ts';
import type { Member, ServerErrorCode } from '../contract.ts';
import { compareIds } from './member-id.ts';
import {
  type Attributes,
  decodeAttributes,
  decodeMember,
  decodeRaftAttributes,
  encodeAttributes,
  encodeRaftAttributes,
} from './member-json.ts';

export const CLUSTER_NAMESPACE = '/0';
export const CLUSTER_VERSION_PATH = '/0/version';
const MEMBERS_PATH = '/0/members';
const REMOVED_MEMBERS_PATH = '/0/removed_members';
const ATTRIBUTES_PATH = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/;
const PERMANENT: V2Ttl = { expireTimeNs: undefined, refresh: false };
/** Nothing below /0 has a TTL, so the time of these operations does not matter. */
const NO_TIME = 0n;
const LEARNERS_MAX = 1;

/** What an applied configuration change did to the membership. */
export type MembershipChange =
  | { readonly kind: 'added' | 'updated' | 'promoted'; readonly member: Member }
  | { readonly kind: 'removed'; readonly id: MemberId };

export function attributesPath(id: MemberId): string {
  return `${MEMBERS_PATH}/${formatId(id)}/attributes`;
}

/** The member whose attributes are stored at `path`, undefined for any other path. */
export function memberOfAttributesPath(path: string): MemberId | undefined {
  const match = path.startsWith(MEMBERS_PATH) ? ATTRIBUTES_PATH.exec(path) : null;
  return match === null ? undefined : BigInt(`0x${match[1]}`);
}

export class Cluster {
  readonly id: bigint;
  readonly #store: V2Store;
  readonly #members = new Map<MemberId, Member>();
  readonly #provisional = new Set<MemberId>();
  readonly #removed = new Set<MemberId>();
  #version: string | undefined;
  #sorted: readonly Member[] | undefined;

  constructor(id: bigint, store: V2Store, provisional: readonly Member[] = []) {
    this.id = id;
    this.#store = store;
    for (const member of provisional) {
      this.#members.set(member.id, member);
      this.#provisional.add(member.id);
    }
  }

  /** Sorted as etcd's v2 API lists them: by id. */
  members(): readonly Member[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => compareIds(a.id, b.id));
    return this.#sorted;
  }

  votingMembers(): readonly Member[] {
    return this.members().filter((member) => !member.isLearner);
  }

  member(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  /** Ids that never come back, sorted. */
  removedIds(): readonly MemberId[] {
    return [...this.#removed].sort(compareIds);
  }

  /** 'major.minor.patch'; undefined before the first leader has decided it. */
  get version(): string | undefined {
    return this.#version;
  }

  /** Reads everything anew from the store, as after a restart or a snapshot. */
  recover(): void {
    this.#members.clear();
    this.#provisional.clear();
    this.#removed.clear();
    this.#sorted = undefined;
    for (const node of this.#children(MEMBERS_PATH)) {
      const member = memberOfNode(node);
      this.#members.set(member.id, member);
    }
    for (const node of this.#children(REMOVED_MEMBERS_PATH)) this.#removed.add(idOfKey(node.key));
    const version = this.#store.get(CLUSTER_VERSION_PATH, false, false, NO_TIME);
    this.#version = version.event?.node.value;
  }

  /** Why the change may not be applied; undefined if it may. Depends on applied state only: all members must agree. */
  validate(change: ConfChange): ServerErrorCode | undefined {
    const id = change.nodeId;
    if (this.#removed.has(id)) return 'member-id-removed';
    const present = this.#applied(id);
    switch (change.type) {
      case 'add-node':
      case 'add-learner-node': {
        const { member, isPromote } = decodeMember(id, textOf(change.context));
        if (isPromote) {
          if (present === undefined) return 'member-id-not-found';
          return present.isLearner ? undefined : 'not-learner';
        }
        if (present !== undefined) return 'member-id-exists';
        if (this.#urlInUse(member.peerURLs, id)) return 'peer-url-exists';
        if (member.isLearner && this.#learnerCount() + 1 > LEARNERS_MAX) return 'too-many-learners';
        return undefined;
      }
      case 'remove-node':
        return present === undefined ? 'member-id-not-found' : undefined;
      case 'update-node':
        if (present === undefined) return 'member-id-not-found';
        return this.#urlInUse(decodeMember(id, textOf(change.context)).member.peerURLs, id)
          ? 'peer-url-exists'
          : undefined;
      default:
        return unreachable(change.type);
    }
  }

  /** Applies a change that `validate` has passed. */
  apply(change: ConfChange): MembershipChange {
    const id = change.nodeId;
    switch (change.type) {
      case 'add-node':
      case 'add-learner-node': {
        const { member, isPromote } = decodeMember(id, textOf(change.context));
        if (isPromote)
          return {
            kind: 'promoted',
            member: this.#setRaftAttributes({ ...this.#get(id), isLearner: false }),
          };
        must(
          this.#store.create(
            `${memberPath(id)}/raftAttributes`,
            false,
            encodeRaftAttributes(member),
            false,
            PERMANENT,
            NO_TIME,
          ),
        );
        this.#put(member);
        return { kind: 'added', member };
      }
      case 'remove-node':
        must(this.#store.delete(memberPath(id), true, true, NO_TIME));
        must(
          this.#store.create(`${REMOVED_MEMBERS_PATH}/${formatId(id)}`, false, '', false, PERMANENT, NO_TIME),
        );
        this.#members.delete(id);
        this.#provisional.delete(id);
        this.#removed.add(id);
        this.#sorted = undefined;
        return { kind: 'removed', id };
      case 'update-node': {
        const { member } = decodeMember(id, textOf(change.context));
        return {
          kind: 'updated',
          member: this.#setRaftAttributes({
            ...this.#get(id),
            ...{ peerURLs: member.peerURLs, isLearner: member.isLearner },
          }),
        };
      }
      default:
        return unreachable(change.type);
    }
  }

  /** What a member publishes of itself. That of a removed member is ignored, as etcd does. */
  setAttributes(id: MemberId, json: string): void {
    const attributes: Attributes = decodeAttributes(json);
    const member = this.#members.get(id);
    if (member === undefined) {
      if (this.#removed.has(id)) return;
      throw new Error(`attributes of member ${formatId(id)}, which the cluster does not know`);
    }
    must(this.#store.set(attributesPath(id), false, encodeAttributes(attributes), PERMANENT, NO_TIME));
    this.#members.set(id, { ...member, name: attributes.name, clientURLs: attributes.clientURLs });
    this.#sorted = undefined;
  }

  setVersion(version: string): void {
    must(this.#store.set(CLUSTER_VERSION_PATH, false, version, PERMANENT, NO_TIME));
    this.#version = version;
  }

  #put(member: Member): void {
    this.#members.set(member.id, member);
    this.#provisional.delete(member.id);
    this.#sorted = undefined;
  }

  #setRaftAttributes(member: Member): Member {
    must(
      this.#store.update(
        `${memberPath(member.id)}/raftAttributes`,
        encodeRaftAttributes(member),
        PERMANENT,
        NO_TIME,
      ),
    );
    this.#put(member);
    return member;
  }

  #applied(id: MemberId): Member | undefined {
    return this.#provisional.has(id) ? undefined : this.#members.get(id);
  }

  #get(id: MemberId): Member {
    const member = this.#members.get(id);
    if (member === undefined)
      throw new Error(`member ${formatId(id)} is gone between validation and application`);
    return member;
  }

  #urlInUse(urls: readonly string[], except: MemberId): boolean {
    for (const member of this.#members.values()) {
      if (member.id === except || this.#provisional.has(member.id)) continue;
      if (member.peerURLs.some((url) => urls.includes(url))) return true;
    }
    return false;
  }

  #learnerCount(): number {
    let count = 0;
    for (const member of this.#members.values())
      if (member.isLearner && !this.#provisional.has(member.id)) count++;
    return count;
  }

  #children(path: string): readonly V2Node[] {
    return this.#store.get(path, true, true, NO_TIME).event?.node.nodes ?? [];
  }
}

function memberPath(id: MemberId): string {
  return `${MEMBERS_PATH}/${formatId(id)}`;
}

function idOfKey(key: string | undefined): MemberId {
  return BigInt(`0x${key?.slice(key.lastIndexOf('/') + 1)}`);
}

function memberOfNode(node: V2Node): Member {
  const id = idOfKey(node.key);
  let member: Member = { id, name: '', peerURLs: [], clientURLs: [], isLearner: false };
  for (const child of node.nodes ?? []) {
    const value = child.value ?? '';
    if (child.key?.endsWith('/raftAttributes')) member = { ...member, ...decodeRaftAttributes(value) };
    else if (child.key?.endsWith('/attributes')) member = { ...member, ...decodeAttributes(value) };
  }
  return member;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function must(outcome: V2Outcome): void {
  if (outcome.error !== undefined)
    throw new Error(
      `the store refused a change of the membership: ${outcome.error.message} (${outcome.error.cause})`,
    );
}

function unreachable(value: never): never {
  throw new Error(`unknown configuration change ${String(value)}`);
}
