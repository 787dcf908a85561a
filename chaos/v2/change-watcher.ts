/**
 * Follows every change below a folder from the first on: long polls with `waitIndex`, on whichever member answers, going
 * on where the last event was. Members keep 1000 events; who falls behind that is told so (error 401), and the loss is recorded.
 */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { V2Client } from '../../test/support/v2-client.ts';
import type { Target } from '../workload.ts';

export interface Change {
  readonly index: number;
  readonly key: string;
  readonly action: string;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  readonly previous: { readonly value: string | undefined; readonly index: number } | undefined;
  /** Who told. */
  readonly member: string;
  /** `performance.now()` when it was heard of. */
  readonly seenAtMs: number;
}

interface EventBody {
  readonly errorCode?: number;
  readonly index?: number;
  readonly action?: string;
  readonly node?: { readonly key: string; readonly value?: string; readonly modifiedIndex: number };
  readonly prevNode?: { readonly value?: string; readonly modifiedIndex: number };
}

/** Without an event for so long another member is asked: this one may be cut off. */
const silenceMs = 700;

export class ChangeWatcher {
  readonly changes: Change[] = [];
  /** Ranges of indexes that no member had kept: [from, to). */
  readonly losses: (readonly [number, number])[] = [];
  /** Times it went on at another member. */
  moves = 0;
  readonly #folder: string;
  readonly #random: SeededRandom;
  readonly #targets: () => readonly Target[];
  #nextIndex: number;
  #isStopping = false;

  constructor(folder: string, fromIndex: number, random: SeededRandom, targets: () => readonly Target[]) {
    this.#folder = folder;
    this.#nextIndex = fromIndex;
    this.#random = random;
    this.#targets = targets;
  }

  /** The next index it asks for. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  async run(): Promise<void> {
    while (!this.#isStopping) {
      const target = this.#random.pick(this.#targets());
      const client = new V2Client(target.clientUrl, silenceMs);
      this.moves++;
      while (!this.#isStopping && (await this.#next(client, target.name)));
      client.close();
      await pause(5);
    }
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #next(client: V2Client, member: string): Promise<boolean> {
    let event: EventBody;
    try {
      const answer = await client.get(
        `/v2/keys${this.#folder}?wait=true&recursive=true&waitIndex=${this.#nextIndex}`,
      );
      event = JSON.parse(answer.text) as EventBody;
    } catch {
      return false;
    }
    if (event.errorCode === 401) {
      const resumeAt = (event.index ?? 0) + 1;
      if (resumeAt > this.#nextIndex) {
        this.losses.push([this.#nextIndex, resumeAt]);
        this.#nextIndex = resumeAt;
      }
      return true;
    }
    const { node, prevNode } = event;
    if (node === undefined) return false;
    this.changes.push({
      index: node.modifiedIndex,
      key: node.key,
      action: event.action ?? '',
      value: node.value,
      previous: prevNode === undefined ? undefined : { value: prevNode.value, index: prevNode.modifiedIndex },
      member,
      seenAtMs: performance.now(),
    });
    this.#nextIndex = node.modifiedIndex + 1;
    return true;
  }
}
