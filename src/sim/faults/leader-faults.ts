/** What makes a leader out of date without its noticing: cut off with some of the clients, or too busy to look up. */
import type { ObservedMember } from '../observed-member.ts';
import type { Fault, FaultSurroundings } from './fault.ts';

type Ways = readonly (readonly [from: string, to: string])[];

function between(left: readonly string[], right: readonly string[]): Ways {
  return left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const]));
}

/** Half of the clients reach nobody but the leader, the others everybody but it. */
function divided(
  leader: ObservedMember,
  { hosts, pool, dice }: FaultSurroundings,
): { ways: Ways; stay: string } {
  const others = othersThan(leader, hosts.all);
  const clients = dice.shuffled(pool.names);
  const stay = clients.slice(0, Math.ceil(clients.length / 2));
  const ways = [...between(stay, others), ...between(clients.slice(stay.length), [leader.name])];
  return { ways, stay: stay.join(' ') };
}

function othersThan(leader: ObservedMember, all: readonly ObservedMember[]): string[] {
  return all.filter((host) => host !== leader).map(({ name }) => name);
}

export const LEADER_FAULTS: readonly Fault[] = [
  {
    // What some clients are told by the old leader, the others can refute.
    name: 'leader-cut-off',
    everyMs: 15_000,
    lastsMs: 4_000,
    begin: (world) => {
      const { hosts, dice, ways } = world;
      const { leader } = hosts;
      if (leader === undefined || hosts.all.length === 1) return undefined;
      const clients = divided(leader, world);
      const others = othersThan(leader, hosts.all);
      const ends = [
        ways.block(between([leader.name], others), dice.chance(0.3) ? 'hung' : 'cut'),
        ways.block(clients.ways, 'cut'),
      ];
      return {
        detail: `${leader.name} with ${clients.stay}`,
        end: () => {
          for (const end of ends) end();
        },
      };
    },
  },
  {
    // It sleeps until it has long been replaced, and finds questions of clients when it wakes, before it hears of its successor.
    name: 'leader-asleep',
    everyMs: 20_000,
    lastsMs: 6_000,
    begin: (world) => {
      const { hosts, dice, ways } = world;
      const { leader } = hosts;
      const process = leader?.process;
      if (leader === undefined || process === undefined || leader.isPaused || hosts.all.length === 1)
        return undefined;
      process.pause();
      let open = (): void => {};
      const block = hosts.clock.schedule(dice.between(1_200, 2_500), () => {
        open = ways.block(divided(leader, world).ways, 'cut');
      });
      return {
        detail: leader.name,
        end: () => {
          block.cancel();
          open();
          process.resume();
        },
      };
    },
  },
  {
    // Every turn of its event loop takes long: work in slices is interrupted by all that comes in meanwhile.
    name: 'process-busy',
    everyMs: 15_000,
    lastsMs: 6_000,
    begin: ({ hosts, dice }) => {
      const leader = dice.chance(0.3) ? hosts.leader : undefined;
      const host = leader ?? dice.pick(hosts.running);
      const process = host?.process;
      if (host === undefined || process === undefined) return undefined;
      const usualMs = process.turnMs;
      process.turnMs = dice.pick([5, 10, 25])!;
      return {
        detail: `${host.name}, ${process.turnMs} ms a turn`,
        end: () => {
          process.turnMs = usualMs;
        },
      };
    },
  },
];
