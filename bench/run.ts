/**
 * `npm run bench`: real etcd and Quorate by turns on this machine, and a table of ratios; above 1 Quorate is the better one.
 *
 *     npm run bench -- [--quick] [--reference PATH] [--only WORD]
 *
 * --quick         one short round of each (a few minutes; the whole takes about twenty)
 * --reference     the etcd to compare with; else $ETCD_REFERENCE, else .cache/etcd-3.5/usr/bin/etcd, else `etcd` on the PATH
 * --only          the parts whose name contains the word: single, three, growth; v3-load, v3-three, v3-million, v3-watches, v3-leases, v3-busy-disk
 *
 * Both run with their defaults and data on the real disk below .cache/bench. Rounds go A B A B, figures are medians, so that what
 * else the machine does meets both alike; the ratios carry over to other machines, the figures do not.
 */

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../test/support/command.ts';
import { needs } from '../test/support/needs.ts';
import { checkout, type Program } from '../test/support/program.ts';
import { growth, single, three } from './parts/v2.ts';
import { v3BusyDisk } from './parts/v3-busy-disk.ts';
import { v3Leases } from './parts/v3-leases.ts';
import { v3Load, v3Three } from './parts/v3-load.ts';
import { v3Million } from './parts/v3-million.ts';
import { v3Watches } from './parts/v3-watches.ts';
import { benchRoot } from './support/bench-folder.ts';
import { Comparison } from './support/comparison.ts';
import { renderTable } from './support/table.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    reference: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

const unpacked = join(checkout, '.cache', 'etcd-3.5', 'usr', 'bin', 'etcd');
const reference: Program = {
  name: 'etcd',
  command: options.reference ?? process.env['ETCD_REFERENCE'] ?? (existsSync(unpacked) ? unpacked : 'etcd'),
  extraFlags: ['--enable-v2'],
};
const quorate: Program = { name: 'quorate', command: join(checkout, 'bin', 'quorate'), extraFlags: [] };

const bench = new Comparison([reference, quorate], options.quick);
const missing = needs('h2load', reference.command, 'quorate');
if (missing !== false) {
  bench.say(`the benchmark ${missing}`);
  process.exit(1);
}
const version = (await command([reference.command, '--version']))
  .split('\n')[0]!
  .replace(/etcd Version: /i, 'etcd ');
bench.say(`${version} (${reference.command}) and Quorate; ${cpus().length} CPUs; data in ${benchRoot}`);
const parts: Readonly<Record<string, (bench: Comparison) => Promise<void>>> = {
  single,
  three,
  growth,
  'v3-load': v3Load,
  'v3-three': v3Three,
  'v3-million': v3Million,
  'v3-watches': v3Watches,
  'v3-leases': v3Leases,
  'v3-busy-disk': v3BusyDisk,
};
for (const [name, part] of Object.entries(parts)) if (name.includes(options.only)) await part(bench);
console.log(renderTable(bench.rows, version));
for (const note of bench.notes) console.log(note);
