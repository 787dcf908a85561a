/**
 * Clients that write while members die, and the ledger of what was acknowledged to them.
 *
 * Each writer owns its keys and writes one after the other, so it knows for each key which answers it has had:
 *   /w<writer>/log/<n>    written once: if acknowledged, it must be there with that value and index
 *   /w<writer>/last       overwritten with n: must hold the last acknowledged n, or a later one whose answer was lost
 *   /w<writer>/gone/<n>   created and deleted: an acknowledged delete stays
 *   /counter              shared, raised by compare-and-swap: at least the acknowledged raises, at most the attempted ones
 *
 * Invariants checked as answers come: modifiedIndex of one writer's acknowledged writes rises; X-Etcd-Index never goes back in
 * what one writer sees of one member.
 */

import assert from 'node:assert/strict';
import type { ClusterMember } from './cluster.ts';
import type { SeededRandom } from './seeded-random.ts';
import { etcdIndexOf, nodeOf, type V2Answer, V2Client } from './v2-client.ts';

interface Acknowledged {
  readonly key: string;
  readonly value: string;
  readonly modifiedIndex: number;
}

export class WriteLedger {
  readonly #members: readonly ClusterMember[];
  readonly #random: SeededRandom;
  readonly #log: Acknowledged[] = [];
  readonly #last = new Map<string, { acknowledged: number; attempted: number }>();
  readonly #deleted = new Set<string>();
  readonly #failures: unknown[] = [];
  readonly #writers: Promise<void>[] = [];
  readonly #milestones: { readonly count: number; readonly reached: () => void }[] = [];
  #stopping = false;
  #raisesAcknowledged = 0;
  #raisesAttempted = 0;
  acknowledgedCount = 0;
  unansweredCount = 0;

  constructor(members: readonly ClusterMember[], random: SeededRandom) {
    this.#members = members;
    this.#random = random;
  }

