/**
 * Both sides of keeping a connection alive, by the rules of gRPC's servers: the client may not ping too often, and is pinged itself
 * after a long silence.
 */

/** Times in milliseconds. */
export interface KeepaliveOptions {
  /** A client that pings more often than this, three times, is told to go (etcd's --grpc-keepalive-min-time); 0: it may. */
  readonly minTimeMs: number;
  /** After this long a silence the client is pinged (--grpc-keepalive-interval); 0: never. */
  readonly intervalMs: number;
  /** Then it has this long to show any sign of life (--grpc-keepalive-timeout). */
  readonly timeoutMs: number;
}

export const defaultKeepalive: KeepaliveOptions = {
  minTimeMs: 5_000,
  intervalMs: 7_200_000,
  timeoutMs: 20_000,
};

/** Pings too early that are overlooked. */
const strikesMax = 2;
/** Shortest time between pings on a connection without streams. */
const idleMinTimeMs = 7_200_000;

export class Keepalive {
  private readonly options: KeepaliveOptions;
  private lastPingMs = Number.NEGATIVE_INFINITY;
  private strikes = 0;
  private lastInputMs: number;
  private pingedMs = -1;

  constructor(options: KeepaliveOptions, nowMs: number) {
    this.options = options;
    this.lastInputMs = nowMs;
  }

  /** @param nowMs of the coarse clock */
  input(nowMs: number): void {
    this.lastInputMs = nowMs;
    this.pingedMs = -1;
  }

  /**
   * The client pings. False: once too often.
   * @param afterOutput an answer went out since its last ping, which forgives everything: clients measure the line so
   */
  pinged(nowMs: number, hasStreams: boolean, afterOutput: boolean): boolean {
    if (this.options.minTimeMs === 0) return true;
    if (afterOutput) {
      this.strikes = 0;
    } else if (nowMs - this.lastPingMs < (hasStreams ? this.options.minTimeMs : idleMinTimeMs)) {
      this.strikes++;
    }
    this.lastPingMs = nowMs;
    return this.strikes <= strikesMax;
  }

  /** What is due now. */
  sweep(nowMs: number): 'nothing' | 'ping' | 'dead' {
    const { intervalMs, timeoutMs } = this.options;
    if (intervalMs === 0 || timeoutMs === 0) return 'nothing';
    if (this.pingedMs !== -1) return nowMs - this.pingedMs >= timeoutMs ? 'dead' : 'nothing';
    if (nowMs - this.lastInputMs < intervalMs) return 'nothing';
    this.pingedMs = nowMs;
    return 'ping';
  }
}
