/**
 * The faults, as a table: a name, how often it is drawn, what it does from its beginning to its end. A fault undoes itself, except that
 * processes it leaves stopped are started by whoever waits for the cluster.
 */

import type { Fault } from './fault.ts';
import { clockChange, fullDisk, replace, slowDisk } from './machine.ts';
import { bridge, isolate, lateAnswers, lateAppends, oneWay, resets, slowLinks } from './network.ts';
import { killAll, killOne, standStill, wakeUpAlone } from './processes.ts';

export const faults: readonly Fault[] = [
  { name: 'kill', weight: 5, run: killOne },
  { name: 'kill all', weight: 1, isAlone: true, run: killAll },
  { name: 'stand still', weight: 3, run: standStill },
  { name: 'wake up alone', weight: 3, run: wakeUpAlone },
  { name: 'isolate', weight: 4, run: isolate },
  { name: 'one way', weight: 2, run: oneWay },
  { name: 'bridge', weight: 2, run: bridge },
  { name: 'resets', weight: 1, run: resets },
  { name: 'slow links', weight: 2, run: slowLinks },
  { name: 'late appends', weight: 3, run: lateAppends },
  { name: 'late answers', weight: 3, isAlone: true, run: lateAnswers },
  { name: 'full disk', weight: 2, run: fullDisk },
  { name: 'slow disk', weight: 2, run: slowDisk },
  { name: 'clock', weight: 2, run: clockChange },
  { name: 'replace', weight: 2, isAlone: true, run: replace },
];
