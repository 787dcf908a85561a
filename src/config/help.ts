/** The texts of `--help`, made from the flag table. */

import type { FlagSpec } from './flag-spec.ts';
import { flagGroups } from './flags.ts';

export const usageText = `Usage:

  quorate [flags]
    Start a member. Every flag can also be given as a variable: --initial-cluster as ETCD_INITIAL_CLUSTER.

  quorate --config-file PATH
    Start a member from a YAML file; all other flags and variables are ignored.

  quorate --version
    Print the version.

  quorate -h | --help
    Print all flags.
`;

export function helpText(): string {
  const parts = [usageText];
  const unbuilt: string[] = [];
  for (const group of flagGroups) {
    const flags: readonly FlagSpec[] = group.flags;
    unbuilt.push(...flags.filter((flag) => flag.needs !== undefined).map((flag) => flag.name));
    const lines = flags.filter(isOffered).map(helpEntry);
    if (lines.length > 0) parts.push(`${group.section}:\n${lines.join('')}`);
  }
  parts.push(`Known from etcd and not built yet (only their defaults are accepted):\n${wrapped(unbuilt)}`);
  return parts.join('\n');
}

/** True for flags worth showing: built, and neither obsolete nor deprecated. */
export function isOffered(flag: FlagSpec): boolean {
  return flag.needs === undefined && flag.obsolete === undefined && flag.deprecated === undefined;
}

function helpEntry(flag: FlagSpec): string {
  return `  --${flag.name} '${shownDefault(flag)}'\n    ${flag.doc}\n`;
}

/** The default as users meet it. */
export function shownDefault(flag: FlagSpec): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: etcd's way to show it
  return flag.name === 'data-dir' ? '${name}.etcd' : flag.default;
}

function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  let line = ' ';
  for (const name of names) {
    if (line.length + name.length > 108) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${name}`;
  }
  return `${[...lines, line].join('\n')}\n`;
}
