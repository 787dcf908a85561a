/** Faults of a member's machine: its disk, its clock, and itself lost and replaced. */

import { setTimeout as pause } from 'node:timers/promises';
import { V2Client } from '../../test/support/v2-client.ts';
import { between, type FaultContext, isRunning, withMember } from './fault.ts';

/** Large values are written meanwhile, so that the room that is left in the log is used up. */
export async function fullDisk(context: FaultContext): Promise<void> {
  const { random, count, say } = context;
  await withMember(
    context,
    (member) => member.smallDisk !== undefined && isRunning(member),
    async (member) => {
      say(`the disk of ${member.name} is full`);
      count('full disks');
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

export async function slowDisk(context: FaultContext): Promise<void> {
  const { random, count, say } = context;
  await withMember(
    context,
    (member) => member.slowDisk !== undefined && isRunning(member),
    async (member) => {
      const writesPerSecond = between(random, 5, 60);
      say(`the disk of ${member.name} takes ${writesPerSecond} writes a second`);
      count('slow disks');
      member.slowDisk!.slow(member.process.pid, writesPerSecond);
      await pause(between(random, 1_500, 6_000));
      member.slowDisk!.normal();
    },
  );
}

export async function clockChange({ cluster, random, count, say }: FaultContext): Promise<void> {
  const member = cluster.members.find((each) => each.clock !== undefined);
  if (member === undefined) return;
  for (let times = between(random, 1, 4); times > 0; times--) {
    const seconds = random.pick([-86_400, -3_600, -5, 5, 3_600, 86_400]);
    say(`the clock of ${member.name} is ${seconds} s off`);
    count('clock changes');
    cluster.setClock(member, seconds);
    await pause(between(random, 1_200, 2_500));
  }
  cluster.setClock(member, 0);
}

export async function replace(context: FaultContext): Promise<void> {
  const { cluster, random, count, say } = context;
  await withMember(
    context,
    () => true,
    async (old) => {
      const isDead = random.below(2) === 0;
      // Its successor is of the same kind, so that a mixed cluster stays one.
      if (isDead) await old.process.kill();
      const member = await cluster.replace(old, old.process.program);
      count('members replaced');
      say(`${old.name}${isDead ? ', which was dead,' : ''} replaced by ${member.name}`);
    },
  );
}
