/**
 * An answer as text, with what differs from run to run replaced after it was checked.
 *
 *     201 Created; json; cors; raft; index 4
 *     X-Other: headers not covered by a word, sorted by name
 *     | the body's lines
 *     (no line end)                  when the body's last line has none
 *
 * Words, each present only when it holds exactly:
 *   json         Content-Type: application/json
 *   text         Content-Type: text/plain; charset=utf-8
 *   cors         the three Access-Control-Allow-* headers for any origin
 *   raft         X-Etcd-Cluster-Id is this cluster's, X-Raft-Index and X-Raft-Term are positive numbers
 *   cluster      X-Etcd-Cluster-Id alone
 *   index N      X-Etcd-Index: N
 *   chunked      Transfer-Encoding: chunked
 *   length N     Content-Length: N, where no body shows it (HEAD)
 * A Date header is checked and left out; so is a Content-Length that equals the body. Whether a body of 2,000 bytes and more
 * comes with a length or in chunks is not compared: it is the size of etcd's write buffer, nothing a client may rely on.
 */

import { createHash } from 'node:crypto';
import { headerOf, type RawResponse, type ResponseHead } from '../support/raw-http.ts';

/** What a run's ids and addresses are called in transcripts. */
export interface Names {
  readonly clusterId: string;
  /** Text as the server prints it -> as the transcript has it. */
  readonly masks: Map<string, string>;
}

const corsHeaders: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Headers', 'accept, content-type, authorization'],
  ['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE'],
  ['Access-Control-Allow-Origin', '*'],
];

const framingSizeMin = 2000;
const bodyShownMax = 3000;

export function renderHead(head: ResponseHead, names: Names, body?: Buffer): readonly string[] {
  const words: string[] = [`${head.status} ${head.reason}`];
  const rest = new Map(head.headers);
  if (rest.size !== head.headers.length) words.push('(a header came twice)');
  const drop = (name: string, holds: (value: string) => boolean): boolean => {
    const value = rest.get(name);
    if (value === undefined || !holds(value)) return false;
    rest.delete(name);
    return true;
  };
  drop('Date', isHttpDate);
  if (drop('Content-Type', (value) => value === 'application/json')) words.push('json');
  if (drop('Content-Type', (value) => value === 'text/plain; charset=utf-8')) words.push('text');
  if (corsHeaders.every(([name, value]) => rest.get(name) === value)) {
    for (const [name] of corsHeaders) rest.delete(name);
    words.push('cors');
  }
  const isCount = (value: string): boolean => /^[1-9]\d*$/.test(value);
  if (drop('X-Etcd-Cluster-Id', (value) => value === names.clusterId)) {
    if (isCount(rest.get('X-Raft-Index') ?? '') && isCount(rest.get('X-Raft-Term') ?? '')) {
      rest.delete('X-Raft-Index');
      rest.delete('X-Raft-Term');
      words.push('raft');
    } else {
      words.push('cluster');
    }
  }
  const index = rest.get('X-Etcd-Index');
  if (drop('X-Etcd-Index', (value) => /^\d+$/.test(value))) words.push(`index ${index}`);
  renderFraming(rest, words, body);
  const others = [...rest]
    .map(([name, value]) => `${name}: ${mask(value, names)}`)
    .sort((a, b) => (a < b ? -1 : 1));
  return [words.join('; '), ...others];
}

function renderFraming(rest: Map<string, string>, words: string[], body: Buffer | undefined): void {
  if (body !== undefined && body.length >= framingSizeMin) {
    rest.delete('Content-Length');
    rest.delete('Transfer-Encoding');
    return;
  }
  const length = rest.get('Content-Length');
  if (length !== undefined && (body === undefined || Number(length) === body.length)) {
    rest.delete('Content-Length');
    if (body === undefined) words.push(`length ${length}`);
  }
  if (rest.get('Transfer-Encoding') === 'chunked') {
    rest.delete('Transfer-Encoding');
    words.push('chunked');
  }
}

/** `sinceMs`: when the earliest of what is in it may have been asked for, in wall time. */
export function renderResponse(
  response: RawResponse,
  names: Names,
  method: string,
  sinceMs: number,
): readonly string[] {
  const head = renderHead(response, names, method === 'HEAD' ? undefined : response.body);
  return [...head, ...renderBody(response.body, names, sinceMs)];
}

