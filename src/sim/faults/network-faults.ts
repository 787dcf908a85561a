/** What the network does to messages, and who does not reach whom. */
import type { NetworkFaults } from '../memory-network.ts';
import type { BegunFault, Fault, FaultSurroundings } from './fault.ts';

type Ways = readonly (readonly [from: string, to: string])[];

/** One figure of the network gets worse for a while. */
function weather(
  name: string,
  field: Exclude<keyof NetworkFaults, 'drop'>,
  value: (world: FaultSurroundings) => number,
): Fault {
  return {
    name,
    everyMs: 20_000,
    lastsMs: 10_000,
    begin: (world) => {
      const { faults } = world.hosts.network;
      const before = faults[field];
      const worse = value(world);
      faults[field] = worse;
      return {
        detail: `${field} ${Number(worse.toPrecision(3))}`,
        end: () => {
          faults[field] = before;
        },
      };
    },
  };
}

function names({ hosts }: FaultSurroundings): string[] {
  return hosts.all.filter((host) => !hosts.isLost(host) || host.isRunning).map(({ name }) => name);
}

function between(left: readonly string[], right: readonly string[]): Ways {
  return left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const]));
}

function split(world: FaultSurroundings): [string[], string[]] {
  const mixed = world.dice.shuffled(names(world));
  const cut = 1 + world.dice.below(Math.max(1, mixed.length - 1));
  return [mixed.slice(0, cut), mixed.slice(cut)];
}

function partition(
  name: string,
  draw: (world: FaultSurroundings) => { readonly ways: Ways; readonly detail: string } | undefined,
): Fault {
  return {
    name,
    everyMs: 25_000,
    lastsMs: 8_000,
    begin: (world): BegunFault | undefined => {
      const drawn = draw(world);
      if (drawn === undefined || drawn.ways.length === 0) return undefined;
      const how = world.dice.chance(0.3) ? 'hung' : 'cut';
      const end = world.ways.block(drawn.ways, how);
      return { detail: `${drawn.detail}, ${how}`, end };
    },
  };
}

export const NETWORK_FAULTS: readonly Fault[] = [
  weather('network-loss', 'loss', ({ dice }) => dice.between(0.01, 0.3)),
  weather('network-duplication', 'duplication', ({ dice }) => dice.between(0.05, 0.5)),
  weather('network-reordering', 'reordering', ({ dice }) => dice.between(0.05, 0.5)),
  weather('network-delay', 'delayMs', ({ dice }) => dice.between(20, 400)),
  weather('network-bandwidth', 'bytesPerMs', ({ dice }) => dice.between(0.5, 50)),
  weather('snapshot-cut', 'snapshotCut', ({ dice }) => dice.between(0.3, 1)),
  partition('partition-isolate', (world) => {
    // The leader is the most interesting one to be alone.
    const leader = world.dice.chance(0.5) ? world.hosts.leader?.name : undefined;
    const alone = leader ?? world.dice.pick(names(world));
    if (alone === undefined) return undefined;
    const others = names(world).filter((name) => name !== alone);
    return { ways: between([alone], others), detail: alone };
  }),
  partition('partition-split', (world) => {
    const [left, right] = split(world);
    return { ways: between(left, right), detail: `${left.join(' ')} | ${right.join(' ')}` };
  }),
  partition('partition-bridge', (world) => {
    const [bridge, ...rest] = world.dice.shuffled(names(world));
    if (rest.length < 2) return undefined;
    const middle = rest.length >> 1;
    const [left, right] = [rest.slice(0, middle), rest.slice(middle)];
    return {
      ways: between(left, right),
      detail: `${left.join(' ')} | ${right.join(' ')}, both with ${bridge}`,
    };
  }),
  partition('partition-one-way', (world) => {
    const [from, ...others] = world.dice.shuffled(names(world));
    const to = others.slice(0, 1 + world.dice.below(others.length));
    const deaf = world.dice.chance(0.5);
    const ways = to.map((name) => (deaf ? ([name, from!] as const) : ([from!, name] as const)));
    return { ways, detail: deaf ? `to ${from} from ${to.join(' ')}` : `from ${from} to ${to.join(' ')}` };
  }),
];
