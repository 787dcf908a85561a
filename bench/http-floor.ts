/**
 * What HTTP/1.1 costs here, next to the floors of the platform. Runs h2load (nghttp2-client) against each server in turn:
 *
 *   node --import tsx bench/http-floor.ts [requests per run]
 *
 * data    a server on 'data' events that only counts empty lines
 * onread  the same on rebound handles with one shared read buffer: the floor
 * ours    src/net with full parsing, header look-ups and the real API
 * ours-documented  the same without the rebound handles
 * node    node:http
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listen } from '../src/net/listener.ts';
import { silentLog } from '../src/ports/log.ts';
import { systemClockForTests } from '../test/net/clocks.ts';

const port = 21100;
const body =
  '{"action":"get","node":{"key":"/message","value":"Hello zhenyuyaodidiao","modifiedIndex":13,"createdIndex":13}}\n';
const headers =
  'Content-Type: application/json\r\nX-Etcd-Cluster-Id: 7e27652122e8b2ae\r\nX-Etcd-Index: 13\r\nX-Raft-Index: 100\r\nX-Raft-Term: 2\r\n';
const wholeAnswer = `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

function countingAnswer(bytes: Buffer, length: number): string {
  const text = bytes.toString('latin1', 0, length);
  let requests = 0;
  for (let at = text.indexOf('\r\n\r\n'); at !== -1; at = text.indexOf('\r\n\r\n', at + 4)) requests++;
  return requests === 1 ? wholeAnswer : wholeAnswer.repeat(requests);
}

const servers: Record<string, () => void> = {
  data() {
    createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => socket.write(countingAnswer(bytes, bytes.length), 'latin1'));
    }).listen(port, '127.0.0.1');
  },
  onread() {
    const server: Server = createServer();
    server.listen(port, '127.0.0.1', () => {
      const handle = (
        server as unknown as { _handle: { onconnection: (error: number, handle: object) => void } }
      )._handle;
      const buffer = Buffer.allocUnsafe(65536);
      handle.onconnection = (_error, accepted) => {
        const options = {
          handle: accepted,
          onread: {
            buffer,
            callback: (count: number) => {
              socket.write(countingAnswer(buffer, count), 'latin1');
              return true;
            },
          },
        };
        const socket: Socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.resume();
      };
    });
  },
  ours: () => void serveOurs(true),
  'ours-documented': () => void serveOurs(false),
  node() {
    createHttpServer((request, response) => {
      request.resume();
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'X-Etcd-Index': '13',
        'Content-Length': body.length,
      });
      response.end(body);
    }).listen(port, '127.0.0.1');
  },
};

function serveOurs(rawAccept: boolean): Promise<unknown> {
  return listen({
    host: '127.0.0.1',
    port,
    log: silentLog,
    clock: systemClockForTests,
    rawAccept,
    handler(exchange) {
      if (exchange.method === 'GET') {
        if (exchange.header('content-type') === 'x') throw new Error('never sent');
        exchange.send(200, headers, body);
      } else {
        exchange.readBody(1 << 20, () => exchange.send(200, headers, body));
      }
    },
  });
}

async function measure(name: string, requests: number, load: readonly string[]): Promise<string> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(import.meta.url), '--serve', name],
    { stdio: 'ignore' },
  );
  try {
    for (let tries = 0; tries < 100 && !(await answers()); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const url = `http://127.0.0.1:${port}/v2/keys/message?quorum=false`;
    const run = (count: number) =>
      spawnSync('h2load', ['--h1', '-n', String(count), '-c', '64', '-t', '1', ...load, url], {
        encoding: 'utf8',
      }).stdout;
    run(20_000);
    const before = cpuMs(child.pid!);
    const printed = run(requests);
    const perRequestUs = ((cpuMs(child.pid!) - before) * 1000) / requests;
    const failed = /(\d+) failed/.exec(printed)?.[1];
    return `${/([\d.]+) req\/s/.exec(printed)?.[1]} req/s, ${perRequestUs.toFixed(1)} us of CPU per request, ${failed} failed`;
  } finally {
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

/** User and system time of a process (Linux, 10 ms ticks): steadier than the rate on a machine that does other things. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket();
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
    socket.connect(port, '127.0.0.1');
  });
}

const [first, second] = process.argv.slice(2);
if (first === '--serve') {
  servers[second!]!();
} else {
  const requests = Number(first ?? 150_000);
  const names = second === undefined ? Object.keys(servers) : second.split(',');
  for (const name of names) console.log(`GET  ${name.padEnd(16)} ${await measure(name, requests, [])}`);
}
