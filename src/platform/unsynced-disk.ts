/** `--unsafe-no-fsync`: a Disk that says it is durable when it is not. For tests on slow disks only. */
import type { Disk, DiskFile } from '../ports/disk.ts';

export function withoutSync(disk: Disk): Disk {
  return {
    ...disk,
    open: async (path) => unsynced(await disk.open(path)),
    create: async (path) => unsynced(await disk.create(path)),
    syncDirectory: async () => {},
  };
}

function unsynced(file: DiskFile): DiskFile {
  return {
    read: (buffer, position) => file.read(buffer, position),
    write: (bytes, position) => file.write(bytes, position),
    writeDurably: (bytes, position) => file.write(bytes, position),
    sync: async () => {},
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    close: () => file.close(),
  };
}
