import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { watchEventLoop } from '../../src/platform/event-loop-hold.ts';

test('the longest hold is that of the longest turn, less at most one tick of the watch', async (t) => {
  const watch = watchEventLoop();
  t.after(() => watch.stop());
  const begunMs = performance.now();
  await after(30);
  let heldMs = 0;
  for (const wantedMs of [5, 60, 20]) {
    const heldFromMs = performance.now();
    while (performance.now() - heldFromMs < wantedMs);
    heldMs = Math.max(heldMs, performance.now() - heldFromMs);
    await after(25);
  }
  const toldMs = watch.longestHoldSeconds() * 1000;
  assert.ok(toldMs >= heldMs - 10.1, `${toldMs} ms told, ${heldMs} ms held`);
  assert.ok(toldMs <= performance.now() - begunMs, `${toldMs} ms told of a shorter run`);
});
