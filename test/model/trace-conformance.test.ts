/** Simulated runs, with all their faults, are runs of the specification; QUORATE_FULL=1 holds more of them to it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runSimulation } from '../../src/sim/simulation.ts';
import type { Action } from './abstract-raft.ts';
import { TraceConformance } from './trace-conformance.ts';

const SEEDS = process.env['QUORATE_FULL'] === '1' ? 200 : 3;
const FIRST_SEED = 4_001;

describe('simulated runs', () => {
  it('take only steps that the specification of raft has', async (t) => {
    const steps = new Map<Action, number>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const conformance = new TraceConformance();
      const { outcome, failure } = await runSimulation(seed, { checkers: [conformance] });
      assert.equal(outcome, 'ok', `seed ${seed}: ${failure?.message}`);
      for (const [action, count] of conformance.raft.steps) {
        steps.set(action, (steps.get(action) ?? 0) + count);
      }
    }
    t.diagnostic([...steps].map(([action, count]) => `${action} ${count}`).join(', '));
    for (const action of [
      'Campaign',
      'Vote',
      'BecomeLeader',
      'Propose',
      'TakeAppend',
      'AdvanceCommit',
      'Restart',
    ]) {
      assert.ok((steps.get(action as Action) ?? 0) > 0, `no ${action}`);
    }
  });
});
