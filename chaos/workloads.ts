/** What every round runs. A workload for another API of the servers is one more row. */

import { ExpiringKeys } from './v2/expiring-keys.ts';
import { Registers } from './v2/registers.ts';
import type { NewWorkload } from './workload.ts';

export const workloads: readonly NewWorkload[] = [
  (context) => new Registers(context),
  (context) => new ExpiringKeys(context),
];
