/**
 * The programs that whole-process tests run: real etcd and Quorate, which take the same flags.
 *
 * QUORATE_UNDER_TEST=etcd puts real etcd in Quorate's place: the tests themselves are tested that way.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly name: string;
  readonly command: string;
  /** Flags this program needs before it behaves like the others. */
  readonly extraFlags: readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The root of the checkout, with a trailing slash. */
export const checkout: string = root;

/** Real etcd 3.4 (Debian's etcd-server), or the one ETCD_REFERENCE names. */
export const etcd: Program = {
  name: 'etcd',
  command: process.env['ETCD_REFERENCE'] ?? 'etcd',
  extraFlags: ['--enable-v2'],
};

const quorate: Program = { name: 'quorate', command: `${root}bin/quorate`, extraFlags: [] };

/** True when `bin/quorate` can be started. */
export function isBuilt(): boolean {
  if (process.env['QUORATE_UNDER_TEST'] === 'etcd') return true;
  return existsSync(quorate.command) && existsSync(`${root}dist`);
}

/** Quorate, unless QUORATE_UNDER_TEST=etcd. */
export const underTest: Program =
  process.env['QUORATE_UNDER_TEST'] === 'etcd' ? { ...etcd, name: 'etcd in place of quorate' } : quorate;

/** True when real etcd stands in for Quorate: what only Quorate promises is not asserted then. */
export const isStandIn: boolean = process.env['QUORATE_UNDER_TEST'] === 'etcd';

/** True when the full length is asked for (QUORATE_FULL=1), not the short form of `npm test`. */
export const isFullLength: boolean = process.env['QUORATE_FULL'] === '1';
