/**
 * The faults, as a table: a name, how often it is drawn, what it needs, and what it does from its beginning to its end. A fault undoes
 * itself, except that processes it leaves stopped are started by whoever waits for the cluster.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { etcd, type Program, underTest } from '../test/support/program.ts';
import type { SeededRandom } from '../test/support/seeded-random.ts';
import { V2Client } from '../test/support/v2-client.ts';
import type { ChaosCluster, ChaosMember } from './chaos-cluster.ts';
import type { LinkState } from './link.ts';

export interface FaultContext {
  readonly cluster: ChaosCluster;
  readonly random: SeededRandom;
  readonly counts: FaultCounts;
  say(what: string): void;
}

/** What was done in all, for the figures at the end. */
export interface FaultCounts {
  kills: number;
  pauses: number;
  partitions: number;
  slowLinks: number;
  fullDisks: number;
  slowDisks: number;
  clockChanges: number;
  replaced: number;
}

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** May it run beside another one? */
  readonly isAlone?: boolean;
  run(context: FaultContext): Promise<void>;
}

export const faults: readonly Fault[] = [
  { name: 'kill', weight: 5, run: killOne },
  { name: 'kill all', weight: 1, isAlone: true, run: killAll },
  { name: 'stand still', weight: 3, run: standStill },
  { name: 'wake up alone', weight: 3, run: wakeUpAlone },
  { name: 'isolate', weight: 4, run: isolate },
  { name: 'one way', weight: 2, run: oneWay },
  { name: 'bridge', weight: 2, run: bridge },
  { name: 'resets', weight: 1, run: resets },
  { name: 'slow links', weight: 2, run: slowLinks },
  { name: 'full disk', weight: 2, run: fullDisk },
  { name: 'slow disk', weight: 2, run: slowDisk },
  { name: 'clock', weight: 2, run: clockChange },
  { name: 'replace', weight: 2, isAlone: true, run: replace },
];

/** Milliseconds in [from, to). */
function between(random: SeededRandom, from: number, to: number): number {
  return from + random.below(to - from);
}

/** Holds a free member while `use` runs; nothing if all are held. */
async function withMember(
  { cluster }: FaultContext,
  wanted: (member: ChaosMember) => boolean,
  use: (member: ChaosMember) => Promise<void>,
): Promise<void> {
  const member = await cluster.victim(cluster.free().filter(wanted));
  if (member === undefined || member.isTaken) return;
  member.isTaken = true;
  try {
    await use(member);
  } finally {
    member.isTaken = false;
  }
}

const isRunning = (member: ChaosMember): boolean => member.process.isRunning;

async function killOne(context: FaultContext): Promise<void> {
  await withMember(context, isRunning, async (member) => {
    context.say(`SIGKILL ${member.name}`);
    await member.process.kill();
    context.counts.kills++;
    await pause(between(context.random, 0, 3_000));
    member.process.launch();
    await pause(between(context.random, 200, 1_500));
  });
}

async function killAll(context: FaultContext): Promise<void> {
  const members = context.cluster.free().filter(isRunning);
  context.say(`SIGKILL ${members.map((member) => member.name).join(' ')}`);
  await Promise.all(members.map((member) => member.process.kill()));
  context.counts.kills += members.length;
  await pause(between(context.random, 0, 1_000));
  for (const member of members) member.process.launch();
}

async function standStill(context: FaultContext): Promise<void> {
  await withMember(context, isRunning, async (member) => {
    context.say(`SIGSTOP ${member.name}`);
    member.process.signal('SIGSTOP');
    context.counts.pauses++;
    await pause(between(context.random, 300, 5_000));
    if (member.process.isRunning) member.process.signal('SIGCONT');
  });
}

/**
 * As after a move of a virtual machine to a network that is not there yet: the leader sleeps, others elect a new one, and it wakes up cut
 * off. For an election timeout nothing tells it that it does not lead any more, but the confirmation that it must ask for.
 */
async function wakeUpAlone(context: FaultContext): Promise<void> {
  const { cluster, random, counts, say } = context;
  const leader = await cluster.leaderName();
  await withMember(
    context,
    (member) => isRunning(member) && (leader === undefined || member.name === leader),
    async (member) => {
      say(`SIGSTOP ${member.name}, which wakes up alone`);
      member.process.signal('SIGSTOP');
      counts.pauses++;
      counts.partitions++;
      cluster.links.cut([member.name], cluster.names(), { mode: 'hung' });
      await pause(between(random, 1_500, 3_500));
      if (member.process.isRunning) member.process.signal('SIGCONT');
      await pause(between(random, 500, 2_500));
      cluster.links.cut([member.name], cluster.names(), { mode: 'open' });
    },
  );
}

/** The two ways a cable fails: silence, or refusal. */
function broken(random: SeededRandom): Pick<LinkState, 'mode'> {
  return { mode: random.below(3) === 0 ? 'refused' : 'hung' };
}

async function isolate({ cluster, random, counts, say }: FaultContext): Promise<void> {
  const member = await cluster.victim(cluster.members);
  if (member === undefined) return;
  const how = broken(random);
  say(`${member.name} alone (${how.mode})`);
  counts.partitions++;
  cluster.links.cut([member.name], cluster.names(), how);
  await pause(between(random, 500, 6_000));
  cluster.links.cut([member.name], cluster.names(), { mode: 'open' });
}

