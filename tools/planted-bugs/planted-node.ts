/** How to start Node on this code with a planted bug in it. */
import { fileURLToPath } from 'node:url';
import { type PlantedBug, plantedBug, plantedBugs } from './table.ts';

const register = fileURLToPath(new URL('register.mjs', import.meta.url));

/** `name`: the bug in force; undefined for none. All can be had by `?planted=NAME`. */
export function plantedNode(name: string | undefined): {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
} {
  const bugs: readonly PlantedBug[] = name === undefined ? plantedBugs : [plantedBug(name)];
  return {
    args: ['--import', register, '--import', 'tsx'],
    env: {
      ...process.env,
      QUORATE_PLANTED: JSON.stringify({ bugs, ...(name !== undefined && { always: name }) }),
    },
  };
}
