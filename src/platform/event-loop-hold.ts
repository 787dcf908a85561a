/** How long one turn held the event loop at most: everybody's heartbeats and answers waited that long. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Of the native timer that measures: a hundred wake-ups a second, which cost nothing that can be measured and run no JavaScript. */
const RESOLUTION_MS = 10;

export interface EventLoopWatch {
  /** The longest hold since the watch began: at most the true one, and at most 10 ms less, since it may begin anywhere between two ticks. */
  longestHoldSeconds(): number;
  stop(): void;
}

export function watchEventLoop(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    // The histogram holds the time between two ticks, in nanoseconds.
    longestHoldSeconds: () => Math.max(0, histogram.max / 1e9 - RESOLUTION_MS / 1e3),
    stop: () => {
      histogram.disable();
    },
  };
}
