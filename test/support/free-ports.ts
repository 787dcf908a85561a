/**
 * Ports for whole-process tests, from a range below the kernel's ephemeral ports, so that no outgoing connection takes one.
 *
 * Test files run in parallel processes: the UDP port of the same number, which nothing else here uses, is held for as long as the process lives. The kernel
 * gives it to one process at a time and takes it back when that one ends, however it ends.
 */

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const first = Number(process.env['QUORATE_TEST_PORTS'] ?? '21500');
const count = 480;

/** A port that is free on all addresses and that no other test process will be given. */
export async function freePort(): Promise<number> {
  // Spread by process id, so that parallel files seldom meet.
  const start = (process.pid * 37) % count;
  for (let tried = 0; tried < count; tried++) {
    const port = first + ((start + tried) % count);
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port in ${first}-${first + count - 1}`);
}

/** False when this process or another one has it. */
function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      // Held to the end, which it does not put off.
      socket.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
