/** etcd's counters of the v2 tree, and their JSON. */

import type { V2StoreStats } from './types.ts';

/** In the order etcd writes them. */
const statNames: readonly (keyof V2StoreStats)[] = [
  'getsSuccess',
  'getsFail',
  'setsSuccess',
  'setsFail',
  'deleteSuccess',
  'deleteFail',
  'updateSuccess',
  'updateFail',
  'createSuccess',
  'createFail',
  'compareAndSwapSuccess',
  'compareAndSwapFail',
  'compareAndDeleteSuccess',
  'compareAndDeleteFail',
  'expireCount',
  'watchers',
];

export function emptyStats(): V2StoreStats {
  return {
    getsSuccess: 0,
    getsFail: 0,
    setsSuccess: 0,
    setsFail: 0,
    deleteSuccess: 0,
    deleteFail: 0,
    updateSuccess: 0,
    updateFail: 0,
    createSuccess: 0,
    createFail: 0,
    compareAndSwapSuccess: 0,
    compareAndSwapFail: 0,
    compareAndDeleteSuccess: 0,
    compareAndDeleteFail: 0,
    expireCount: 0,
    watchers: 0,
  };
}

export function copyStats(stats: Readonly<V2StoreStats>): V2StoreStats {
  return { ...stats };
}

/** The body of /v2/stats/store; no newline at the end, as etcd. */
export function encodeStoreStats(stats: Readonly<V2StoreStats>): string {
  return `{${statNames.map((name) => `"${name}":${stats[name]}`).join(',')}}`;
}