export function renderBody(body: Buffer, names: Names, sinceMs: number): readonly string[] {
  if (body.length === 0) return [];
  const text = membersByName(body.toString('utf8'), (part) => mask(withoutTimes(part, sinceMs), names));
  if (text.length > bodyShownMax) {
    return [`| (${text.length} characters, SHA-256 ${createHash('sha256').update(text).digest('hex')})`];
  }
  const lines = text.split('\n');
  const isEnded = lines.at(-1) === '';
  if (isEnded) lines.pop();
  const shown = lines.map((line) => `| ${escapeControls(line)}`.trimEnd());
  return isEnded ? shown : [...shown, '(no line end)'];
}

/** The answer with numbers, times and durations replaced by the names of their types. */
export function renderShape(response: RawResponse, names: Names): readonly string[] {
  const shaped = response.body
    .toString('utf8')
    .replace(/"\d{4}-\d\d-\d\dT[\d:]+(\.\d+)?(Z|[+-]\d\d:\d\d)"/g, '<time>')
    .replace(/"([\d.]+(h|m|s|ms|µs|ns))+"/g, '<duration>')
    .replace(/"(\d+\.\d+)\.\d+"/g, '"$1.<patch>"')
    .replace(/:-?\d+(\.\d+)?(e[+-]\d+)?/g, ':<number>');
  // No times are left in it.
  const body = Buffer.from(shaped);
  const headers = response.headers.filter(([name]) => name !== 'Content-Length');
  const hasLength = headerOf(response, 'content-length') === String(response.body.length);
  return [
    ...renderHead({ ...response, headers }, names),
    ...(hasLength ? [] : ['(no length)']),
    ...renderBody(body, names, 0),
  ];
}

/** Clocks of two processes, and times cut to milliseconds. */
const TIME_TOLERANCE_MS = 1_000;

/**
 * Replaces `"expiration":"...","ttl":n` by what can be compared: that the time is written as etcd writes it and lay `ttl` seconds ahead at some moment
 * since `sinceMs`, and the ttl rounded up to tens (scripts use 1 to 10, or tens).
 */
function withoutTimes(text: string, sinceMs: number): string {
  const nowMs = Date.now();
  return text.replace(
    /"expiration":"([^"]*)"(?:,"ttl":(-?\d+))?/g,
    (whole, time: string, ttl: string | undefined) => {
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/.test(time)) return whole;
      if (ttl === undefined) return '"expiration":<time>';
      // Seconds left are rounded up.
      const toldMs = Date.parse(time) - Number(ttl) * 1000;
      if (toldMs < sinceMs - 1000 - TIME_TOLERANCE_MS || toldMs > nowMs + TIME_TOLERANCE_MS) return whole;
      // Left out within the second after the end, negative when that was noticed later.
      if (Number(ttl) < 0) return '"expiration":<time>';
      return `"expiration":<time>,"ttl":<at most ${Math.ceil(Number(ttl) / 10) * 10}>`;
    },
  );
}

/** Text with this run's ids and addresses replaced by their names. */
export function mask(text: string, names: Names): string {
  let masked = text;
  for (const [printed, name] of names.masks) masked = masked.replaceAll(printed, name);
  return masked;
}

/**
 * Members are listed by id, and ids differ from run to run where ports do: a list in the order of its ids is put in the order of
 * the names it has in the transcript. A list in another order stays as it is, and so differs.
 */
function membersByName(text: string, rename: (part: string) => string): string {
  const list = /^\{"members":\[(\{.*\})\]\}\n$/.exec(text)?.[1];
  if (list === undefined) return rename(text);
  const members = list.split(/(?<=\}),(?=\{)/);
  // Ids are printed without leading zeros.
  const ids = members.map((member) => BigInt(`0x${/"id":"([0-9a-f]+)"/.exec(member)?.[1] ?? '0'}`));
  const isById = ids.every((id, at) => at === 0 || ids[at - 1]! < id);
  const renamed = members.map(rename);
  return `{"members":[${(isById ? renamed.sort() : renamed).join(',')}]}\n`;
}

function isHttpDate(value: string): boolean {
  return (
    /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(value) &&
    Math.abs(Date.parse(value) - Date.now()) < 60_000
  );
}

function escapeControls(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return line.replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
