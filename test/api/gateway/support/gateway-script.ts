/**
 * Plays a script against a gateway. Its form is that of test/oracle/script.ts; steps are
 *
 *     > PATH JSON                   POST; header lines (Name: value) may follow
 *     > @open NAME PATH JSON        POST whose answer is read by the steps below (etcd reads the whole body before it answers, as Go's HTTP/1.1 does)
 *     > @next NAME COUNT            the next lines of its answer, 1 unless told
 *     > @rest NAME                  all lines to the end of its answer
 *     > @close NAME                 the client goes away
 *     > @settle                     waits until the last change of the cluster is behind the member: etcd never answers one that its raft leader is
 *                                   offered before (a linearizable read comes back after that)
 *     > @let NAME PATTERN           keeps the pattern's first group of the last answer: ${NAME} in requests, <NAME> in answers
 *
 * Answers are rendered without what differs between gateways or runs: white space in JSON, the fields that version 1 of the gateway adds to errors,
 * figures of raft and of the file.
 */

import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Script, Step } from '../../../oracle/script.ts';
import { WAIT_MS_MAX } from '../../../support/wait-bound.ts';

interface Open {
  readonly sent: ClientRequest;
  readonly answer: Promise<LineReader>;
}

export async function playGatewayScript(script: Script, port: number): Promise<Script> {
  const player = new Player(port);
  const steps: Step[] = [];
  try {
    for (const step of script.steps) {
      const answer = await within(player.play(step)).catch((error: Error) => [`failed: ${error.message}`]);
      steps.push({ ...step, answer });
    }
  } finally {
    player.end();
  }
  return { ...script, steps: steps.map((step) => player.masked(step)) };
}

class Player {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #open = new Map<string, Open>();
  readonly #kept = new Map<string, string>();
  #lastText = '';

  constructor(port: number) {
    this.#port = port;
  }

