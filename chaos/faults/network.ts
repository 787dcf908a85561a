/** Faults of the network between members: ways cut, both or one, reset, slow, or slow for some of what is sent. */

import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import type { LinkState } from '../link.ts';
import { between, type FaultContext } from './fault.ts';

/** The two ways a cable fails: silence, or refusal. */
function broken(random: SeededRandom): Pick<LinkState, 'mode'> {
  return { mode: random.below(3) === 0 ? 'refused' : 'hung' };
}

export async function isolate({ cluster, random, count, say }: FaultContext): Promise<void> {
  const member = await cluster.victim(cluster.members);
  if (member === undefined) return;
  const how = broken(random);
  say(`${member.name} alone (${how.mode})`);
  count('partitions');
  cluster.links.cut([member.name], cluster.names(), how);
  await pause(between(random, 500, 6_000));
  cluster.links.cut([member.name], cluster.names(), { mode: 'open' });
}

export async function oneWay({ cluster, random, count, say }: FaultContext): Promise<void> {
  const member = await cluster.victim(cluster.members);
  if (member === undefined) return;
  const others = cluster.names().filter((name) => name !== member.name);
  const isOut = random.below(2) === 0;
  const [from, to] = isOut ? [[member.name], others] : [others, [member.name]];
  say(`${member.name} ${isOut ? 'hears but is not heard' : 'is heard but does not hear'}`);
  count('one-way partitions');
  cluster.links.cut(from!, to!, { mode: 'hung' }, true);
  await pause(between(random, 500, 5_000));
  cluster.links.cut(from!, to!, { mode: 'open' }, true);
}

/** Two that do not reach each other, and the rest, which reach both. */
export async function bridge({ cluster, random, count, say }: FaultContext): Promise<void> {
  const one = await cluster.victim(cluster.members);
  const other = random.pick(cluster.members.filter((member) => member !== one));
  if (one === undefined || other === undefined) return;
  say(`no way between ${one.name} and ${other.name}`);
  count('partitions');
  cluster.links.cut([one.name], [other.name], broken(random));
  await pause(between(random, 1_000, 6_000));
  cluster.links.cut([one.name], [other.name], { mode: 'open' });
}

export async function resets({ cluster, random, count, say }: FaultContext): Promise<void> {
  say('connections are reset again and again');
  count('resets');
  for (let times = between(random, 3, 12); times > 0; times--) {
    cluster.links.reset([random.pick(cluster.names())], cluster.names());
    await pause(between(random, 20, 400));
  }
}

export async function slowLinks({ cluster, random, count, say }: FaultContext): Promise<void> {
  const all = cluster.names();
  const some = random.below(2) === 0 ? all : [random.pick(all)];
  const slow = {
    delayMs: between(random, 10, 250),
    jitterMs: between(random, 1, 150),
    bytesPerSecond: random.pick([20_000, 200_000, Number.POSITIVE_INFINITY]),
  };
  say(`slow links of ${some.join(' ')}: ${slow.delayMs} ms, ${slow.bytesPerSecond} B/s`);
  count('slow links');
  cluster.links.cut(some, all, slow);
  await pause(between(random, 1_000, 6_000));
  cluster.links.cut(some, all, { delayMs: 0, jitterMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY });
}

/**
 * The connection that carries appends to one member lags behind the one with all other messages, as separate connections may: it learns
 * that something is committed before it has it.
 */
export async function lateAppends({ cluster, random, count, say }: FaultContext): Promise<void> {
  const member = random.pick(cluster.members);
  const appendDelayMs = between(random, 100, 800);
  const others = cluster.names().filter((name) => name !== member.name);
  say(`appends reach ${member.name} ${appendDelayMs} ms late`);
  count('late appends');
  cluster.links.cut(others, [member.name], { appendDelayMs }, true);
  await pause(between(random, 1_500, 5_000));
  cluster.links.cut(others, [member.name], { appendDelayMs: 0 }, true);
}

/** Small enough that the leader never misses answers for an election timeout. */
const delayStepMs = 80;
const stepMs = 100;

/**
 * The way to the leader grows longer and longer, until it is cut off the other way round: for seconds more it is told that it is followed, in
 * answers to what it said before, while the others have a new leader already. Only a question of its own would tell it.
 */
export async function lateAnswers({ cluster, random, count, say }: FaultContext): Promise<void> {
  const leader = await cluster.leaderName();
  if (leader === undefined) return;
  const others = cluster.names().filter((name) => name !== leader);
  const longestMs = between(random, 1_500, 3_000);
  say(`answers reach ${leader} later and later; ${longestMs} ms late, it is not heard any more`);
  count('late answers');
  for (let delayMs = delayStepMs; delayMs < longestMs; delayMs += delayStepMs) {
    cluster.links.cut(others, [leader], { delayMs }, true);
    await pause(stepMs);
  }
  cluster.links.cut([leader], others, { mode: 'hung' }, true);
  await pause(longestMs + between(random, 0, 1_500));
  cluster.links.cut([leader], others, { mode: 'open' }, true);
  cluster.links.cut(others, [leader], { delayMs: 0 }, true);
}