async function oneWay({ cluster, random, counts, say }: FaultContext): Promise<void> {
  const member = await cluster.victim(cluster.members);
  if (member === undefined) return;
  const others = cluster.names().filter((name) => name !== member.name);
  const isOut = random.below(2) === 0;
  const [from, to] = isOut ? [[member.name], others] : [others, [member.name]];
  say(`${member.name} ${isOut ? 'hears but is not heard' : 'is heard but does not hear'}`);
  counts.partitions++;
  cluster.links.cut(from!, to!, { mode: 'hung' }, true);
  await pause(between(random, 500, 5_000));
  cluster.links.cut(from!, to!, { mode: 'open' }, true);
}

/** Two that do not reach each other, and the rest, which reach both. */
async function bridge({ cluster, random, counts, say }: FaultContext): Promise<void> {
  const one = await cluster.victim(cluster.members);
  const other = random.pick(cluster.members.filter((member) => member !== one));
  if (one === undefined || other === undefined) return;
  say(`no way between ${one.name} and ${other.name}`);
  counts.partitions++;
  cluster.links.cut([one.name], [other.name], broken(random));
  await pause(between(random, 1_000, 6_000));
  cluster.links.cut([one.name], [other.name], { mode: 'open' });
}

async function resets({ cluster, random, counts, say }: FaultContext): Promise<void> {
  say('connections are reset again and again');
  counts.partitions++;
  for (let times = between(random, 3, 12); times > 0; times--) {
    cluster.links.reset([random.pick(cluster.names())], cluster.names());
    await pause(between(random, 20, 400));
  }
}

async function slowLinks({ cluster, random, counts, say }: FaultContext): Promise<void> {
  const all = cluster.names();
  const some = random.below(2) === 0 ? all : [random.pick(all)];
  const slow = {
    delayMs: between(random, 10, 250),
    jitterMs: between(random, 1, 150),
    bytesPerSecond: random.pick([20_000, 200_000, Number.POSITIVE_INFINITY]),
  };
  say(`slow links of ${some.join(' ')}: ${slow.delayMs} ms, ${slow.bytesPerSecond} B/s`);
  counts.slowLinks++;
  cluster.links.cut(some, all, slow);
  await pause(between(random, 1_000, 6_000));
  cluster.links.cut(some, all, { delayMs: 0, jitterMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY });
}

/** Large values are written meanwhile, so that the room that is left in the log is used up. */
async function fullDisk(context: FaultContext): Promise<void> {
  const { random, counts, say } = context;
  await withMember(
    context,
    (member) => member.smallDisk !== undefined && isRunning(member),
    async (member) => {
      say(`the disk of ${member.name} is full`);
      counts.fullDisks++;
      member.smallDisk!.fill();
      const client = new V2Client(member.clientUrl, 1_000);
      const value = 'f'.repeat(400_000);
      const end = performance.now() + between(random, 3_000, 8_000);
      let written = 0;
      while (performance.now() < end && member.process.isRunning) {
        // Whether it is taken makes no difference: outside the registers' folder.
        await client.put(`/fill/${written++ % 10}`, { value }).catch(() => pause(50));
      }
      client.close();
      member.smallDisk!.free();
      say(
        `${member.name} ${member.process.isRunning ? 'still runs' : 'has stopped'}; its disk has room again`,
      );
      if (!member.process.isRunning) member.process.launch();
    },
  );
}

async function slowDisk(context: FaultContext): Promise<void> {
  const { random, counts, say } = context;
  await withMember(
    context,
    (member) => member.slowDisk !== undefined && isRunning(member),
    async (member) => {
      const writesPerSecond = between(random, 5, 60);
      say(`the disk of ${member.name} takes ${writesPerSecond} writes a second`);
      counts.slowDisks++;
      member.slowDisk!.slow(member.process.pid, writesPerSecond);
      await pause(between(random, 1_500, 6_000));
      member.slowDisk!.normal();
    },
  );
}

async function clockChange({ cluster, random, counts, say }: FaultContext): Promise<void> {
  const member = cluster.members.find((each) => each.clock !== undefined);
  if (member === undefined) return;
  for (let times = between(random, 1, 4); times > 0; times--) {
    const seconds = random.pick([-86_400, -3_600, -5, 5, 3_600, 86_400]);
    say(`the clock of ${member.name} is ${seconds} s off`);
    counts.clockChanges++;
    member.clock!.set(seconds);
    await pause(between(random, 1_200, 2_500));
  }
  member.clock!.set(0);
}

async function replace(context: FaultContext): Promise<void> {
  const { cluster, random, counts, say } = context;
  await withMember(
    context,
    () => true,
    async (old) => {
      const isDead = random.below(2) === 0;
      // Its successor is of the same kind, so that a mixed cluster stays one.
      const program: Program = old.process.program.name === etcd.name ? etcd : underTest;
      if (isDead) await old.process.kill();
      const member = await cluster.replace(old, program);
      counts.replaced++;
      say(`${old.name}${isDead ? ', which was dead,' : ''} replaced by ${member.name}`);
    },
  );
}
