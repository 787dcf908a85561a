/**
 * Ports for whole-process tests, from a range below the kernel's ephemeral ports, so that no outgoing connection takes one.
 * Test files run in parallel processes: a port is claimed by creating a file that holds the claimer's process id.
 */

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const first = Number(process.env['QUORATE_TEST_PORTS'] ?? '21500');
const count = 480;
const claims = join(tmpdir(), 'quorate-test-ports');
const claimed: string[] = [];

process.on('exit', () => {
  for (const file of claimed) rmSync(file, { force: true });
});

/** A port that is free on all addresses and that no other test process will be given. */
export async function freePort(): Promise<number> {
  mkdirSync(claims, { recursive: true });
  // Spread by process id, so that parallel files seldom meet.
  const start = (process.pid * 37) % count;
  for (let tried = 0; tried < count; tried++) {
    const port = first + ((start + tried) % count);
    if (claim(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port in ${first}-${first + count - 1}`);
}

function claim(port: number): boolean {
  const file = join(claims, String(port));
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(file, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      claimed.push(file);
      return true;
    } catch {
      if (isOwnerAlive(file)) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

function isOwnerAlive(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    // A file without a number is being written at this moment.
    if (owner > 0) process.kill(owner, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
