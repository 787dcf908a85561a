/**
 * What a request costs in the v2 adapter: parsing, the store, rendering; no sockets, no raft.
 *
 *   node --import tsx bench/api-v2.ts [requests]        (with --cpu-prof before the path for a profile)
 */
import { clientHandler } from '../src/api/client-handler.ts';
import { createMetrics } from '../src/api/ops/metrics.ts';
import type { HttpExchange, HttpStream } from '../src/net/http-exchange.ts';
import type { QuorateServer, Submitted } from '../src/server/contract.ts';
import type { V2Outcome } from '../src/store/v2/types.ts';
import { createV2Store } from '../src/store/v2/v2-store.ts';
import type { V2Request } from '../src/wire/v2-request.ts';

const requests = Number(process.argv[2] ?? 300_000);
const FORM = 'application/x-www-form-urlencoded';
const NEVER = { expireTimeNs: undefined, refresh: false };
const KEYS = 1000;

/** Reused for all requests, so that only the adapter's own work is measured. */
class BenchExchange implements HttpExchange {
  method = 'GET';
  path = '/';
  query = '';
  body: Uint8Array = new Uint8Array(0);
  readonly httpVersion = '1.1';
  readonly remoteAddress = '';
  readonly secure = false;
  readonly clientCertificate = undefined;
  readonly closed = false;
  answeredBytes = 0;

  header(name: string): string | undefined {
    return name === 'content-type' ? FORM : undefined;
  }
  readBody(_limitBytes: number, callback: (body: Uint8Array) => void): void {
    callback(this.body);
  }
  streamBody(): void {}
  resumeBody(): void {}
  onClose(): void {}
  send(status: number, headers: string, body: string | Uint8Array): void {
    if (status >= 400) throw new Error(`${status} ${String(body)}`);
    this.answeredBytes += headers.length + body.length;
  }
  begin(): HttpStream {
    throw new Error('no stream expected');
  }
}

const store = createV2Store(['/0', '/1']);
let raftIndex = 1;

/** Takes each write at once; half of it is the store's own work, which `store only` shows. */
const server = {
  clusterId: 0x1c45a069f3a1d796n,
  memberId: 1n,
  get raftIndex() {
    return raftIndex;
  },
  raftTerm: 2,
  leaderId: 1n,
  store,
  nowNs: () => 1_767_323_045_006_007_008n,
  submitV2(request: V2Request, done: (outcome: Submitted<V2Outcome>) => void) {
    raftIndex++;
    done({ ok: true, value: store.set(request.path, request.dir, request.value, NEVER, server.nowNs()) });
  },
} as unknown as QuorateServer;

const handler = clientHandler(server, {
  metrics: createMetrics(),
  processFacts: {
    commandLine: [],
    fileDescriptorLimit: () => undefined,
    memoryUsage: () => process.memoryUsage(),
  },
  monotonicMs: () => performance.now(),
  defer: setImmediate,
  setLogLevel() {},
});

const exchange = new BenchExchange();
const paths = Array.from({ length: KEYS }, (_, i) => `/v2/keys/bench/key-${i}`);
const value = 'x'.repeat(64);
const plainForm = Buffer.from(`value=${value}`);
const ttlForm = Buffer.from(`value=${value}&ttl=1000&prevExist=true`);
const escapedForm = Buffer.from('value=%7B%22host%22%3A%2210.0.0.1%22%2C%22port%22%3A8080%7D+%E4%BD%A0');

function measure(name: string, run: (i: number) => void): void {
  for (let i = 0; i < requests / 10; i++) run(i);
  const start = performance.now();
  for (let i = 0; i < requests; i++) run(i);
  const us = ((performance.now() - start) * 1000) / requests;
  console.log(`${name.padEnd(36)} ${us.toFixed(2)} us`);
}

function request(method: string, path: string, query: string, body: Uint8Array): void {
  exchange.method = method;
  exchange.path = path;
  exchange.query = query;
  exchange.body = body;
  handler(exchange);
}

const none = new Uint8Array(0);
measure('PUT value=...', (i) => request('PUT', paths[i % KEYS] as string, '', plainForm));
measure('PUT, store only', (i) => store.set(`/1/bench/key-${i % KEYS}`, false, value, NEVER, server.nowNs()));
measure('GET', (i) => request('GET', paths[i % KEYS] as string, '', none));
measure('GET, store only', (i) => store.get(`/1/bench/key-${i % KEYS}`, false, false, server.nowNs()));
measure('GET ?quorum=false&recursive=true', (i) =>
  request('GET', paths[i % KEYS] as string, 'quorum=false&recursive=true', none),
);
measure('PUT value, ttl, prevExist', (i) => request('PUT', paths[i % KEYS] as string, '', ttlForm));
measure('PUT escaped value', (i) => request('PUT', paths[i % KEYS] as string, '', escapedForm));
