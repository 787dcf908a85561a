import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { createNodeDisk } from '../../src/platform/node-disk.ts';
import { createMemoryDisk } from '../../src/sim/memory-disk.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { randomFrom } from '../wal/wal-fixture.ts';
import { testDisk } from './disk-contract.ts';

testDisk('node', () => ({ disk: createNodeDisk(), folder: temporaryFolder('disk') }));
testDisk('memory', () => {
  const disk = createMemoryDisk({ random: randomFrom(1) });
  disk.put('/data/here', new Uint8Array(0));
  return { disk, folder: '/data' };
});

test('node: files and folders are private', async () => {
  const disk = createNodeDisk();
  const folder = temporaryFolder('disk');
  await disk.makeDirectory(`${folder}/a/b`);
  await (await disk.create(`${folder}/a/b/c`)).close();
  assert.equal(statSync(`${folder}/a`).mode & 0o777, 0o700);
  assert.equal(statSync(`${folder}/a/b`).mode & 0o777, 0o700);
  assert.equal(statSync(`${folder}/a/b/c`).mode & 0o777, 0o600);
});

test('node: a full disk', { skip: needs('root') }, async () => {
  // The device that is always full.
  const file = await createNodeDisk().open('/dev/full');
  await assert.rejects(file.write(new Uint8Array(10), 0), { name: 'DiskError', code: 'ENOSPC' });
  await assert.rejects(file.writeDurably(new Uint8Array(10), 0), { name: 'DiskError', code: 'ENOSPC' });
  await file.close();
});

test('node: another process is kept out until the holder ends, killed or not', async (t) => {
  const folder = temporaryFolder('disk');
  const path = `${folder}/lock`;
  const source = `
    const { createNodeDisk } = await import(${JSON.stringify(new URL('../../src/platform/node-disk.ts', import.meta.url).href)});
    await createNodeDisk().lock(${JSON.stringify(path)});
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    cwd: new URL('../..', import.meta.url).pathname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  const [line] = await once(createInterface(holder.stdout), 'line');
  assert.equal(line, 'locked');
  const disk = createNodeDisk();
  await assert.rejects(disk.lock(path), { code: 'ELOCKED', path });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await (await disk.lock(path)).release();
});