  async play(step: Step): Promise<readonly string[]> {
    const [first = '', ...headerLines] = step.lines.map((line) => this.#expand(line));
    const [word = '', name = '', ...rest] = first.split(' ');
    switch (word) {
      case '@open': {
        const body = rest.slice(1).join(' ');
        const sent = this.#request(rest[0]!, { 'Content-Length': Buffer.byteLength(body) });
        const answer = answerTo(sent).then((response) => new LineReader(response));
        answer.catch(() => {});
        sent.end(body);
        this.#open.set(name, { sent, answer });
        return [];
      }
      case '@next': {
        const lines: string[] = [];
        for (let left = Number(rest[0] ?? 1); left > 0; left--) {
          lines.push((await (await this.#opened(name).answer).next()) ?? '(end)');
        }
        return this.#lines(lines);
      }
      case '@rest': {
        const reader = await this.#opened(name).answer;
        const lines: string[] = [];
        for (let line = await reader.next(); line !== undefined; line = await reader.next()) lines.push(line);
        return [reader.head, ...this.#lines(lines)];
      }
      case '@close':
        this.#opened(name).sent.destroy();
        return [];
      case '@settle':
        await this.#post('/v3/cluster/member/list', '{"linearizable":true}', []);
        return [];
      case '@let': {
        const found = new RegExp([...rest].join(' ')).exec(this.#lastText)?.[1];
        if (found === undefined) throw new Error(`nothing in the last answer matches ${rest.join(' ')}`);
        this.#kept.set(name, found);
        return [];
      }
      default:
        return this.#post(word, [name, ...rest].join(' '), headerLines);
    }
  }

  masked(step: Step): Step {
    const answer = step.answer.map((line) => {
      let text = line;
      for (const [name, value] of this.#kept) text = text.replaceAll(value, `<${name}>`);
      return text;
    });
    return { ...step, answer };
  }

  end(): void {
    for (const { sent } of this.#open.values()) sent.destroy();
    this.#agent.destroy();
  }

  async #post(path: string, body: string, headerLines: readonly string[]): Promise<readonly string[]> {
    const headers = Object.fromEntries(headerLines.map((line) => line.split(': ') as [string, string]));
    const sent = this.#request(path, { ...headers, 'Content-Length': Buffer.byteLength(body) });
    sent.end(body);
    const response = await answerTo(sent);
    const reader = new LineReader(response);
    const lines: string[] = [];
    for (let line = await reader.next(); line !== undefined; line = await reader.next()) lines.push(line);
    return [reader.head, ...this.#lines(lines, path)];
  }

  #request(path: string, headers: Record<string, string | number>): ClientRequest {
    return request({
      host: '127.0.0.1',
      port: this.#port,
      path,
      method: 'POST',
      headers,
      agent: this.#agent,
    });
  }

  #lines(lines: readonly string[], path = ''): string[] {
    this.#lastText = lines.join('\n');
    return lines.map((line) => `| ${line === '(end)' ? line : rendered(line, path)}`);
  }

  #opened(name: string): Open {
    const open = this.#open.get(name);
    if (open === undefined) throw new Error(`nothing is called ${name}`);
    return open;
  }

  #expand(line: string): string {
    return line
      .replace(/\$\{(\w+)\}/g, (_, name: string) => this.#kept.get(name) ?? `(no ${name})`)
      .replace(/@fill\((\d+)\)/g, (_, count: string) => 'eHh4'.repeat(Number(count)));
  }
}

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', reject);
  });
}

/** The lines of an answer's body, as they come. */
class LineReader {
  readonly head: string;
  readonly #chunks: AsyncIterator<Buffer>;
  #text = '';
  #ended = false;

  constructor(response: IncomingMessage) {
    const { headers } = response;
    const words = [String(response.statusCode)];
    if (headers['content-type'] !== undefined) words.push(headers['content-type']);
    if (headers['grpc-metadata-content-type'] === 'application/grpc') words.push('grpc');
    this.head = words.join('; ');
    this.#chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** undefined: the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const at = this.#text.indexOf('\n');
      if (at >= 0) {
        const line = this.#text.slice(0, at);
        this.#text = this.#text.slice(at + 1);
        if (line !== '') return line;
        continue;
      }
      if (this.#ended) {
        const rest = this.#text;
        this.#text = '';
        return rest === '' ? undefined : rest;
      }
      const { value, done } = await within(this.#chunks.next());
      if (done === true) this.#ended = true;
      else this.#text += value.toString('utf8');
    }
  }
}

async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came')), WAIT_MS_MAX);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Figures that no two runs share. */
const figures = new Set(['raft_term', 'raftTerm', 'raftIndex', 'raftAppliedIndex', 'dbSize', 'dbSizeInUse']);

function rendered(line: string, path: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return line;
  }
  const isHash = path.endsWith('/maintenance/hash');
  const isTimeToLive = path.endsWith('/timetolive');
  return JSON.stringify(withoutExtras(value), (name, field: unknown) => {
    if (figures.has(name) || (isHash && name === 'hash')) return `<${name}>`;
    // The program's, not a key's.
    if (name === 'version' && String(field).includes('.')) return `<${name}>`;
    // Whole seconds that may have passed meanwhile.
    if (isTimeToLive && name === 'TTL' && field !== '-1') return `<${name}>`;
    // etcd keeps them in no order.
    if (isTimeToLive && name === 'keys') return (field as string[]).toSorted();
    // By their ids, of which a new member's depends on the time.
    if (name === 'members') return (field as Member[]).toSorted(byPeerURL);
    // Go's library puts one of two kinds of space there, by the build. etcd's gateway is a client of its own server: at a deadline it says the second when the
    // server was quicker to end the call.
    if (name === 'message')
      return String(field)
        .replaceAll('\u00a0', ' ')
        .replace('stream terminated by RST_STREAM with error code: CANCEL', 'context deadline exceeded');
    return field;
  });
}

interface Member {
  readonly peerURLs: readonly string[];
}

function byPeerURL(a: Member, b: Member): number {
  return String(a.peerURLs) < String(b.peerURLs) ? -1 : 1;
}

/** Version 1 of the gateway has more fields in errors, and so has ours. */
function withoutExtras(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { error, code, message, ...rest } = value as Record<string, unknown>;
  if (code !== undefined && message !== undefined && Object.keys(rest).length === 0) return { code, message };
  if (typeof error !== 'object' || error === null) return value;
  const { code: inner, message: text } = error as Record<string, unknown>;
  return { error: { code: inner, message: text } };
}
