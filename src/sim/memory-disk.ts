/**
 * The in-memory twin of the Disk port, which can lose power. It keeps two worlds: what the running process sees, and what
 * the platter holds. `crash` throws the first away and decides from the seed what of the unsynced work reached the second:
 *
 *   - a file's synced bytes survive, and bytes written durably do;
 *   - each 512-byte sector of each unsynced write survives or not, by itself (a torn write); an unsynced truncation too;
 *   - of the unsynced names in one folder (creations, renames, removals) the first n survive, as in a journal.
 *
 * A file whose name was never synced is gone, even if its bytes were. Nothing here reads a clock; operations complete in
 * microtasks unless `schedule` says otherwise.
 */

import { type Disk, DiskError, type DiskFile, type DiskLock } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import { MemoryFile, MemoryFolder, SECTOR_BYTES } from './memory-disk-nodes.ts';

export type DiskOperationKind =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'write-durably'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'close'
  | 'read-file'
  | 'list'
  | 'exists'
  | 'make-directory'
  | 'rename'
  | 'remove'
  | 'sync-directory'
  | 'lock';

/** One call as the hooks see it. */
export interface DiskOperation {
  readonly kind: DiskOperationKind;
  readonly path: string;
  /** Of rename: the new name. */
  readonly to?: string;
  /** Of reads and writes, in bytes. */
  readonly position?: number;
  readonly length?: number;
}

export interface MemoryDiskOptions {
  /** Decides what survives a crash and where a failed write was torn. */
  readonly random: Random;
  /** Asked before every operation: an errno name makes it fail ('ENOSPC' and 'EIO' on a write leave a torn part of it behind). */
  readonly fault?: (operation: DiskOperation) => string | undefined;
  /** Completes an operation later; the default is a microtask. What a crash overtakes never completes. */
  readonly schedule?: (operation: DiskOperation, complete: () => void) => void;
  /** Bytes that all files together may hold before writes fail with ENOSPC. */
  readonly capacityBytes?: number;
}

export interface MemoryDisk extends Disk {
  /** Power is lost: open files and locks are gone, calls in flight never complete, unsynced work survives as the seed decides. */
  crash(): void;
  /** The process is killed: everything written survives, open files and locks are gone, calls in flight never complete. */
  kill(): void;
  /** Every file with its content as the process sees it; for checks and for copying a state. */
  files(): Map<string, Uint8Array>;
  /** The medium changes by itself: bit rot, or another file's write that went astray. Unsynced writes there are lost. */
  damage(path: string, bytes: Uint8Array, position: number): void;
  /** Puts a durable file in place, with its folders. */
  put(path: string, bytes: Uint8Array): void;
}

export function createMemoryDisk(options: MemoryDiskOptions): MemoryDisk {
  return new SimulatedDisk(options);
}

