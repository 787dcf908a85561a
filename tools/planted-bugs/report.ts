/** The table of a whole hunt as a document. */
import type { Hunt } from './hunt.ts';
import type { PlantedBug } from './table.ts';
import { type UnplantedChange, unplantedChanges } from './unplanted.ts';

const LOOKERS: Readonly<Record<PlantedBug['finder'], string>> = {
  server: 'the simulator',
  'small-server': 'random clusters of servers',
  raft: 'random clusters of the core',
};

/** Markdown. `clean`: the unchanged code over the same seeds. */
export function report(hunts: readonly Hunt[], clean: readonly Hunt[]): string {
  const found = hunts.filter(({ finding }) => finding.found !== undefined);
  const notes = hunts.flatMap(({ bug }) =>
    bug?.note === undefined ? [] : [`- \`${bug.name}\`: ${bug.note}.`],
  );
  return `${[
    '# Planted bugs',
    '',
    'Each is one change of the real code, made while it is loaded; then seeds are run from 1 on until a checker objects. Seeds and',
    'seconds of computing tell how long that took. Written by `npm run planted -- --write docs/PLANTED.md`; do not edit.',
    '',
    `${found.length} of ${hunts.length} are found.`,
    '',
    '| bug | in | looked for by | seeds | s | found by |',
    '|---|---|---|---:|---:|---|',
    ...hunts.map(row),
    '',
    'The unchanged code over as many seeds as the longest of these hunts took:',
    '',
    '| looked for by | seeds | s | found |',
    '|---|---:|---:|---|',
    ...clean.map(
      ({ finder, finding }) =>
        `| ${LOOKERS[finder]} | ${finding.seeds} | ${finding.seconds.toFixed(1)} | ${foundText(finding)} |`,
    ),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    '',
    'Not in the table, since something else makes them harmless, and no run could find them:',
    '',
    ...unplanted('harmless'),
    '',
    'Not in the table, since no hunt has met what it takes to show them; holes of the simulator that are known:',
    '',
    ...unplanted('too rare'),
  ].join('\n')}\n`;
}

function unplanted(kind: UnplantedChange['kind']): string[] {
  return unplantedChanges
    .filter((change) => change.kind === kind)
    .map(({ name, file, why }) => `- \`${name}\` (\`${file}\`): ${why}.`);
}

function row({ bug, finder, finding }: Hunt): string {
  const { seeds, seconds } = finding;
  return `| \`${bug?.name}\` | \`${bug?.file}\` | ${LOOKERS[finder]} | ${seeds} | ${seconds.toFixed(1)} | ${foundText(finding)} |`;
}

function foundText({ found }: Hunt['finding']): string {
  if (found === undefined) return '**nothing**';
  const message = found.message.length > 160 ? `${found.message.slice(0, 160)}…` : found.message;
  return `${found.by}: ${message}`.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
