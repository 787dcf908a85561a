/** The etcd 3.5 that ETCD_REFERENCE_35 names, for tests of v3 that take members of both lines. */

import { needs } from '../support/needs.ts';
import type { Program } from '../support/program.ts';

const path = process.env['ETCD_REFERENCE_35'];

export const etcd35: Program = { name: 'etcd 3.5', command: path ?? '', extraFlags: ['--enable-v2'] };

/** As `needs`, with an etcd 3.5 besides. */
export function needsEtcd35(...wanted: readonly string[]): string | false {
  return path === undefined ? 'needs ETCD_REFERENCE_35, the path of an etcd 3.5' : needs(path, ...wanted);
}
