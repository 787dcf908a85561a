/**
 * Members as `/members` on the peer port prints them. Ids are JSON numbers of 64 bits there, which JSON.parse would round:
 * they are quoted before parsing.
 *
 *   [{"id":10276657743932975437,"peerURLs":["http://10.0.0.1:2380"],"isLearner":true,"name":"a","clientURLs":["http://..."]}]
 *
 * isLearner, name and clientURLs are left out when false or empty.
 */
import type { PeerMember } from '../ports/peer-network.ts';
import { quoteGo, quoteGoList } from '../wire/go-json.ts';

/** One JSON array, members in ascending order of their ids. */
export function encodeMembers(members: readonly PeerMember[]): string {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return `[${sorted.map(encodeMember).join(',')}]`;
}

function encodeMember({ id, peerURLs, isLearner, name, clientURLs }: PeerMember): string {
  let text = `{"id":${id},"peerURLs":${quoteGoList(peerURLs)}`;
  if (isLearner) text += ',"isLearner":true';
  if (name !== '') text += `,"name":${quoteGo(name)}`;
  if (clientURLs.length > 0) text += `,"clientURLs":${quoteGoList(clientURLs)}`;
  return `${text}}`;
}

/** Throws an Error that says what is wrong with the text. */
export function decodeMembers(text: string): PeerMember[] {
  // Inside a string the quote after id would be escaped, so this touches keys only.
  const parsed: unknown = JSON.parse(text.replace(/"id"\s*:\s*(\d+)/g, '"id":"$1"'));
  if (!Array.isArray(parsed)) throw new Error('members are no array');
  return parsed.map(decodeMember);
}

function decodeMember(value: unknown): PeerMember {
  if (typeof value !== 'object' || value === null) throw new Error('a member is no object');
  const { id, peerURLs, isLearner, name, clientURLs } = value as Record<string, unknown>;
  if (typeof id !== 'string') throw new Error('a member has no id');
  const number = BigInt(id);
  if (number >= 1n << 64n) throw new Error(`member id ${id} is no 64-bit number`);
  return {
    id: number,
    peerURLs: strings(peerURLs, 'peerURLs'),
    isLearner: isLearner === true,
    name: typeof name === 'string' ? name : '',
    clientURLs: strings(clientURLs ?? [], 'clientURLs'),
  };
}

function strings(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new Error(`${field} of a member is no list of strings`);
  }
  return value;
}
