/** The client handler over a fake server, and one-line ways to ask it. */
import { type ClientHandlerOptions, clientHandler } from '../../../src/api/client-handler.ts';
import type { LogLevel } from '../../../src/api/ops/log-level.ts';
import { createMetrics, type Metrics, observeServer } from '../../../src/api/ops/metrics.ts';
import type { HttpHandler } from '../../../src/net/http-exchange.ts';
import { HandClock } from '../../net/clocks.ts';
import { ask, type FakeExchange } from './fake-exchange.ts';
import { FakeServer } from './fake-server.ts';

export interface Api {
  readonly server: FakeServer;
  readonly metrics: Metrics;
  readonly handler: HttpHandler;
  readonly logLevels: LogLevel[];
  /** Runs what was put off to the end of the turn; false if there was nothing. */
  runDeferred(): boolean;
  /** `request`: 'METHOD TARGET', the method GET if there is none; a body is a form unless `contentType` says else. */
  ask(request: string, body?: string | Uint8Array, contentType?: string): FakeExchange;
}

export function createApi(options: Partial<ClientHandlerOptions> = {}): Api {
  const server = new FakeServer();
  const metrics = createMetrics();
  observeServer(metrics, server);
  const logLevels: LogLevel[] = [];
  const deferred: (() => void)[] = [];
  let clockMs = 0;
  const handler = clientHandler(server, {
    metrics,
    processFacts: {
      commandLine: ['quorate', '--name=a'],
      fileDescriptorLimit: () => 1024,
      memoryUsage: () => ({ rss: 3000, heapTotal: 2000, heapUsed: 1500 }),
    },
    monotonicMs: () => clockMs++,
    defer: (callback) => deferred.push(callback),
    setLogLevel: (level) => logLevels.push(level),
    gateway: { methods: new Map(), clock: new HandClock() },
    ...options,
  });
  return {
    server,
    metrics,
    handler,
    logLevels,
    runDeferred() {
      const callback = deferred.shift();
      callback?.();
      return callback !== undefined;
    },
    ask(request, body, contentType) {
      const space = request.indexOf(' ');
      return ask(handler, {
        method: space < 0 ? 'GET' : request.slice(0, space),
        target: request.slice(space + 1),
        ...(body === undefined ? {} : { body }),
        ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
      });
    },
  };
}

/** 'STATUS BODY' of an answer, the line end left off. */
export function told(exchange: FakeExchange): string {
  return `${exchange.status} ${exchange.answerBody.trimEnd()}`;
}
