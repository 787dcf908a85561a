/**
 * Members as JSON, byte for byte as etcd writes them: whole in a configuration change's context, in two halves in the
 * tree (`raftAttributes`: set by configuration changes; `attributes`: published by the member itself).
 */

import type { MemberId } from '../../raft/types.ts';
import { quoteGo, quoteGoList } from '../../wire/go-json.ts';
import type { Member } from '../contract.ts';

export type RaftAttributes = Pick<Member, 'peerURLs' | 'isLearner'>;
export type Attributes = Pick<Member, 'name' | 'clientURLs'>;

export class MemberJsonError extends Error {
  override readonly name = 'MemberJsonError';
}

/** The context of an add or update change. */
export function encodeMember(member: Member): string {
  const attributes = attributeFields(member);
  return `{"id":${member.id},${raftAttributeFields(member)}${attributes === '' ? '' : `,${attributes}`}}`;
}

/** The context of a promotion: a member of which only the id counts. */
export function encodePromotion(id: MemberId): string {
  return `{"id":${id},"peerURLs":null,"isPromote":true}`;
}

export function encodeRaftAttributes(attributes: RaftAttributes): string {
  return `{${raftAttributeFields(attributes)}}`;
}

export function encodeAttributes(attributes: Attributes): string {
  return `{${attributeFields(attributes)}}`;
}

/** Throws MemberJsonError. The id stands in the change itself as a 64-bit number, which JSON.parse would round. */
export function decodeMember(
  id: MemberId,
  json: string,
): { readonly member: Member; readonly isPromote: boolean } {
  const fields = parseObject(json);
  return {
    member: { id, ...raftAttributesOf(fields), ...attributesOf(fields) },
    isPromote: fields['isPromote'] === true,
  };
}

export function decodeRaftAttributes(json: string): RaftAttributes {
  return raftAttributesOf(parseObject(json));
}

export function decodeAttributes(json: string): Attributes {
  return attributesOf(parseObject(json));
}

function raftAttributeFields(attributes: RaftAttributes): string {
  return `"peerURLs":${quoteGoList(attributes.peerURLs)}${attributes.isLearner ? ',"isLearner":true' : ''}`;
}

function attributeFields(attributes: Attributes): string {
  const fields: string[] = [];
  if (attributes.name !== '') fields.push(`"name":${quoteGo(attributes.name)}`);
  if (attributes.clientURLs.length > 0) fields.push(`"clientURLs":${quoteGoList(attributes.clientURLs)}`);
  return fields.join(',');
}

function raftAttributesOf(fields: Readonly<Record<string, unknown>>): RaftAttributes {
  return { peerURLs: stringsOf(fields['peerURLs'], 'peerURLs'), isLearner: fields['isLearner'] === true };
}

function attributesOf(fields: Readonly<Record<string, unknown>>): Attributes {
  const name = fields['name'] ?? '';
  if (typeof name !== 'string') throw new MemberJsonError(`name is no string: ${JSON.stringify(name)}`);
  return { name, clientURLs: stringsOf(fields['clientURLs'], 'clientURLs') };
}

function stringsOf(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new MemberJsonError(`${field} is no list of strings: ${JSON.stringify(value)}`);
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new MemberJsonError(`not JSON: ${json}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MemberJsonError(`not an object: ${json}`);
  return value as Record<string, unknown>;
}
