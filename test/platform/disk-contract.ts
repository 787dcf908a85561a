/** What every Disk must do, as tests that each implementation runs. */

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Disk } from '../../src/ports/disk.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** `make` gives an empty folder on a fresh disk. */
export function testDisk(name: string, make: () => { disk: Disk; folder: string }): void {
  test(`${name}: files are created once, written anywhere, read and closed`, async () => {
    const { disk, folder } = make();
    const path = `${folder}/a`;
    const file = await disk.create(path);
    await assert.rejects(disk.create(path), { name: 'DiskError', code: 'EEXIST', path });
    await file.write(bytes('hello world'), 0);
    await file.writeDurably(bytes('W'), 6);
    await file.write(bytes('!'), 14);
    await file.sync();
    assert.equal(await file.size(), 15);
    const buffer = new Uint8Array(20);
    assert.equal(await file.read(buffer, 6), 9);
    assert.equal(text(buffer.subarray(0, 9)), 'World\0\0\0!');
    assert.equal(await file.read(buffer, 15), 0);
    await file.truncate(5);
    await file.truncate(7);
    assert.equal(text(await disk.readFile(path)), 'hello\0\0');
    await file.close();
    await assert.rejects(file.write(bytes('x'), 0), { name: 'DiskError', code: 'EBADF' });
    const again = await disk.open(path);
    await again.writeDurably(bytes('12345678901'), 3);
    await again.close();
    assert.equal(text(await disk.readFile(path)), 'hel12345678901');
  });

  test(`${name}: names`, async () => {
    const { disk, folder } = make();
    await disk.makeDirectory(`${folder}/x/y`);
    await disk.makeDirectory(`${folder}/x/y`);
    for (const file of ['b', 'a', 'C']) await (await disk.create(`${folder}/x/${file}`)).close();
    assert.deepEqual(await disk.list(`${folder}/x`), ['C', 'a', 'b', 'y']);
    await disk.rename(`${folder}/x/a`, `${folder}/x/b`);
    await disk.syncDirectory(`${folder}/x`);
    assert.deepEqual(await disk.list(`${folder}/x`), ['C', 'b', 'y']);
    await disk.rename(`${folder}/x`, `${folder}/z`);
    assert.equal(await disk.exists(`${folder}/x`), false);
    assert.equal(await disk.exists(`${folder}/z/y`), true);
    await disk.remove(`${folder}/z`);
    await disk.remove(`${folder}/z`);
    assert.equal(await disk.exists(`${folder}/z`), false);
  });

  test(`${name}: failures say what and where`, async () => {
    const { disk, folder } = make();
    const path = `${folder}/missing`;
    const missing = { name: 'DiskError', code: 'ENOENT', path };
    await assert.rejects(disk.open(path), missing);
    await assert.rejects(disk.readFile(path), missing);
    await assert.rejects(disk.list(path), missing);
    await assert.rejects(disk.rename(path, `${folder}/other`), missing);
    await assert.rejects(disk.syncDirectory(path), missing);
  });

  test(`${name}: a lock has one holder, and follows the file when it is renamed`, async () => {
    const { disk, folder } = make();
    const path = `${folder}/lock`;
    const lock = await disk.lock(path);
    await assert.rejects(disk.lock(path), { name: 'DiskError', code: 'ELOCKED', path });
    await disk.rename(path, `${folder}/renamed`);
    await assert.rejects(disk.lock(`${folder}/renamed`), { code: 'ELOCKED' });
    const other = await disk.lock(path);
    await lock.release();
    await lock.release();
    await (await disk.lock(`${folder}/renamed`)).release();
    await other.release();
  });
}
