/**
 * The file system as the log sees it. Every call is asynchronous; nothing is durable before the named sync has
 * resolved: data after `DiskFile.sync`, a created or renamed or removed name after `Disk.syncDirectory`.
 * Failures reject with a DiskError; a full disk is code 'ENOSPC'.
 */
export interface Disk {
  /** Opens an existing file for reading and writing. */
  open(path: string): Promise<DiskFile>;
  /** Creates a file that must not exist yet, for reading and writing, mode 0600. */
  create(path: string): Promise<DiskFile>;
  /** The whole content. */
  readFile(path: string): Promise<Uint8Array>;
  /** Names in a folder, sorted bytewise. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Creates a folder (mode 0700) and its missing parents. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all that is in it. A missing name is no error. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals of names directly in this folder durable. */
  syncDirectory(path: string): Promise<void>;
  /** Takes the exclusive advisory lock of the file at `path` (created if missing); rejects with code 'ELOCKED' if another process holds it. */
  lock(path: string): Promise<DiskLock>;
}

export interface DiskFile {
  /** Reads up to `buffer.length` bytes at `position`; resolves to the count, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all bytes at `position`. Not durable before `sync`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /**
   * Writes all bytes at `position` and resolves once they are durable, with the file size that reading them back needs; in
   * one hop where the platform can. Says nothing about bytes that an earlier `write` put elsewhere in the file.
   */
  writeDurably(bytes: Uint8Array, position: number): Promise<void>;
  /** fdatasync: all written data and the file's size are durable once it resolves. Never to be repeated after a failure. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface DiskLock {
  release(): Promise<void>;
}

export class DiskError extends Error {
  /** 'ENOSPC', 'ENOENT', 'EEXIST', 'EIO', 'ELOCKED', ... as errno names them. */
  readonly code: string;
  readonly path: string;
  constructor(code: string, path: string, message: string) {
    super(message);
    this.name = 'DiskError';
    this.code = code;
    this.path = path;
  }
}
