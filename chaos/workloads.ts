/** What a round runs, by the API it uses. A workload for another one is one more row. */

import { ExpiringKeys } from './v2/expiring-keys.ts';
import { Registers } from './v2/registers.ts';
import { KvWorkload } from './v3/kv-workload.ts';
import type { NewWorkload } from './workload.ts';

export const workloads: Readonly<Record<'v2' | 'v3', readonly NewWorkload[]>> = {
  v2: [(context) => new Registers(context), (context) => new ExpiringKeys(context)],
  v3: [(context) => new KvWorkload(context)],
};
