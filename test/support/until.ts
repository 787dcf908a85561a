/**
 * Waiting for the state of another process, which tells nobody when it changes: ask again until it holds, with a bound.
 * Where there is an event (a log line, an exit, response headers), wait for that instead.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { WAIT_MS_MAX } from './wait-bound.ts';

/**
 * Asks every 50 ms until the answer is not undefined and not false.
 * @throws naming `what` and the last failure after `boundMs`.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  boundMs = WAIT_MS_MAX,
): Promise<T> {
  const deadline = performance.now() + boundMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${boundMs} ms: ${what}`, failure === undefined ? {} : { cause: failure });
    }
    await pause(50);
  }
}
