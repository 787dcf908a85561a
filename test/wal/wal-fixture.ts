/** Shared by the log's tests: a disk in memory, entries that tell where they belong, and appends as promises. */

import { silentLog } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Entry, HardState } from '../../src/raft/types.ts';
import type { DiskOperation } from '../../src/sim/memory-disk.ts';
import type { Wal, WalOptions } from '../../src/wal/wal.ts';

export const FOLDER = '/data/member/wal';
export const METADATA = { memberId: 0x1a661f2b9997ba39n, clusterId: 0xfedcba9876543210n };

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}

/** Without zeros ahead unless asked for: they are another test's subject. */
export function walOptions(options: Partial<WalOptions> = {}): WalOptions {
  return { log: silentLog, segmentBytes: 1_000_000, zeroAheadBytes: 0, ...options };
}

export function entry(index: number, term = 1, dataBytes = 20): Entry {
  const data = new Uint8Array(dataBytes);
  for (let i = 0; i < dataBytes; i++) data[i] = 1 + ((index * 7 + term * 31 + i) % 255);
  return { index, term, type: 'normal', data };
}

export function entries(first: number, last: number, term = 1, dataBytes = 20): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term, dataBytes));
}

export function state(term: number, commit: number, vote = 0x1a661f2b9997ba39n): HardState {
  return { term, vote, commit };
}

export function append(
  wal: Wal,
  batch: { entries?: Entry[]; hardState?: HardState; snapshotMark?: { index: number; term: number } },
  mustSync = true,
): Promise<void> {
  return new Promise((resolve, reject) =>
    wal.append({ entries: [], ...batch }, mustSync, (error) => (error ? reject(error) : resolve())),
  );
}

export function brief(list: readonly Entry[]): string {
  return list.map((e) => `${e.index}/${e.term}`).join(' ');
}

/** One line an operation: `write-durably wal/…0-…0.wal 0+128`. */
export function describeOperation(operation: DiskOperation): string {
  const name = (path: string): string => path.replace('/data/member/', '').replaceAll(/0{8,}/g, '…');
  const range =
    operation.position === undefined
      ? operation.length === undefined
        ? ''
        : ` ${operation.length}`
      : ` ${operation.position}+${operation.length}`;
  const to = operation.to === undefined ? '' : ` -> ${name(operation.to)}`;
  return `${operation.kind} ${name(operation.path)}${range}${to}`;
}
