/** What a process has used, from /proc: all its threads together. */

import { readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Of these, those that are no pages of a file. */
  readonly anonymousBytes: number;
}

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the command in parentheses, may hold spaces; fields 14 and 15 are utime and stime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    residentBytes: bytesOf('VmRSS'),
    anonymousBytes: bytesOf('RssAnon'),
  };
}
