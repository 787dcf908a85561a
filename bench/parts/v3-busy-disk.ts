/**
 * Linearizable reads while writes saturate a slow disk: what a reader feels of other people's writes. The disk is made slow for both programs alike; on a
 * machine that can't do that the writes saturate it as it is, and a note says so.
 */

import { SlowDisk, slowDiskNeeds } from '../../test/support/slow-disk.ts';
import type { BenchCluster } from '../support/bench-cluster.ts';
import { benchRoot } from '../support/bench-folder.ts';
import type { Comparison, Loader } from '../support/comparison.ts';
import { h2load } from '../support/h2load.ts';
import { median } from '../support/table.ts';
import { putMessage, rangeMessage } from '../support/v3-messages.ts';

/** What a disk with moving parts manages, or a small volume at a cloud's. */
const WRITES_PER_SECOND = 100;

export async function v3BusyDisk(bench: Comparison): Promise<void> {
  /** Of each port: puts a second beside the reads. */
  const puts = new Map<number, number[]>();
  const load: Loader = async (port, seconds) => {
    const writes = h2load({
      port,
      path: '/etcdserverpb.KV/Put',
      message: putMessage(1),
      connections: 20,
      streams: 20,
      seconds: seconds + 1,
    });
    const reads = h2load({
      port,
      path: '/etcdserverpb.KV/Range',
      message: rangeMessage(2, false),
      connections: 1,
      streams: 1,
      seconds,
    });
    const [read, written] = await Promise.all([reads, writes]);
    const rates = puts.get(port) ?? [];
    puts.set(port, [...rates, written.requestsPerSecond]);
    return read;
  };
  const compare = async (what: string, clusters: readonly BenchCluster[]): Promise<void> => {
    await bench.compare(what, clusters, load, 1);
    const rates = clusters.map(({ port }) => median(puts.get(port)!));
    bench.addRow('  puts meanwhile', 'requests/s', 'more', rates);
  };
  const disks: SlowDisk[] = [];
  try {
    await bench.withBoth(1, async (clusters) => {
      const what = 'v3 range, 1 x 1, while 400 puts are under way';
      const missing = slowDiskNeeds(benchRoot);
      if (missing !== false) {
        bench.notes.push(`${what}: on the disk as it is, since a slow one ${missing}`);
        await compare(what, clusters);
        return;
      }
      for (const { program, members } of clusters) {
        const disk = new SlowDisk(`quorate-bench-${process.pid}-${program.name}`, benchRoot);
        disks.push(disk);
        for (const member of members) disk.slow(member.process.pid, WRITES_PER_SECOND);
      }
      try {
        await compare(`${what} on a disk of ${WRITES_PER_SECOND} writes/s`, clusters);
      } finally {
        for (const disk of disks) disk.normal();
      }
    });
  } finally {
    for (const disk of disks) disk.remove();
  }
}
