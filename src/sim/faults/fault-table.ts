import { BACKEND_FAULTS } from './backend-faults.ts';
import { CLIENT_FAULTS } from './client-faults.ts';
import { CLUSTER_FAULTS } from './cluster-faults.ts';
import { DISK_FAULTS } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import { LEADER_FAULTS } from './leader-faults.ts';
import { NETWORK_FAULTS } from './network-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';

/** All kinds of faults. A row added is a fault added. The order is part of what a seed means. */
export const FAULTS: readonly Fault[] = [
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...PROCESS_FAULTS,
  ...CLUSTER_FAULTS,
  ...CLIENT_FAULTS,
  ...BACKEND_FAULTS,
  ...LEADER_FAULTS,
];
