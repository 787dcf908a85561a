/**
 * The real Disk, over node:fs. No call blocks the main thread: each goes through libuv's thread pool.
 *
 * A durable write is ONE hop: every file is opened a second time with O_DSYNC, so that pwrite returns when the bytes are on
 * the disk. Write and fdatasync as two hops cost about 50 us more each time, a worker thread costs more CPU than both.
 */

import fs from 'node:fs';
import { type Disk, DiskError, type DiskFile, type DiskLock } from '../ports/disk.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_RDONLY } = fs.constants;
/** Missing on Windows. */
const O_DSYNC: number | undefined = fs.constants.O_DSYNC;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export function createNodeDisk(): Disk {
  return nodeDisk;
}

const nodeDisk: Disk = {
  open: (path) => openFile(path, O_RDWR),
  create: (path) => openFile(path, O_RDWR | O_CREAT | O_EXCL),
  readFile: (path) => call(path, (done) => fs.readFile(path, done)),
  async list(path) {
    const names = await call<string[]>(path, (done) => fs.readdir(path, done));
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  },
  exists: (path) =>
    new Promise((resolve, reject) =>
      fs.stat(path, (error) => {
        if (error === null) resolve(true);
        else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(false);
        else reject(diskError(error, path));
      }),
    ),
  async makeDirectory(path) {
    await call(path, (done) => fs.mkdir(path, { recursive: true, mode: FOLDER_MODE }, done));
  },
  rename: (from, to) => run(from, (done) => fs.rename(from, to, done)),
  remove: (path) => run(path, (done) => fs.rm(path, { recursive: true, force: true }, done)),
  async syncDirectory(path) {
    const fd = await call<number>(path, (done) => fs.open(path, O_RDONLY, done));
    try {
      await run(path, (done) => fs.fsync(fd, done));
    } finally {
      await run(path, (done) => fs.close(fd, done));
    }
  },
  async lock(path) {
    const { tryLock } = await import('fs-native-extensions');
    const fd = await call<number>(path, (done) => fs.open(path, O_RDWR | O_CREAT, FILE_MODE, done));
    let taken: boolean;
    try {
      taken = tryLock(fd);
    } catch (error) {
      fs.close(fd, () => {});
      throw diskError(error as NodeJS.ErrnoException, path);
    }
    if (!taken) {
      fs.close(fd, () => {});
      throw new DiskError('ELOCKED', path, `${path} is locked by another process`);
    }
    return new NodeDiskLock(fd, path);
  },
};

/**
 * An open-file-description lock (F_OFD_SETLK), the kind etcd takes on its log files: the kernel drops it when the process
 * ends, however it ends, and it holds between containers that share a volume.
 */
class NodeDiskLock implements DiskLock {
  readonly #fd: number;
  readonly #path: string;
  #released = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await run(this.#path, (done) => fs.close(this.#fd, done));
  }
}

class NodeDiskFile implements DiskFile {
  readonly #path: string;
  readonly #fd: number;
  /** The same file opened with O_DSYNC; undefined where the platform has no such flag. */
  readonly #durableFd: number | undefined;

  constructor(path: string, fd: number, durableFd: number | undefined) {
    this.#path = path;
    this.#fd = fd;
    this.#durableFd = durableFd;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let count = 0;
    while (count < buffer.length) {
      const got = await call<number>(this.#path, (done) =>
        fs.read(this.#fd, buffer, count, buffer.length - count, position + count, done),
      );
      if (got === 0) break;
      count += got;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#writeAll(this.#fd, bytes, position);
  }

  async writeDurably(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#durableFd !== undefined) return this.#writeAll(this.#durableFd, bytes, position);
    await this.#writeAll(this.#fd, bytes, position);
    await this.sync();
  }

  sync(): Promise<void> {
    return run(this.#path, (done) => fs.fdatasync(this.#fd, done));
  }

  truncate(length: number): Promise<void> {
    return run(this.#path, (done) => fs.ftruncate(this.#fd, length, done));
  }

  async size(): Promise<number> {
    const stats = await call<fs.Stats>(this.#path, (done) => fs.fstat(this.#fd, done));
    return stats.size;
  }

  async close(): Promise<void> {
    try {
      if (this.#durableFd !== undefined) await closeFd(this.#path, this.#durableFd);
    } finally {
      await closeFd(this.#path, this.#fd);
    }
  }

  /** The kernel may take less than asked for (a full disk, a signal): goes on until everything is written or an error comes. */
  #writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let written = 0;
      const next = (error: NodeJS.ErrnoException | null, count: number): void => {
        written += count;
        if (error !== null) reject(diskError(error, this.#path));
        else if (written === bytes.length) resolve();
        else if (count === 0) reject(new DiskError('EIO', this.#path, `${this.#path}: nothing was written`));
        else fs.write(fd, bytes, written, bytes.length - written, position + written, next);
      };
      fs.write(fd, bytes, 0, bytes.length, position, next);
    });
  }
}

async function openFile(path: string, flags: number): Promise<DiskFile> {
  const fd = await call<number>(path, (done) => fs.open(path, flags, FILE_MODE, done));
  if (O_DSYNC === undefined) return new NodeDiskFile(path, fd, undefined);
  const dsync = O_DSYNC;
  try {
    const durableFd = await call<number>(path, (done) => fs.open(path, O_RDWR | dsync, done));
    return new NodeDiskFile(path, fd, durableFd);
  } catch (error) {
    await closeFd(path, fd);
    throw error;
  }
}

function closeFd(path: string, fd: number): Promise<void> {
  return run(path, (done) => fs.close(fd, done));
}

function call<T>(
  path: string,
  start: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) =>
    start((error, value) => {
      if (error === null) resolve(value);
      else reject(diskError(error, path));
    }),
  );
}

function run(
  path: string,
  start: (done: (error?: NodeJS.ErrnoException | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) =>
    start((error) => {
      if (error) reject(diskError(error, path));
      else resolve();
    }),
  );
}

function diskError(error: NodeJS.ErrnoException, path: string): DiskError {
  return new DiskError(error.code ?? 'EIO', path, error.message);
}
