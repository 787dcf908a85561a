/** What operators do to a cluster while all this goes on. */
import type { Fault } from './fault.ts';

export const CLUSTER_FAULTS: readonly Fault[] = [
  {
    name: 'member-add',
    everyMs: 30_000,
    lastsMs: 0,
    begin: ({ operator }) => (operator.plan({ kind: 'add', isLearner: false }) ? { detail: '' } : undefined),
  },
  {
    name: 'learner-add',
    everyMs: 30_000,
    lastsMs: 0,
    begin: ({ operator }) => (operator.plan({ kind: 'add', isLearner: true }) ? { detail: '' } : undefined),
  },
  {
    name: 'member-remove',
    everyMs: 40_000,
    lastsMs: 0,
    begin: ({ operator, hosts, dice }) => {
      const members = hosts.furthest?.server.members() ?? [];
      const leader = dice.chance(0.3) ? hosts.leader?.lastId : undefined;
      const id = leader ?? dice.pick(members)?.id;
      if (id === undefined || !operator.plan({ kind: 'remove', id })) return undefined;
      return { detail: id.toString(16) };
    },
  },
  {
    name: 'member-replace',
    everyMs: 50_000,
    lastsMs: 0,
    begin: ({ operator, hosts, dice }) => {
      const id = dice.pick(hosts.furthest?.server.members() ?? [])?.id;
      if (id === undefined || !operator.plan({ kind: 'remove', id })) return undefined;
      operator.plan({ kind: 'add', isLearner: dice.chance(0.5) });
      return { detail: id.toString(16) };
    },
  },
  {
    name: 'leader-transfer',
    everyMs: 15_000,
    lastsMs: 0,
    begin: ({ hosts }) => {
      const { leader } = hosts;
      if (leader === undefined || leader.isPaused) return undefined;
      leader.server.handOverLeadership(() => {});
      return { detail: `from ${leader.name}` };
    },
  },
];
