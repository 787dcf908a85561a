/** What befalls processes and their hosts. */
import type { ObservedMember } from '../observed-member.ts';
import type { Fault, FaultSurroundings } from './fault.ts';

/** A host with a process; often the leader's, whose end matters the most. */
function victim({ hosts, dice }: FaultSurroundings): ObservedMember | undefined {
  const leader = dice.chance(0.4) ? hosts.leader : undefined;
  return leader ?? dice.pick(hosts.all.filter(({ isDown }) => !isDown));
}

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'crash',
    everyMs: 15_000,
    lastsMs: 0,
    begin: (world) => {
      const host = victim(world);
      host?.crash();
      return host && { detail: host.name };
    },
  },
  {
    name: 'kill',
    everyMs: 15_000,
    lastsMs: 0,
    begin: (world) => {
      const host = victim(world);
      host?.kill();
      return host && { detail: host.name };
    },
  },
  {
    // Between two steps of the disk, where no timer would hit.
    name: 'crash-at-disk-operation',
    everyMs: 6_000,
    lastsMs: 10_000,
    begin: (world) => {
      const host = victim(world);
      if (host === undefined) return undefined;
      let left = 1 + world.dice.below(world.dice.pick([3, 30])!);
      const detail = `${host.name} in ${left} operations`;
      const trouble = (): undefined => {
        if (--left > 0) return;
        host.troubles.delete(trouble);
        host.crash();
      };
      host.troubles.add(trouble);
      return { detail, end: () => void host.troubles.delete(trouble) };
    },
  },
  {
    name: 'power-loss-of-all',
    everyMs: 60_000,
    lastsMs: 0,
    begin: ({ hosts }) => {
      const up = hosts.all.filter(({ isDown }) => !isDown);
      for (const host of up) host.crash();
      return up.length === 0 ? undefined : { detail: up.map(({ name }) => name).join(' ') };
    },
  },
  {
    name: 'pause',
    everyMs: 15_000,
    lastsMs: 4_000,
    begin: (world) => {
      const host = victim(world);
      if (host === undefined || host.isPaused) return undefined;
      const { process } = host;
      process?.pause();
      return { detail: host.name, end: () => process?.resume() };
    },
  },
  {
    name: 'clock-jump',
    everyMs: 20_000,
    lastsMs: 0,
    begin: ({ hosts, dice }) => {
      const host = dice.pick(hosts.running);
      if (host?.process === undefined) return undefined;
      const jumpMs = Math.round(dice.between(-1, 1) * dice.pick([50, 2_000, 60_000])!);
      host.process.skewMs += jumpMs;
      // The host's clock is off for the processes to come as well.
      host.options = { ...host.options, skewMs: host.process.skewMs };
      return { detail: `${host.name} by ${jumpMs} ms` };
    },
  },
  {
    name: 'stop',
    everyMs: 20_000,
    lastsMs: 0,
    begin: ({ hosts, dice }) => {
      const leader = dice.chance(0.5) ? hosts.leader : undefined;
      const host = leader ?? dice.pick(hosts.running);
      if (host === undefined || host.isPaused) return undefined;
      host.stopInOrder();
      return { detail: host.name };
    },
  },
  {
    name: 'rolling-restart',
    everyMs: 60_000,
    lastsMs: 0,
    begin: ({ hosts, dice, supervisor }) => {
      const order = dice.shuffled(hosts.running);
      const pauseMs = dice.between(500, 5_000);
      order.forEach((host, i) => {
        supervisor.later(i * pauseMs, () => {
          if (host.isRunning && !host.isPaused) host.stopInOrder();
        });
      });
      return { detail: `${order.map(({ name }) => name).join(' ')} every ${Math.round(pauseMs)} ms` };
    },
  },
  {
    name: 'data-lost',
    everyMs: 60_000,
    lastsMs: 0,
    begin: ({ operator, hosts }) => {
      const host = operator.expendable();
      if (host === undefined) return undefined;
      host.crash();
      host.loseDisk();
      hosts.lose(host);
      return { detail: host.name };
    },
  },
];
