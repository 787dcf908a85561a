/**
 * Asks a peer for its health and its clock every few seconds: GET /raft/probing answers
 * {"OK":true,"Now":"2024-01-02T03:04:05.678901234Z"}. Feeds the round-trip time metric and warns when clocks differ by more
 * than a second or the peer does not answer. Reachability itself is the streams' business (PeerStatus).
 */
import type { ClientRequest } from 'node:http';
import type { Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { readText } from './outgoing-http.ts';
import type { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import type { UrlPicker } from './url-picker.ts';

/** Weight of the newest round trip in the smoothed one. */
const SMOOTHING = 0.125;
const CLOCK_DIFFERENCE_MS = 1000;
/** Between two looks at the results: soon again while the peer is unhealthy. */
const UNHEALTHY_REPORT_MS = 5000;
const HEALTHY_REPORT_MS = 30_000;
const ANSWER_BYTES = 4096;

export interface ProbedPeer {
  readonly picker: UrlPicker;
  readonly counters: PeerCounters;
}

export class Prober {
  readonly #environment: PeerEnvironment;
  readonly #peer: ProbedPeer;
  readonly #log: Log;
  readonly #intervalMs: number;
  #timer: Timer | undefined;
  #request: ClientRequest | undefined;
  #nextReportMs: number;
  #healthy = false;
  #failure = 'no answer yet';
  #roundTripMs = 0;
  #clockDifferenceMs = 0;

  constructor(environment: PeerEnvironment, peer: ProbedPeer, log: Log) {
    this.#environment = environment;
    this.#peer = peer;
    this.#log = log;
    // Below the read timeout, so that the connection is kept between two probes.
    this.#intervalMs = Math.max(100, environment.limits.readTimeoutMs - 1000);
    this.#nextReportMs = environment.clock.monotonicMs() + UNHEALTHY_REPORT_MS;
  }

  /** Smoothed, in milliseconds; 0 before the first answer. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** How far our clock is ahead of the peer's, in milliseconds. */
  get clockDifferenceMs(): number {
    return this.#clockDifferenceMs;
  }

  start(): void {
    this.#timer = this.#environment.clock.schedule(this.#intervalMs, () => {
      this.#probe();
      this.#report();
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#request?.destroy();
  }

  #probe(): void {
    const { clock, http, limits } = this.#environment;
    if (this.#request !== undefined) return;
    const sentAtMs = clock.monotonicMs();
    const request = http.open({
      method: 'GET',
      url: this.#peer.picker.url,
      path: '/raft/probing',
      headers: {},
      dialTimeoutMs: limits.dialTimeoutMs,
      silenceTimeoutMs: limits.readTimeoutMs,
    });
    this.#request = request;
    const settle = (failure: string | undefined): void => {
      if (this.#request !== request) return;
      this.#request = undefined;
      this.#healthy = failure === undefined;
      this.#failure = failure ?? '';
    };
    request.on('error', (error) => settle(error.message));
    request.on('response', (response) => {
      readText(response, ANSWER_BYTES, (text) => {
        const peerTimeMs = text === undefined ? undefined : parseHealth(text);
        if (peerTimeMs === undefined) {
          settle(`unhealthy answer with status ${response.statusCode}`);
          return;
        }
        const tripMs = clock.monotonicMs() - sentAtMs;
        this.#roundTripMs = (1 - SMOOTHING) * this.#roundTripMs + SMOOTHING * tripMs;
        this.#clockDifferenceMs = clock.wallTimeMs() - peerTimeMs - tripMs / 2;
        settle(undefined);
      });
    });
    request.end();
  }

  #report(): void {
    const nowMs = this.#environment.clock.monotonicMs();
    if (nowMs < this.#nextReportMs) return;
    this.#nextReportMs = nowMs + (this.#healthy ? HEALTHY_REPORT_MS : UNHEALTHY_REPORT_MS);
    if (!this.#healthy) {
      this.#log.warn('prober detected unhealthy status', {
        'rtt-ms': this.#roundTripMs,
        error: this.#failure,
      });
    }
    if (Math.abs(this.#clockDifferenceMs) > CLOCK_DIFFERENCE_MS) {
      this.#log.warn('prober found high clock drift', {
        'clock-drift-ms': this.#clockDifferenceMs,
        'rtt-ms': this.#roundTripMs,
      });
    }
    this.#peer.counters.roundTripSeconds.observe(this.#roundTripMs / 1000);
  }
}

/** The peer's wall time in milliseconds, undefined unless it says it is well. */
export function parseHealth(text: string): number | undefined {
  try {
    const health = JSON.parse(text) as { readonly OK?: unknown; readonly Now?: unknown } | null;
    if (health?.OK !== true || typeof health.Now !== 'string') return undefined;
    const timeMs = Date.parse(health.Now);
    return Number.isNaN(timeMs) ? undefined : timeMs;
  } catch {
    return undefined;
  }
}
