/**
 * HashKV of this member, computed in slices, and of others, asked on their peer ports as etcd's members do:
 *
 *   GET /members/hashkv   {"revision":N}   ->   200 {"header":{"revision":N},"hash":H,"compact_revision":C}
 *                                              400 with the reason, e.g. that N is compacted or has not happened yet
 */
import type { Clock } from '../../ports/clock.ts';
import type { PeerAnswer, PeerReply } from '../../ports/peer-network.ts';
import type { MvccStore } from '../../store/mvcc/types.ts';
import type { HashResult, V3Answer } from '../v3-contract.ts';

export const HASH_PATH = '/members/hashkv';
export const JSON_TYPE = 'application/json';
export const COMPACTED_TEXT = 'mvcc: required revision has been compacted';
export const FUTURE_TEXT = 'mvcc: required revision is a future revision';

/** Calls back once with the hash up to `revision`, 0: the newest. */
export function computeHashKv(
  kv: MvccStore,
  clock: Clock,
  revision: number,
  done: (answer: V3Answer<HashResult>) => void,
): void {
  const job = kv.hashKv(revision);
  if ('kind' in job) {
    done({ ok: false, error: job });
    return;
  }
  const slice = (): void => {
    const result = job.run();
    if (result === undefined) clock.defer(slice);
    else if ('kind' in result) done({ ok: false, error: result });
    else done({ ok: true, value: { ...result, revision: kv.revision } });
  };
  slice();
}

export function encodeHashQuestion(revision: number): Uint8Array {
  return new TextEncoder().encode(`{"revision":${revision}}`);
}

/** A question of another member. */
export function answerHashQuestion(
  kv: MvccStore,
  clock: Clock,
  method: string,
  body: Uint8Array,
  reply: (reply: PeerReply) => void,
): void {
  if (method !== 'GET') {
    reply(text(405, 'Method Not Allowed'));
    return;
  }
  const revision = revisionOf(body);
  if (revision === undefined) {
    reply(text(400, 'error unmarshalling request'));
    return;
  }
  computeHashKv(kv, clock, revision, (answer) => {
    if (!answer.ok) {
      reply(text(400, answer.error.code === 'compacted' ? COMPACTED_TEXT : FUTURE_TEXT));
      return;
    }
    const { hash, revision: now, compactRevision } = answer.value;
    const json = JSON.stringify({ header: { revision: now }, hash, compact_revision: compactRevision });
    reply({ status: 200, contentType: JSON_TYPE, body: new TextEncoder().encode(json) });
  });
}

/** What a peer said; a text if it gave no hash. */
export function readHashAnswer(
  answer: PeerAnswer,
): { readonly hash: number; readonly revision: number; readonly compactRevision: number } | string {
  if (answer.status === undefined) return answer.reason;
  const body = new TextDecoder().decode(answer.body);
  if (answer.status !== 200) return body.trimEnd();
  try {
    const parsed = JSON.parse(body) as {
      readonly header?: { readonly revision?: number };
      readonly hash?: number;
      readonly compact_revision?: number;
    };
    return {
      hash: parsed.hash ?? 0,
      revision: parsed.header?.revision ?? 0,
      compactRevision: parsed.compact_revision ?? 0,
    };
  } catch {
    return 'an answer that is no JSON';
  }
}

function revisionOf(body: Uint8Array): number | undefined {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(body)) as { readonly revision?: unknown };
    const revision = parsed.revision ?? 0;
    return typeof revision === 'number' && Number.isSafeInteger(revision) ? revision : undefined;
  } catch {
    return undefined;
  }
}

function text(status: number, message: string): PeerReply {
  return { status, contentType: 'text/plain; charset=utf-8', body: new TextEncoder().encode(`${message}\n`) };
}
