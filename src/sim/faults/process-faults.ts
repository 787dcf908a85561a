/** What befalls processes and their hosts. */
import type { DiskOperation } from '../memory-disk.ts';
import type { ObservedMember } from '../observed-member.ts';
import type { Fault, FaultSurroundings } from './fault.ts';

/** A host with a process; often the leader's, whose end matters the most. */
function victim({ hosts, dice }: FaultSurroundings): ObservedMember | undefined {
  const leader = dice.chance(0.4) ? hosts.leader : undefined;
  return leader ?? dice.pick(hosts.all.filter(({ isDown }) => !isDown));
}

/** What a crash waits for: any step of the disk, or the writes that are to be durable, which alone can be torn and missed. */
type Steps = 'operations' | 'durable writes';

/**
 * Power is lost at the disk operation whose number is drawn: just before it, or in the middle of it, when it may be torn; and so on,
 * until it is called off by what this returns.
 */
function crashAfter(
  host: ObservedMember,
  steps: Steps,
  draw: () => number,
  { hosts, dice }: FaultSurroundings,
  then: () => void,
): () => void {
  let left = draw();
  const crash = (): void => {
    host.crash();
    then();
  };
  const trouble = ({ kind }: DiskOperation): undefined => {
    if ((steps === 'durable writes' && kind !== 'write-durably') || --left > 0) return;
    left = draw();
    if (dice.chance(0.3)) {
      crash();
      return;
    }
    const { process } = host;
    hosts.clock.schedule(dice.between(0, (hosts.options.diskMs ?? 0) / 2), () => {
      if (process !== undefined && process === host.process) crash();
    });
  };
  host.troubles.add(trouble);
  return () => void host.troubles.delete(trouble);
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
    // Between two steps of the disk, or within one, where no timer would hit.
    name: 'crash-at-disk-operation',
    everyMs: 6_000,
    lastsMs: 10_000,
    begin: (world) => {
      const host = victim(world);
      if (host === undefined) return undefined;
      const { dice } = world;
      const steps: Steps = dice.chance(0.5) ? 'operations' : 'durable writes';
      const count = 1 + dice.below(dice.pick([3, 30])!);
      const callOff = crashAfter(
        host,
        steps,
        () => count,
        world,
        () => callOff(),
      );
      return { detail: `${host.name} in ${count} ${steps}`, end: callOff };
    },
  },
  {
    // Comes up, does a little, is gone again: what one life has left half done is found by the next, and the next but one.
    name: 'crash-loop',
    everyMs: 40_000,
    lastsMs: 8_000,
    begin: (world) => {
      const { dice, supervisor } = world;
      const host = victim(world);
      if (host === undefined) return undefined;
      const steps: Steps = dice.chance(0.4) ? 'operations' : 'durable writes';
      const most = steps === 'operations' ? dice.pick([10, 40, 150])! : dice.pick([3, 12])!;
      const end = crashAfter(
        host,
        steps,
        () => 1 + dice.below(most),
        world,
        () => supervisor.restart(host, dice.between(20, 400)),
      );
      return { detail: `${host.name} within ${most} ${steps}`, end };
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
  {
    // As after a mistake with a volume: the flags are the old ones, the others still count on what it had. etcd and we refuse that.
    name: 'founder-emptied',
    everyMs: 60_000,
    lastsMs: 0,
    begin: ({ operator, supervisor }) => {
      const host = operator.expendable();
      if (host === undefined || host.options.state !== 'new') return undefined;
      host.crash();
      host.loseDisk();
      supervisor.startEmptied(host);
      return { detail: host.name };
    },
  },
];
