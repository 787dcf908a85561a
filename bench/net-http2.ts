/**
 * What a gRPC call costs in the connection module alone: h2load (nghttp2-client) against a constant unary answer, next to the same
 * over node:http2.
 *
 *   node --import tsx bench/net-http2.ts [calls per run] [ours,tls-less names,...]
 *
 * ours    src/net: the real API, a PutResponse of 27 bytes
 * large   src/net: a RangeResponse of 16 KiB
 * node    node:http2 with its core stream API
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import { Socket } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GrpcMethod } from '../src/net/grpc-call.ts';
import { listen } from '../src/net/listener.ts';
import { silentLog } from '../src/ports/log.ts';
import { systemClockForTests } from '../test/net/clocks.ts';

const port = 22400;
const path = '/etcdserverpb.KV/Put';
/** A put of an 8-byte key and a 256-byte value, and its answer: cluster id, member id, revision, raft term. */
const request = Buffer.concat([
  Buffer.from([10, 8]),
  Buffer.alloc(8, 'k'),
  Buffer.from([18, 128, 2]),
  Buffer.alloc(256, 'v'),
]);
const putResponse = Buffer.from('0a1908b2eee6b5c8d7a5e80610b2eee6b5c8d7a5e80618f8ac682002', 'hex');
const rangeResponse = Buffer.alloc(16_000, 'r');

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const servers: Readonly<Record<string, () => void>> = {
  ours: () => serveOurs(putResponse),
  large: () => serveOurs(rangeResponse),
  node() {
    const answer = framed(putResponse);
    const server = createServer();
    server.on('stream', (stream) => {
      stream.resume();
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(answer);
      });
    });
    server.listen(port, '127.0.0.1');
  },
};

function serveOurs(answer: Uint8Array): void {
  const put: GrpcMethod = { kind: 'unary', handle: (call) => call.respond(answer) };
  void listen({
    host: '127.0.0.1',
    port,
    handler: (exchange) => exchange.send(200, '', ''),
    grpc: new Map([[path, put]]),
    log: silentLog,
    clock: systemClockForTests,
  });
}

async function measure(name: string, calls: number, clients: number, streams: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'net-http2-'));
  const body = join(folder, 'request');
  writeFileSync(body, framed(request));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(import.meta.url), '--serve', name],
    { stdio: 'inherit' },
  );
  try {
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 50));
    const run = (count: number) =>
      spawnSync(
        'h2load',
        [
          ...['-n', `${count}`, '-c', `${clients}`, '-m', `${streams}`, '-t', '1', '-d', body],
          ...[
            '-H',
            'content-type: application/grpc',
            '-H',
            'te: trailers',
            `http://127.0.0.1:${port}${path}`,
          ],
        ],
        { encoding: 'utf8' },
      ).stdout;
    run(Math.min(calls, 30_000));
    const before = cpuMs(child.pid!);
    const printed = run(calls);
    const perCallUs = ((cpuMs(child.pid!) - before) * 1000) / calls;
    const failed = /(\d+) failed/.exec(printed)?.[1];
    const rate = Math.round(Number(/([\d.]+) req\/s/.exec(printed)?.[1]));
    return `${rate} calls/s, ${perCallUs.toFixed(1)} us of CPU each, ${failed} failed`;
  } finally {
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
    rmSync(folder, { recursive: true });
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
  const calls = Number(first ?? 200_000);
  const names = second === undefined ? Object.keys(servers) : second.split(',');
  for (const name of names) {
    for (const [clients, streams] of [
      [50, 20],
      [10, 10],
      [1, 1],
    ] as const) {
      const count = clients === 1 ? calls / 10 : name === 'ours' ? calls : calls / 4;
      const result = await measure(name, count, clients, streams);
      console.log(
        `${name.padEnd(6)} ${`${clients} x ${streams}`.padEnd(8)} ${result} (load ${loadavg()[0]!.toFixed(1)})`,
      );
    }
  }
}
