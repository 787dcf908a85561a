/** Counts of /v2/keys requests by method: plain numbers on the hot path, read when metrics are asked for. */
import { exponentialBounds, Histogram } from '../../ports/histogram.ts';

export type KeyMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';

export interface MethodTraffic {
  /** Requests with good parameters, watches aside. */
  received: number;
  /** By HTTP status. */
  readonly failed: Map<number, number>;
  /** In seconds. */
  readonly durations: Histogram;
}

export class KeyTraffic {
  watchRequests = 0;
  readonly methods: Readonly<Record<KeyMethod, MethodTraffic>> = {
    GET: methodTraffic(),
    HEAD: methodTraffic(),
    PUT: methodTraffic(),
    POST: methodTraffic(),
    DELETE: methodTraffic(),
  };

  succeeded(method: KeyMethod, durationMs: number): void {
    const traffic = this.methods[method];
    traffic.received++;
    traffic.durations.observe(durationMs / 1000);
  }

  failed(method: KeyMethod, status: number): void {
    this.methods[method].received++;
    this.#countFailure(method, status);
  }

  watchFailed(status: number): void {
    this.#countFailure('GET', status);
  }

  #countFailure(method: KeyMethod, status: number): void {
    const { failed } = this.methods[method];
    failed.set(status, (failed.get(status) ?? 0) + 1);
  }
}

function methodTraffic(): MethodTraffic {
  return {
    received: 0,
    failed: new Map(),
    durations: new Histogram(exponentialBounds(0.0005, 13)),
  };
}
