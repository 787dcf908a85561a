/** h2load as the load: HTTP/1.1 or gRPC over HTTP/2, one thread, a fixed time, latencies from its log. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../../test/support/command.ts';
import { benchFolder } from './bench-folder.ts';

export interface Load {
  readonly port: number;
  /** E.g. '/v2/keys/key00001'. */
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Makes it a PUT of this form; without, a GET. */
  readonly form?: string;
  /** Makes it a unary gRPC call with this message. */
  readonly message?: Uint8Array;
  /** Calls under way on each connection; 1 unless told. */
  readonly streams?: number;
}

const folder = benchFolder('load');
let loads = 0;

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @throws when a request failed or was answered with anything but 2xx. */
export async function h2load(load: Load): Promise<LoadResult> {
  const name = `h2load-${++loads}`;
  const log = join(folder, `${name}.log`);
  const body = join(folder, `${name}.body`);
  rmSync(log, { force: true });
  const words = ['h2load', '-t', '1', '-c', String(load.connections), '-D', String(load.seconds)];
  words.push('--log-file', log);
  if (load.message === undefined) words.push('--h1');
  else {
    writeFileSync(body, grpcFrame(load.message));
    words.push('-m', String(load.streams ?? 1), '-d', body);
    words.push('-H', 'content-type: application/grpc', '-H', 'te: trailers');
  }
  if (load.form !== undefined) {
    writeFileSync(body, load.form);
    words.push('-d', body, '-H', ':method: PUT', '-H', 'content-type: application/x-www-form-urlencoded');
  }
  words.push(`http://127.0.0.1:${load.port}${load.path}`);
  const printed = await command(words, { timeoutMs: (load.seconds + 60) * 1000 });
  const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(printed)?.[1];
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(printed);
  if (rate === undefined || counts === null || Number(counts[2]) + Number(counts[3]) > 0) {
    throw new Error(`h2load failed:\n${printed}`);
  }
  // A line a request: start in microseconds, status, microseconds it took.
  const lines = readFileSync(log, 'latin1').split('\n');
  const took = new Float64Array(lines.length - 1);
  for (let i = 0; i < took.length; i++) took[i] = Number(lines[i]!.slice(lines[i]!.lastIndexOf('\t') + 1));
  took.sort();
  return {
    requests: Number(counts[1]),
    requestsPerSecond: Number(rate),
    p50Ms: (took[Math.floor(took.length * 0.5)] ?? 0) / 1000,
    p99Ms: (took[Math.floor(took.length * 0.99)] ?? 0) / 1000,
  };
}

/** gRPC's five bytes before a message: not compressed, and its length. */
function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
