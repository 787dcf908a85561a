/**
 * Files and folders of the memory disk: each holds its present state, its durable state, and the operations between the
 * two in the order in which they were made. Invariant: durable state + all pending operations = present state.
 */

import type { Random } from '../ports/random.ts';

export const SECTOR_BYTES = 512;

type FileOperation =
  | { readonly id: number; readonly kind: 'write'; readonly bytes: Uint8Array; readonly position: number }
  | { readonly id: number; readonly kind: 'truncate'; readonly length: number };

/** Bytes that grow, with zeros in the holes. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.view());
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
    this.size = Math.max(this.size, end);
  }

  truncate(length: number): void {
    if (length < this.size) this.#bytes.fill(0, length, this.size);
    else if (length > this.size) this.write(new Uint8Array(0), length);
    this.size = length;
  }

  copy(): Content {
    const copy = new Content();
    copy.write(this.view(), 0);
    return copy;
  }

  /** Gives back what was reserved for growth, if that is much. */
  trim(): void {
    if (this.#bytes.length > 1.25 * this.size) this.#bytes = this.#bytes.slice(0, this.size);
  }
}

/** One content stands for both states until the next change, so that the many synced files of a run are held once. */
export class MemoryFile {
  #present = new Content();
  #durable = this.#present;
  #pending: FileOperation[] = [];
  #lastOperation = 0;

  get size(): number {
    return this.#present.size;
  }

  get lastOperation(): number {
    return this.#lastOperation;
  }

  bytes(): Uint8Array {
    return this.#present.view();
  }

  read(buffer: Uint8Array, position: number): number {
    const got = this.#present.view().subarray(position, position + buffer.length);
    buffer.set(got);
    return got.length;
  }

  /** Returns the operation's id. */
  write(bytes: Uint8Array, position: number): number {
    const id = ++this.#lastOperation;
    const copy = bytes.slice();
    this.#changing().write(copy, position);
    this.#pending.push({ id, kind: 'write', bytes: copy, position });
    return id;
  }

  truncate(length: number): void {
    this.#changing().truncate(length);
    this.#pending.push({ id: ++this.#lastOperation, kind: 'truncate', length });
  }

  sync(upTo: number = this.#lastOperation): void {
    if (upTo >= this.#lastOperation) {
      this.#present.trim();
      this.#durable = this.#present;
      this.#pending = [];
      return;
    }
    for (const operation of this.#pending) if (operation.id <= upTo) apply(this.#durable, operation);
    this.#pending = this.#pending.filter((operation) => operation.id > upTo);
  }

  /** One write reaches the disk; older pending ones that overlap it must not come after it. */
  makeDurable(id: number): void {
    const write = this.#pending.find((operation) => operation.id === id);
    if (write === undefined || write.kind !== 'write') return;
    // An unsynced truncation changed the size that the write builds on: the size is metadata and goes in order.
    const lastTruncation = this.#pending.findLast((o) => o.kind === 'truncate' && o.id < id);
    if (lastTruncation !== undefined) this.sync(lastTruncation.id);
    apply(this.#durable, write);
    const end = write.position + write.bytes.length;
    this.#pending = this.#pending.flatMap((operation): FileOperation[] => {
      if (operation.id === id) return [];
      if (operation.id > id || operation.kind !== 'write') return [operation];
      const kept: FileOperation[] = [];
      const before = write.position - operation.position;
      if (before > 0) kept.push({ ...operation, bytes: operation.bytes.subarray(0, before) });
      const after = end - operation.position;
      if (after < operation.bytes.length) {
        const skip = Math.max(0, after);
        kept.push({
          ...operation,
          bytes: operation.bytes.subarray(skip),
          position: operation.position + skip,
        });
      }
      return kept;
    });
  }

  /** The medium changes by itself: what was there before, durable or not, is gone. */
  damage(bytes: Uint8Array, position: number): void {
    this.#present.write(bytes, position);
    if (this.#durable !== this.#present) this.#durable.write(bytes, position);
  }

  crash(random: Random): void {
    for (const operation of this.#pending) {
      if (operation.kind === 'truncate') {
        if (random.next() < 0.5) apply(this.#durable, operation);
        continue;
      }
      // Whole, gone, or sector by sector: the first two are the common cases and must be common here.
      const fate = random.next();
      if (fate < 0.25) continue;
      const { bytes, position } = operation;
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
        if (fate < 0.5 || random.next() < 0.5) this.#durable.write(bytes.subarray(at, next), position + at);
        at = next;
      }
    }
    this.#pending = [];
    this.#present = this.#durable;
  }

  /** The present content, apart from the durable one from now on. */
  #changing(): Content {
    if (this.#present === this.#durable) this.#present = this.#durable.copy();
    return this.#present;
  }
}

type FolderOperation =
  | { readonly kind: 'set'; readonly name: string; readonly node: MemoryFile | MemoryFolder }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'delete'; readonly name: string };

export class MemoryFolder {
  #present = new Map<string, MemoryFile | MemoryFolder>();
  #durable = new Map<string, MemoryFile | MemoryFolder>();
  #pending: FolderOperation[] = [];

  get(name: string): MemoryFile | MemoryFolder | undefined {
    return this.#present.get(name);
  }

  names(): string[] {
    return [...this.#present.keys()];
  }

  set(name: string, node: MemoryFile | MemoryFolder): void {
    this.#do({ kind: 'set', name, node });
  }

  rename(from: string, to: string): void {
    if (from !== to) this.#do({ kind: 'rename', from, to });
  }

  delete(name: string): void {
    this.#do({ kind: 'delete', name });
  }

  sync(): void {
    this.#durable = new Map(this.#present);
    this.#pending = [];
  }

  syncAll(): void {
    this.sync();
    for (const node of this.#present.values()) if (node instanceof MemoryFolder) node.syncAll();
  }

  walk(path: string, visit: (path: string, file: MemoryFile) => void): void {
    for (const [name, node] of this.#present) {
      const at = `${path}/${name}`;
      if (node instanceof MemoryFile) visit(at, node);
      else node.walk(at, visit);
    }
  }

  crash(random: Random): void {
    const surviving = Math.floor(random.next() * (this.#pending.length + 1));
    for (const operation of this.#pending.slice(0, surviving)) applyName(this.#durable, operation);
    this.#pending = [];
    this.#present = new Map(this.#durable);
    for (const node of this.#present.values()) node.crash(random);
  }

  #do(operation: FolderOperation): void {
    applyName(this.#present, operation);
    this.#pending.push(operation);
  }
}

function apply(content: Content, operation: FileOperation): void {
  if (operation.kind === 'write') content.write(operation.bytes, operation.position);
  else content.truncate(operation.length);
}

function applyName(names: Map<string, MemoryFile | MemoryFolder>, operation: FolderOperation): void {
  switch (operation.kind) {
    case 'set':
      names.set(operation.name, operation.node);
      return;
    case 'delete':
      names.delete(operation.name);
      return;
    case 'rename': {
      const node = names.get(operation.from);
      if (node === undefined) throw new Error(`invariant: ${operation.from} is to be renamed but missing`);
      names.delete(operation.from);
      names.set(operation.to, node);
    }
  }
}
