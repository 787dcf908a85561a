/**
 * A tar archive (POSIX ustar) written entry by entry, the same bytes for the same content whenever and by whomever: owner root,
 * time 0.
 *
 *     +--------+---------------------------+---- ... ----+---------------+
 *     | header | content, padded to 512 B  |  more ...   | 1024 zeros    |
 *     +--------+---------------------------+---- ... ----+---------------+
 *     header (512 B): name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100,
 *                     "ustar\0" 6, "00" 2, user 32, group 32, device 16, prefix 155, 12 unused; numbers are octal text
 */

const blockBytes = 512;

export class TarWriter {
  readonly #parts: Buffer[] = [];
  readonly #folders = new Set<string>();

  /** @param path without a leading slash; folders above it are added as needed */
  file(path: string, content: Buffer, mode = 0o644): void {
    this.#parents(path);
    this.#parts.push(header(path, '0', content.length, mode, ''), content, padding(content.length));
  }

  folder(path: string, mode = 0o755): void {
    if (this.#folders.has(path)) return;
    this.#parents(path);
    this.#folders.add(path);
    this.#parts.push(header(`${path}/`, '5', 0, mode, ''));
  }

  link(path: string, target: string): void {
    this.#parents(path);
    this.#parts.push(header(path, '2', 0, 0o777, target));
  }

  bytes(): Buffer {
    return Buffer.concat([...this.#parts, Buffer.alloc(2 * blockBytes)]);
  }

  #parents(path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash > 0) this.folder(path.slice(0, slash));
  }
}

function padding(length: number): Buffer {
  return Buffer.alloc((blockBytes - (length % blockBytes)) % blockBytes);
}

function header(path: string, type: '0' | '2' | '5', size: number, mode: number, target: string): Buffer {
  const { name, prefix } = splitName(path);
  if (Buffer.byteLength(target) > 100) throw new Error(`link target too long for tar: ${target}`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0);
  block.write(`${octal(mode, 7)}\0`, 100);
  block.write(`${octal(0, 7)}\0`, 108);
  block.write(`${octal(0, 7)}\0`, 116);
  block.write(`${octal(size, 11)}\0`, 124);
  block.write(`${octal(0, 11)}\0`, 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257);
  block.write('root', 265);
  block.write('root', 297);
  block.write(prefix, 345);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** A path longer than 100 bytes goes into two fields, parted at a slash. */
function splitName(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const name = path.slice(slash + 1);
    const prefix = path.slice(0, slash);
    if (name !== '' && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155)
      return { name, prefix };
  }
  throw new Error(`path too long for tar: ${path}`);
}
