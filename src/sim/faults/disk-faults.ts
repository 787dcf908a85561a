/** What disks do: slow, full, failing, and holding something else than was written. */
import type { DiskOperation, DiskOperationKind } from '../memory-disk.ts';
import type { ObservedMember } from '../observed-member.ts';
import type { Fault, FaultSurroundings } from './fault.ts';

const WRITES: ReadonlySet<DiskOperationKind> = new Set([
  'create',
  'write',
  'write-durably',
  'sync',
  'truncate',
  'rename',
  'make-directory',
  'sync-directory',
]);
/** What needs space. */
const GROWS: ReadonlySet<DiskOperationKind> = new Set(['create', 'write', 'write-durably']);
const READS: ReadonlySet<DiskOperationKind> = new Set(['read', 'read-file']);
const SYNCS: ReadonlySet<DiskOperationKind> = new Set(['sync', 'write-durably', 'sync-directory']);
const SECTOR_BYTES = 512;

function slow(name: string, kinds: ReadonlySet<DiskOperationKind> | undefined): Fault {
  return {
    name,
    everyMs: 20_000,
    lastsMs: 8_000,
    begin: ({ hosts, dice }) => {
      const host = dice.pick(hosts.running);
      if (host === undefined) return undefined;
      const upToMs = dice.pick([20, 100, 500, 2_000])!;
      host.slowness = ({ kind }) =>
        kinds === undefined || kinds.has(kind) ? upToMs * hosts.random.next() : 0;
      return {
        detail: `${host.name}, up to ${upToMs} ms`,
        end: () => {
          host.slowness = () => 0;
        },
      };
    },
  };
}

/** Some operations of one disk fail for a while; the member stops, and comes back by itself. */
function failing(name: string, code: string, kinds: ReadonlySet<DiskOperationKind>): Fault {
  return {
    name,
    everyMs: 30_000,
    lastsMs: 4_000,
    begin: ({ hosts, dice }) => {
      const host = dice.pick(hosts.all);
      if (host === undefined) return undefined;
      const share = dice.pick([0.05, 0.3, 1])!;
      const fault = ({ kind }: DiskOperation): string | undefined =>
        kinds.has(kind) && hosts.random.next() < share ? code : undefined;
      host.troubles.add(fault);
      return {
        detail: `${host.name}, ${share} of the operations`,
        end: () => void host.troubles.delete(fault),
      };
    },
  };
}

/**
 * A sector of a file that a restart reads becomes something else, on a host that lost its process; the others hold good copies. The
 * last two writes of the log stay as they are: damage there can't be told from a write that a power loss has torn.
 */
function damaging(
  name: string,
  damage: (sector: Uint8Array, other: Uint8Array, world: FaultSurroundings) => void,
): Fault {
  return {
    name,
    everyMs: 30_000,
    lastsMs: 0,
    begin: (world) => {
      const { operator, dice } = world;
      const host = operator.expendable();
      if (host === undefined) return undefined;
      host.kill();
      const target = pickTarget(host, world);
      if (target === undefined) return undefined;
      const { path, bytes, position } = target;
      const sector = bytes.slice(position, position + SECTOR_BYTES);
      const at = dice.below(Math.max(1, bytes.length - SECTOR_BYTES));
      damage(sector, bytes.slice(at, at + sector.length), world);
      operator.suspect(host);
      host.disk.damage(path, sector, position);
      return { detail: `${host.name}, ${path.slice(path.lastIndexOf('/') + 1)} at ${position}` };
    },
  };
}

function pickTarget(
  host: ObservedMember,
  { dice }: FaultSurroundings,
): { path: string; bytes: Uint8Array; position: number } | undefined {
  const files = [...host.disk.files()].filter(([path]) => /\.(wal|snap)$/.test(path)).sort(byPath);
  const logs = files.filter(([path]) => path.endsWith('.wal'));
  const last = logs.at(-1);
  // The log's tail is where damage and a torn write look alike.
  const [path, bytes] = (dice.chance(0.5) ? last : dice.pick(files)) ?? [];
  if (path === undefined || bytes === undefined) return undefined;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  if (path === last?.[0]) {
    const [spared] = host.logWrites;
    // A segment that was begun in this life was written under another name: half of it is spared.
    end = spared !== undefined && spared.path === path ? Math.min(end, spared.position) : Math.floor(end / 2);
  }
  if (end < 2 * SECTOR_BYTES) return undefined;
  const position = dice.below(Math.floor(end / SECTOR_BYTES)) * SECTOR_BYTES;
  return { path, bytes, position };
}

function byPath([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

export const DISK_FAULTS: readonly Fault[] = [
  slow('disk-slow', undefined),
  slow('disk-slow-sync', SYNCS),
  failing('disk-full', 'ENOSPC', GROWS),
  failing('disk-write-error', 'EIO', WRITES),
  failing('disk-read-error', 'EIO', READS),
  damaging('disk-rot', (sector, _other, { dice }) => {
    for (let bits = 1 + dice.below(4); bits > 0; bits--) {
      sector[dice.below(sector.length)]! ^= 1 << dice.below(8);
    }
  }),
  damaging('disk-misdirected-write', (sector, other) => sector.set(other)),
];
