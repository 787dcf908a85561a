/**
 * One client that asks one thing at a time and records what it sees: quorum reads, stale reads, and every kind of write, on keys
 * that many clients share.
 *
 *   definite    an answer of the store: recorded with what it tells
 *   nothing     the connection was refused: the operation was never sent, and is left out
 *   open        no answer, or one that says the cluster did not agree in time: may have happened, may yet happen
 */

import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { V2RegisterInput, V2RegisterOutput, V2Version } from '../../src/linearizability/v2-register.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { Target } from '../workload.ts';
import type { History, RecordedOperation } from './history.ts';

/** What a client is after, and how patient it is. Readers hurry, since what is stale is so for moments. */
interface Temper {
  /** Longest pause between two requests. */
  readonly thinkMsMax: number;
  readonly answerBoundMs: number;
}

/**
 *   mixed   writes and reads, at whichever member serves well
 *   reader  only reads. A client that writes soon hangs on a write where there is no quorum, and would not be there to see that a
 *           member which has lost its leadership still answers reads
 *   loyal   only quorum reads, always at the same place, whether it serves well or not, and gives up on each soon to ask the next: the one
 *           who sees what a member says that has been cut off, or lags
 */
export type ClientKind = 'mixed' | 'reader' | 'loyal';

const tempers: Readonly<Record<ClientKind, Temper>> = {
  mixed: { thinkMsMax: 40, answerBoundMs: 3_000 },
  reader: { thinkMsMax: 16, answerBoundMs: 3_000 },
  loyal: { thinkMsMax: 24, answerBoundMs: 400 },
};

const refusedPauseMs = 30;

interface Answer {
  readonly status: number;
  readonly etcdIndex: number;
  readonly text: string;
  readonly socket: Socket;
}

interface AnswerBody {
  readonly errorCode?: number;
  readonly index?: number;
  readonly node?: { readonly value?: string; readonly modifiedIndex: number };
  readonly prevNode?: { readonly value?: string; readonly modifiedIndex: number };
}

export interface RecordedClientOptions {
  readonly id: number;
  readonly kind: ClientKind;
  readonly history: History;
  readonly random: SeededRandom;
  readonly targets: () => readonly Target[];
}

export class RecordedClient {
  readonly #options: RecordedClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #indexSeenBy = new WeakMap<Socket, number>();
  /** What it last read or wrote of a key, to compare with. */
  readonly #known = new Map<string, V2Version>();
  #asked = 0;
  #isStopping = false;

  constructor(options: RecordedClientOptions) {
    this.#options = options;
  }

