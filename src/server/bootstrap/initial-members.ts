/** Who this member is and who the others are, before there is a log to ask. Pure. */
import type { MemberId } from '../../raft/types.ts';
import { formatId } from '../../wire/id-text.ts';
import type { Member } from '../contract.ts';
import { computeClusterId, computeMemberId } from '../membership/member-id.ts';

/** One entry of `--initial-cluster`. */
export interface NamedUrls {
  readonly name: string;
  readonly peerURLs: readonly string[];
}

export interface InitialMembers {
  readonly self: MemberId;
  readonly clusterId: bigint;
  readonly members: readonly Member[];
}

/** The cluster does not fit what this member was told. The message is a whole sentence for the operator. */
export class BootstrapError extends Error {
  override readonly name = 'BootstrapError';
}

/** All members of a new cluster compute the same from the same flags. Throws BootstrapError. */
export function membersOfNewCluster(
  selfName: string,
  named: readonly NamedUrls[],
  token: string,
): InitialMembers {
  const members = named.map((entry) => memberOf(entry, computeMemberId(entry.peerURLs, token)));
  const ids = members.map((member) => member.id);
  if (new Set(ids).size !== ids.length) {
    throw new BootstrapError('two members of --initial-cluster have identical peer URLs and so the same id');
  }
  return { self: find(selfName, members).id, clusterId: computeClusterId(ids), members };
}

/**
 * Matches what the flags say with what the running cluster says; ids come from the latter. Throws BootstrapError with
 * etcd's words where they do not match.
 */
export function membersOfExistingCluster(
  selfName: string,
  named: readonly NamedUrls[],
  existing: { readonly clusterId: bigint; readonly members: readonly Member[] },
): InitialMembers {
  if (existing.members.length !== named.length) {
    throw new BootstrapError(
      `error validating peerURLs: member count is unequal: the cluster has ${existing.members.length} members, --initial-cluster names ${named.length}`,
    );
  }
  const members = existing.members.map((member) => {
    const entry = named.find((candidate) => sameUrls(candidate.peerURLs, member.peerURLs));
    if (entry === undefined) {
      throw new BootstrapError(
        `error validating peerURLs: PeerURLs: no match found for existing member (${formatId(member.id)}, [${member.peerURLs.join(' ')}]) in --initial-cluster`,
      );
    }
    return { ...member, name: entry.name };
  });
  const self = find(selfName, members).id;
  // A name counts as published; what the flags say is not.
  const published = existing.members.map((member) => ({ ...member }));
  return { self, clusterId: existing.clusterId, members: published };
}

function memberOf(entry: NamedUrls, id: MemberId): Member {
  return { id, name: entry.name, peerURLs: [...entry.peerURLs].sort(), clientURLs: [], isLearner: false };
}

function find(name: string, members: readonly Member[]): Member {
  const member = members.find((candidate) => candidate.name === name);
  if (member === undefined) {
    throw new BootstrapError(`couldn't find local name "${name}" in the initial cluster configuration`);
  }
  return member;
}

function sameUrls(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const sortedA = [...a].sort();
  const sortedB = [...b].sort();
  return sortedA.every((url, i) => url === sortedB[i]);
}