class SimulatedDisk implements MemoryDisk {
  readonly #options: MemoryDiskOptions;
  #root = new MemoryFolder();
  /** Grows with every crash: handles of older generations are dead. */
  #generation = 0;
  #locked = new Set<object>();

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
  }

  crash(): void {
    this.#generation++;
    this.#locked = new Set();
    this.#root.crash(this.#options.random);
  }

  kill(): void {
    this.#generation++;
    this.#locked = new Set();
  }

  files(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    this.#root.walk('', (path, file) => found.set(path, file.bytes()));
    return found;
  }

  damage(path: string, bytes: Uint8Array, position: number): void {
    this.#file(path).damage(bytes, position);
  }

  put(path: string, bytes: Uint8Array): void {
    const { folder, name } = this.#parent(path, true);
    const file = new MemoryFile();
    file.write(bytes, 0);
    file.sync();
    folder.set(name, file);
    this.#root.syncAll();
  }

  open(path: string): Promise<DiskFile> {
    return this.#run({ kind: 'open', path }, () => this.#handle(path, this.#file(path)));
  }

  create(path: string): Promise<DiskFile> {
    return this.#run({ kind: 'create', path }, () => {
      const { folder, name } = this.#parent(path, false);
      if (folder.get(name) !== undefined) throw new DiskError('EEXIST', path, `${path} exists already`);
      const file = new MemoryFile();
      folder.set(name, file);
      return this.#handle(path, file);
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#run({ kind: 'read-file', path }, () => this.#file(path).bytes().slice());
  }

  list(path: string): Promise<string[]> {
    return this.#run({ kind: 'list', path }, () => this.#folder(path).names().sort());
  }

  exists(path: string): Promise<boolean> {
    return this.#run({ kind: 'exists', path }, () => this.#find(path) !== undefined);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#run({ kind: 'make-directory', path }, () => {
      this.#parent(`${path}/x`, true);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run({ kind: 'rename', path: from, to }, () => {
      const source = this.#parent(from, false);
      const target = this.#parent(to, false);
      const node = source.folder.get(source.name);
      if (node === undefined) throw new DiskError('ENOENT', from, `${from} does not exist`);
      const replaced = target.folder.get(target.name);
      if (replaced instanceof MemoryFolder && replaced.names().length > 0) {
        throw new DiskError('ENOTEMPTY', to, `${to} is not empty`);
      }
      if (source.folder === target.folder) source.folder.rename(source.name, target.name);
      else {
        target.folder.set(target.name, node);
        source.folder.delete(source.name);
      }
    });
  }

  remove(path: string): Promise<void> {
    return this.#run({ kind: 'remove', path }, () => {
      if (this.#find(path) === undefined) return;
      const { folder, name } = this.#parent(path, false);
      folder.delete(name);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#run({ kind: 'sync-directory', path }, () => this.#folder(path).sync());
  }

  lock(path: string): Promise<DiskLock> {
    return this.#run({ kind: 'lock', path }, () => {
      const { folder, name } = this.#parent(path, false);
      let file = folder.get(name);
      if (file === undefined) {
        file = new MemoryFile();
        folder.set(name, file);
      }
      const held = file;
      const locked = this.#locked;
      if (locked.has(held)) throw new DiskError('ELOCKED', path, `${path} is locked by another process`);
      locked.add(held);
      return {
        release: async () => {
          locked.delete(held);
        },
      };
    });
  }

  #handle(path: string, file: MemoryFile): DiskFile {
    const alive = this.#generation;
    const run = <T>(operation: DiskOperation, effect: () => T, complete?: () => void): Promise<T> => {
      if (alive !== this.#generation) return new Promise(() => {});
      return this.#run(operation, effect, complete, (error) => {
        // A write that fails may have reached the file in part.
        const torn = operation.kind === 'write' || operation.kind === 'write-durably';
        if (torn && error.code !== 'EBADF') tear();
      });
    };
    let tear = (): void => {};
    let closed = false;
    const check = (): void => {
      if (closed) throw new DiskError('EBADF', path, `${path} is closed`);
    };
    const write = (
      kind: 'write' | 'write-durably',
      bytes: Uint8Array,
      position: number,
      complete?: (id: number) => void,
    ): Promise<void> => {
      tear = () => {
        const end = position + Math.floor(this.#options.random.next() * bytes.length);
        // A write that falls short ends with a block.
        const whole = end - (end % SECTOR_BYTES) - position;
        if (whole > 0) file.write(bytes.subarray(0, whole), position);
      };
      let id = 0;
      return run(
        { kind, path, position, length: bytes.length },
        () => {
          check();
          this.#checkCapacity(path, file, position + bytes.length);
          id = file.write(bytes, position);
        },
        () => complete?.(id),
      );
    };
    return {
      read: (buffer, position) =>
        run({ kind: 'read', path, position, length: buffer.length }, () => {
          check();
          return file.read(buffer, position);
        }),
      write: (bytes, position) => write('write', bytes, position),
      writeDurably: (bytes, position) =>
        write('write-durably', bytes, position, (id) => file.makeDurable(id)),
      sync: () => {
        let upTo = 0;
        return run(
          { kind: 'sync', path },
          () => {
            check();
            upTo = file.lastOperation;
          },
          () => file.sync(upTo),
        );
      },
      truncate: (length) =>
        run({ kind: 'truncate', path, length }, () => {
          check();
          file.truncate(length);
        }),
      size: () =>
        run({ kind: 'size', path }, () => {
          check();
          return file.size;
        }),
      close: () =>
        run({ kind: 'close', path }, () => {
          check();
          closed = true;
        }),
    };
  }

  /** Takes effect at once, is durable and reported when it completes; in between a crash may tear it. */
  #run<T>(
    operation: DiskOperation,
    effect: () => T,
    complete?: () => void,
    onFault?: (error: DiskError) => void,
  ): Promise<T> {
    const generation = this.#generation;
    return new Promise<T>((resolve, reject) => {
      let settle: () => void;
      try {
        const code = this.#options.fault?.(operation);
        if (code !== undefined) {
          const error = new DiskError(
            code,
            operation.path,
            `${code}: injected into ${operation.kind} of ${operation.path}`,
          );
          onFault?.(error);
          throw error;
        }
        if (generation !== this.#generation) return; // the hook crashed the disk
        const value = effect();
        settle = () => {
          complete?.();
          resolve(value);
        };
      } catch (error) {
        settle = () => reject(error);
      }
      const finish = (): void => {
        if (generation === this.#generation) settle();
      };
      if (this.#options.schedule === undefined) queueMicrotask(finish);
      else this.#options.schedule(operation, finish);
    });
  }

  #checkCapacity(path: string, file: MemoryFile, end: number): void {
    if (this.#options.capacityBytes === undefined) return;
    let total = Math.max(0, end - file.size);
    for (const bytes of this.files().values()) total += bytes.length;
    if (total > this.#options.capacityBytes)
      throw new DiskError('ENOSPC', path, 'no space left on the memory disk');
  }

  #find(path: string): MemoryFile | MemoryFolder | undefined {
    let node: MemoryFile | MemoryFolder | undefined = this.#root;
    for (const part of parts(path)) {
      if (!(node instanceof MemoryFolder)) return undefined;
      node = node.get(part);
    }
    return node;
  }

  #file(path: string): MemoryFile {
    const node = this.#find(path);
    if (node instanceof MemoryFile) return node;
    if (node === undefined) throw new DiskError('ENOENT', path, `${path} does not exist`);
    throw new DiskError('EISDIR', path, `${path} is a folder`);
  }

  #folder(path: string): MemoryFolder {
    const node = this.#find(path);
    if (node instanceof MemoryFolder) return node;
    if (node === undefined) throw new DiskError('ENOENT', path, `${path} does not exist`);
    throw new DiskError('ENOTDIR', path, `${path} is no folder`);
  }

  #parent(path: string, make: boolean): { folder: MemoryFolder; name: string } {
    const names = parts(path);
    const name = names.pop();
    if (name === undefined) throw new DiskError('EINVAL', path, 'the root has no parent');
    let folder = this.#root;
    for (const part of names) {
      let next = folder.get(part);
      if (next === undefined && make) {
        next = new MemoryFolder();
        folder.set(part, next);
      }
      if (next === undefined) throw new DiskError('ENOENT', path, `${path} does not exist`);
      if (!(next instanceof MemoryFolder)) throw new DiskError('ENOTDIR', path, `${part} is no folder`);
      folder = next;
    }
    return { folder, name };
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
