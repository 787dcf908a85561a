/** Faults of processes: killed, stopped for a while. */

import { setTimeout as pause } from 'node:timers/promises';
import { between, type FaultContext, isRunning, withMember } from './fault.ts';

export async function killOne(context: FaultContext): Promise<void> {
  await withMember(context, isRunning, async (member) => {
    context.say(`SIGKILL ${member.name}`);
    await member.process.kill();
    context.count('kills');
    await pause(between(context.random, 0, 3_000));
    member.process.launch();
    await pause(between(context.random, 200, 1_500));
  });
}

export async function killAll(context: FaultContext): Promise<void> {
  const members = context.cluster.free().filter(isRunning);
  context.say(`SIGKILL ${members.map((member) => member.name).join(' ')}`);
  await Promise.all(members.map((member) => member.process.kill()));
  context.count('kills', members.length);
  await pause(between(context.random, 0, 1_000));
  for (const member of members) member.process.launch();
}

export async function standStill(context: FaultContext): Promise<void> {
  await withMember(context, isRunning, async (member) => {
    context.say(`SIGSTOP ${member.name}`);
    member.signal('SIGSTOP');
    context.count('pauses');
    await pause(between(context.random, 300, 5_000));
    member.signal('SIGCONT');
  });
}

/**
 * As after a move of a virtual machine to a network that is not there yet: the leader sleeps, others elect a new one, and it wakes up cut
 * off. For an election timeout nothing tells it that it does not lead any more, but the confirmation that it must ask for.
 */
export async function wakeUpAlone(context: FaultContext): Promise<void> {
  const { cluster, random, count, say } = context;
  const leader = await cluster.leaderName();
  await withMember(
    context,
    (member) => isRunning(member) && (leader === undefined || member.name === leader),
    async (member) => {
      say(`SIGSTOP ${member.name}, which wakes up alone`);
      member.signal('SIGSTOP');
      count('pauses');
      count('partitions');
      cluster.links.cut([member.name], cluster.names(), { mode: 'hung' });
      await pause(between(random, 1_500, 3_500));
      member.signal('SIGCONT');
      await pause(between(random, 500, 2_500));
      cluster.links.cut([member.name], cluster.names(), { mode: 'open' });
    },
  );
}