  /** Asks until `stop`. @throws what it finds wrong itself. */
  async run(): Promise<void> {
    const { id, kind, random, targets } = this.#options;
    let target = random.pick(targets());
    while (!this.#isStopping) {
      if (kind === 'loyal') target = targets()[id % targets().length]!;
      const input = this.#draw();
      const isContent = await this.#ask(target, input);
      // Another member has to know at once of what one has acknowledged.
      if (isContent && input.kind !== 'get' && random.below(3) === 0 && !this.#isStopping)
        await this.#ask(random.pick(targets()), { key: input.key, kind: 'get' }, true);
      if (!isContent || random.below(25) === 0) target = random.pick(targets());
      // Whoever is just starting needs the processor more.
      if (!isContent) await pause(refusedPauseMs);
      await pause(1 + random.below(tempers[kind].thinkMsMax));
    }
    this.#agent.destroy();
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** False if the member does not serve well now. */
  async #ask(target: Target, input: V2RegisterInput, mustBeFresh = false): Promise<boolean> {
    const { id, kind, history, random } = this.#options;
    const isStale = input.kind === 'get' && !mustBeFresh && kind !== 'loyal' && random.below(3) === 0;
    const calledAt = performance.now();
    const record = (output: V2RegisterOutput | undefined, etcdIndex: number): void => {
      const operation: RecordedOperation = {
        client: id,
        member: target.name,
        input,
        output,
        calledAt,
        answeredAt: output === undefined ? Number.POSITIVE_INFINITY : performance.now(),
        etcdIndex,
      };
      if (isStale) history.staleReads.push(operation);
      else history.operations.push(operation);
    };

    let answer: Answer;
    try {
      answer = await this.#send(target, input, isStale);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' && input.kind !== 'get')
        record(undefined, 0);
      history.unanswered++;
      return false;
    }
    const body = parseBody(answer.text);
    if (body === undefined || answer.status >= 500) {
      if (input.kind !== 'get') record(undefined, 0);
      history.unanswered++;
      return false;
    }
    const etcdIndex = body.errorCode === undefined ? answer.etcdIndex : (body.index ?? 0);
    const seen = this.#indexSeenBy.get(answer.socket) ?? 0;
    if (etcdIndex < seen) {
      history.fault(
        `${target.name} went back from index ${seen} to ${etcdIndex} on one connection (client ${id}, ${input.kind} ${input.key})`,
      );
    }
    this.#indexSeenBy.set(answer.socket, etcdIndex);
    const output = outputOf(input, answer.status, body);
    if (output === undefined) {
      history.fault(
        `unexpected answer of ${target.name} to ${input.kind} ${input.key}: ${answer.status} ${answer.text}`,
      );
      return false;
    }
    record(output, etcdIndex);
    if (output.result === 'found') this.#known.set(input.key, output);
    else if (output.result === 'done' && 'value' in input)
      this.#known.set(input.key, { value: input.value, index: output.index });
    return true;
  }

  #draw(): V2RegisterInput {
    const { id, history, random } = this.#options;
    const key = history.pickKey(random);
    const value = `${id}.${this.#asked++}`;
    const known = this.#known.get(key);
    const kind = random.below(100);
    if (kind < 45 || this.#options.kind !== 'mixed') return { key, kind: 'get' };
    if (kind < 67 || known === undefined) return { key, kind: 'set', value };
    if (kind < 76) return { key, kind: 'compareAndSwap', prevValue: known.value, value };
    if (kind < 85) return { key, kind: 'compareAndSwap', prevIndex: known.index, value };
    if (kind < 89) return { key, kind: 'create', value };
    if (kind < 92) return { key, kind: 'update', value };
    if (kind < 96) return { key, kind: 'compareAndDelete', prevValue: known.value };
    return { key, kind: 'delete' };
  }

  #send(target: Target, input: V2RegisterInput, isStale: boolean): Promise<Answer> {
    const { method, query } = requestOf(input, isStale);
    const { answerBoundMs } = tempers[this.#options.kind];
    const body = 'value' in input ? `value=${encodeURIComponent(input.value)}` : undefined;
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${target.clientUrl}/v2/keys${input.key}${query}`,
        {
          method,
          agent: this.#agent,
          timeout: answerBoundMs,
          headers: body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' },
        },
        (incoming) => {
          let text = '';
          const { socket } = incoming;
          incoming.setEncoding('utf8');
          incoming.on('data', (piece: string) => {
            text += piece;
          });
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              etcdIndex: Number(incoming.headers['x-etcd-index']),
              text,
              socket,
            }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${answerBoundMs} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

function requestOf(
  input: V2RegisterInput,
  isStale: boolean,
): { readonly method: string; readonly query: string } {
  const condition = (asked: { prevValue?: string | undefined; prevIndex?: number | undefined }): string =>
    asked.prevValue === undefined
      ? `?prevIndex=${asked.prevIndex}`
      : `?prevValue=${encodeURIComponent(asked.prevValue)}`;
  switch (input.kind) {
    case 'get':
      return { method: 'GET', query: isStale ? '' : '?quorum=true' };
    case 'set':
      return { method: 'PUT', query: '' };
    case 'create':
      return { method: 'PUT', query: '?prevExist=false' };
    case 'update':
      return { method: 'PUT', query: '?prevExist=true' };
    case 'compareAndSwap':
      return { method: 'PUT', query: condition(input) };
    case 'delete':
      return { method: 'DELETE', query: '' };
    case 'compareAndDelete':
      return { method: 'DELETE', query: condition(input) };
  }
}

function parseBody(text: string): AnswerBody | undefined {
  try {
    return JSON.parse(text) as AnswerBody;
  } catch {
    return undefined;
  }
}

/** What the answer means, or undefined if it makes no sense for this question. */
function outputOf(input: V2RegisterInput, status: number, body: AnswerBody): V2RegisterOutput | undefined {
  if (body.errorCode === 100 && status === 404) return { result: 'missing' };
  if (body.errorCode === 105 && status === 412) return { result: 'exists' };
  if (body.errorCode === 101 && status === 412) return { result: 'compareFailed' };
  const { node, prevNode } = body;
  if (node === undefined || (status !== 200 && status !== 201)) return undefined;
  if (input.kind === 'get') {
    return node.value === undefined
      ? undefined
      : { result: 'found', value: node.value, index: node.modifiedIndex };
  }
  const previous =
    prevNode === undefined ? null : { value: prevNode.value ?? '', index: prevNode.modifiedIndex };
  return { result: 'done', index: node.modifiedIndex, previous };
}
