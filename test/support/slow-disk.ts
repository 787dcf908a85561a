/**
 * A disk that takes few writes a second, for one process: the kernel's block throttle (cgroup v1 `blkio`). Needs root, that
 * controller, and a data directory on a block device.
 */

import { existsSync, mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/cgroup/blkio';

/** Why it cannot be had for data in this folder, or false. */
export function slowDiskNeeds(folder: string): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(join(root, 'blkio.throttle.write_iops_device')))
    return 'needs the blkio controller of cgroup v1';
  return deviceOf(folder).startsWith('0:') ? 'the data directory is on no block device' : false;
}

export class SlowDisk {
  readonly #group: string;
  readonly #device: string;

  constructor(name: string, dataFolder: string) {
    this.#group = join(root, name);
    this.#device = deviceOf(dataFolder);
    mkdirSync(this.#group, { recursive: true });
  }

  slow(pid: number, writesPerSecond: number): void {
    try {
      writeFileSync(join(this.#group, 'cgroup.procs'), String(pid));
    } catch (error) {
      // The process has just ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    this.#limit(writesPerSecond);
  }

  normal(): void {
    this.#limit(0);
  }

  /** When its processes have ended. */
  remove(): void {
    this.normal();
    try {
      rmdirSync(this.#group);
    } catch {
      // Busy: a process in it is still ending. An empty group does no harm.
    }
  }

  #limit(writesPerSecond: number): void {
    const line = `${this.#device} ${writesPerSecond}`;
    writeFileSync(join(this.#group, 'blkio.throttle.write_iops_device'), line);
  }
}

/** major:minor of the device a folder is on. */
function deviceOf(folder: string): string {
  const { dev } = statSync(folder);
  return `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
}
