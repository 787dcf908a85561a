/** What the disk does to the tables of the v3 state: slow and failing commits, and losses of power around them and around snapshots' content. */
import type { TablesOperation } from '../memory-tables.ts';
import type { Fault } from './fault.ts';

type Kind = TablesOperation['kind'];

function failing(name: string, code: string): Fault {
  return {
    name,
    everyMs: 30_000,
    lastsMs: 4_000,
    begin: ({ hosts, dice }) => {
      const host = dice.pick(hosts.all);
      if (host === undefined) return undefined;
      const share = dice.pick([0.1, 0.5, 1])!;
      // Commits come often, the content of a snapshot seldom: both get their turn.
      const kinds = dice.pick<readonly Kind[]>([
        ['write', 'copy', 'write-replacement', 'adopt'],
        ['write-replacement'],
        ['adopt'],
      ])!;
      const trouble = ({ kind }: TablesOperation): string | undefined =>
        kinds.includes(kind) && hosts.random.next() < share ? code : undefined;
      host.tablesTroubles.add(trouble);
      return {
        detail: `${host.name}, ${share} of ${kinds.join(' ')}`,
        end: () => void host.tablesTroubles.delete(trouble),
      };
    },
  };
}

export const BACKEND_FAULTS: readonly Fault[] = [
  {
    name: 'backend-slow',
    everyMs: 20_000,
    lastsMs: 10_000,
    begin: ({ hosts, dice }) => {
      const host = dice.pick(hosts.running);
      if (host === undefined) return undefined;
      const upToMs = dice.pick([50, 500, 3_000])!;
      host.tablesSlowness = () => upToMs * hosts.random.next();
      return {
        detail: `${host.name}, up to ${upToMs} ms`,
        end: () => {
          host.tablesSlowness = () => 0;
        },
      };
    },
  },
  failing('backend-full', 'ENOSPC'),
  failing('backend-write-error', 'EIO'),
  {
    // Just before a commit, within it, when all of it is there afterwards or nothing, or just behind it.
    name: 'crash-at-commit',
    everyMs: 8_000,
    lastsMs: 10_000,
    begin: ({ hosts, dice }) => {
      const leader = dice.chance(0.3) ? hosts.leader : undefined;
      const host = leader ?? dice.pick(hosts.running);
      if (host === undefined) return undefined;
      const isOfSnapshot = dice.chance(0.4);
      let left = 1 + dice.below(dice.pick([2, 8])!);
      const trouble = ({ kind }: TablesOperation): undefined => {
        if (isOfSnapshot ? kind === 'write' : kind !== 'write') return;
        if (--left > 0) return;
        callOff();
        const { process } = host;
        if (kind !== 'adopt' && dice.chance(0.3)) {
          host.crash();
          return;
        }
        hosts.clock.schedule(dice.between(0, 4 * (hosts.options.diskMs ?? 0)), () => {
          if (process !== undefined && process === host.process) host.crash();
        });
      };
      const callOff = (): void => void host.tablesTroubles.delete(trouble);
      host.tablesTroubles.add(trouble);
      return { detail: `${host.name}, ${isOfSnapshot ? 'a snapshot' : 'commits'}, ${left}`, end: callOff };
    },
  },
];