  start(writerCount: number): void {
    for (let writer = 0; writer < writerCount; writer++) {
      this.#writers.push(
        this.#write(writer).catch((error: unknown) => {
          this.#failures.push(error);
          this.#reach(Number.POSITIVE_INFINITY);
        }),
      );
    }
  }

  /** Resolves when that many more writes have been acknowledged, or at once when a writer has found something wrong. */
  acknowledge(count: number): Promise<void> {
    if (this.#failures.length > 0) return Promise.resolve();
    return new Promise((reached) => {
      this.#milestones.push({ count: this.acknowledgedCount + count, reached });
    });
  }

  /** @throws what a writer found wrong. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#writers);
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** Asserts that nothing acknowledged is missing in what this client reads. Call when the cluster is at rest. */
  async verify(client: V2Client): Promise<void> {
    const nodes = new Map<string, { value: string; modifiedIndex: number }>();
    const answer = await client.get('/v2/keys/?recursive=true&quorum=true');
    assert.equal(answer.status, 200, answer.text);
    const visit = (node: ReturnType<typeof nodeOf>): void => {
      if (node.value !== undefined) {
        nodes.set(node.key!, { value: node.value, modifiedIndex: node.modifiedIndex! });
      }
      for (const child of node.nodes ?? []) visit(child);
    };
    visit(nodeOf(answer));

    const lost = this.#log.filter(({ key, value, modifiedIndex }) => {
      const found = nodes.get(key);
      return found?.value !== value || found.modifiedIndex !== modifiedIndex;
    });
    assert.deepEqual(
      lost.slice(0, 5),
      [],
      `${lost.length} of ${this.#log.length} acknowledged writes are lost`,
    );
    for (const [key, { acknowledged, attempted }] of this.#last) {
      const held = Number(nodes.get(key)?.value ?? -1);
      assert.ok(
        held >= acknowledged && held <= attempted,
        `${key} holds ${held}; acknowledged ${acknowledged}, attempted ${attempted}`,
      );
    }
    const back = [...this.#deleted].filter((key) => nodes.has(key));
    assert.deepEqual(back, [], 'acknowledged deletes are undone');
    const counter = Number(nodes.get('/counter')?.value ?? 0);
    assert.ok(
      counter >= this.#raisesAcknowledged && counter <= this.#raisesAttempted,
      `the counter holds ${counter}; acknowledged ${this.#raisesAcknowledged}, attempted ${this.#raisesAttempted}`,
    );
  }

  async #write(writer: number): Promise<void> {
    const clients = this.#members.map(({ clientUrl }) => new V2Client(clientUrl, 3_000));
    const seen = clients.map(() => 0);
    let indexBefore = 0;
    let at = writer % clients.length;

    /** The answer if it came and was a success; which writes are told apart by the caller. */
    const ask = async (send: (client: V2Client) => Promise<V2Answer>): Promise<V2Answer | undefined> => {
      let answer: V2Answer;
      try {
        answer = await send(clients[at]!);
      } catch {
        // Refused, reset or late: the member is down or was cut off in the middle. Go on with another one.
        this.unansweredCount++;
        at = this.#random.below(clients.length);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return undefined;
      }
      if (answer.status >= 500) {
        this.unansweredCount++;
        return undefined;
      }
      const index = etcdIndexOf(answer);
      assert.ok(index >= seen[at]!, `member ${at} went back from index ${seen[at]} to ${index}`);
      seen[at] = index;
      return answer;
    };
    const acknowledged = (answer: V2Answer): number => {
      const index = nodeOf(answer).modifiedIndex!;
      assert.ok(index > indexBefore, `index ${index} acknowledged after ${indexBefore}`);
      indexBefore = index;
      this.#reach(++this.acknowledgedCount);
      return index;
    };

    for (let n = 0; !this.#stopping; n++) {
      const key = `/w${writer}/log/${n}`;
      const value = `${writer}.${n}.${'x'.repeat(n % 200)}`;
      const logged = await ask((client) => client.put(key, { value }));
      if (logged !== undefined) {
        assert.equal(logged.status, 201, logged.text);
        this.#log.push({ key, value, modifiedIndex: acknowledged(logged) });
      }

      const lastKey = `/w${writer}/last`;
      const last = this.#last.get(lastKey) ?? { acknowledged: -1, attempted: -1 };
      this.#last.set(lastKey, last);
      last.attempted = n;
      const replaced = await ask((client) => client.put(lastKey, { value: String(n) }));
      if (replaced !== undefined) {
        acknowledged(replaced);
        last.acknowledged = n;
      }

      if (n % 5 === 0) {
        const doomed = `/w${writer}/gone/${n}`;
        const made = await ask((client) => client.put(doomed, { value: 'here' }));
        if (made !== undefined) {
          acknowledged(made);
          const removed = await ask((client) => client.delete(doomed));
          if (removed?.status === 200) {
            acknowledged(removed);
            this.#deleted.add(doomed);
          }
        }
      }
      if (n % 3 === 0) await this.#raise(ask);
    }
    for (const client of clients) client.close();
  }

  async #raise(
    ask: (send: (client: V2Client) => Promise<V2Answer>) => Promise<V2Answer | undefined>,
  ): Promise<void> {
    const read = await ask((client) => client.get('/v2/keys/counter?quorum=true'));
    if (read === undefined) return;
    if (read.status === 404) {
      this.#raisesAttempted++;
      const made = await ask((client) => client.put('/counter?prevExist=false', { value: '1' }));
      if (made?.status === 201) this.#raisesAcknowledged++;
      return;
    }
    const { value, modifiedIndex } = nodeOf(read);
    this.#raisesAttempted++;
    const raised = await ask((client) =>
      client.put(`/counter?prevIndex=${modifiedIndex}`, { value: String(Number(value) + 1) }),
    );
    if (raised?.status === 200) this.#raisesAcknowledged++;
  }

  #reach(count: number): void {
    for (let at = this.#milestones.length - 1; at >= 0; at--) {
      const milestone = this.#milestones[at]!;
      if (milestone.count > count) continue;
      this.#milestones.splice(at, 1);
      milestone.reached();
    }
  }
}
