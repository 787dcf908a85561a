/** What clients do all at once, and what becomes of their ways to the members. */
import type { Fault } from './fault.ts';

export const CLIENT_FAULTS: readonly Fault[] = [
  {
    // So many questions at once that a member has several of each kind under way.
    name: 'client-rush',
    everyMs: 20_000,
    lastsMs: 1_000,
    begin: ({ pool, dice }) => {
      const before = pool.thinkMs;
      const thinkMs = dice.pick([5, 15, 40])!;
      pool.thinkMs = Math.min(before, thinkMs);
      return {
        detail: `every ${pool.thinkMs} ms`,
        end: () => {
          pool.thinkMs = before;
        },
      };
    },
  },
  {
    name: 'partition-clients',
    everyMs: 20_000,
    lastsMs: 8_000,
    begin: ({ hosts, pool, dice, ways }) => {
      const clients = dice.shuffled(pool.names).slice(0, 1 + dice.below(pool.names.length));
      const names = hosts.all.map(({ name }) => name);
      const members = dice.shuffled(names).slice(0, 1 + dice.below(names.length));
      if (clients.length === 0) return undefined;
      // An answer that is lost is another thing than a question that is.
      const lost = dice.pick(['questions', 'answers', 'both'])!;
      const how = dice.chance(0.5) ? 'hung' : 'cut';
      const blocked = clients.flatMap((client) =>
        members.flatMap((member) => [
          ...(lost === 'answers' ? [] : [[client, member] as const]),
          ...(lost === 'questions' ? [] : [[member, client] as const]),
        ]),
      );
      return {
        detail: `${clients.join(' ')} | ${members.join(' ')}, ${lost} ${how}`,
        end: ways.block(blocked, how),
      };
    },
  },
];
