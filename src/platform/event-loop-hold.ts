/** How long one turn held the event loop at most: everybody's heartbeats and answers waited that long. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

/** Starts to watch; the returned function tells the longest hold so far in seconds. */
export function watchEventLoop(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram holds the time between two of its timers, in nanoseconds.
  return () => Math.max(0, histogram.max / 1e9 - RESOLUTION_MS / 1e3);
}
