/** The README's flag reference in Markdown, made from the flag table. */

import { type FlagSpec, fileKeyOf, variableOf } from './flag-spec.ts';
import { flagGroups } from './flags.ts';
import { isOffered, shownDefault } from './help.ts';

export function flagReference(): string {
  const parts: string[] = [];
  for (const group of flagGroups) {
    const flags: readonly FlagSpec[] = group.flags;
    const offered = flags.filter(isOffered);
    if (offered.length === 0) continue;
    parts.push(
      `#### ${group.section}`,
      '',
      '| flag | default | meaning |',
      '|---|---|---|',
      ...offered.map(row),
      '',
    );
  }

  const elsewhere = allFlags().filter(
    (flag) => isOffered(flag) && (fileKeyOf(flag) ?? flag.name) !== flag.name,
  );
  parts.push(
    '#### Names in variables and in the configuration file',
    '',
    `A flag's variable is its name in capitals with \`ETCD_\` before it: \`--initial-cluster\` is \`${variableOf('initial-cluster')}\`.`,
    'Its key in the configuration file is its name, but for these:',
    '',
    '| flag | key in the file |',
    '|---|---|',
    ...elsewhere.map((flag) => `| \`--${flag.name}\` | \`${fileKeyOf(flag)}\` |`),
    '',
    '#### Old names that still work',
    '',
    '| flag | today |',
    '|---|---|',
    ...allFlags()
      .filter((flag) => flag.deprecated !== undefined)
      .map((flag) => `| \`--${flag.name}\` | ${flag.deprecated} |`),
    '',
    '#### Known, and not built yet',
    '',
    'These flags of etcd are accepted at their defaults; any other value is refused with a sentence that names what is missing.',
    '',
    allFlags()
      .filter((flag) => flag.needs !== undefined)
      .map((flag) => `\`--${flag.name}\``)
      .join(', '),
    '',
  );
  return parts.join('\n');
}

function allFlags(): readonly FlagSpec[] {
  return flagGroups.flatMap((group): readonly FlagSpec[] => group.flags);
}

function row(flag: FlagSpec): string {
  const shown = shownDefault(flag);
  return `| \`--${flag.name}\` | ${shown === '' ? '' : `\`${shown}\``} | ${flag.doc.replaceAll('|', '\\|').replaceAll('<', '&lt;')} |`;
}
