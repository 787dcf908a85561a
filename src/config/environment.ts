/** `ETCD_*` variables: each flag has one. A flag on the command line wins over its variable; an empty variable is none. */

import { ConfigFault, type ConfigNote } from './config-note.ts';
import { variableOf } from './flag-spec.ts';
import { valueFault } from './flag-value.ts';
import { allFlags, type FlagName } from './flags.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const flagsByVariable: ReadonlyMap<string, (typeof allFlags)[number]> = new Map(
  allFlags.map((flag) => [variableOf(flag.name), flag]),
);

/** Variables with the prefix that other programs read; etcd is silent about them too. */
const foreign = new Set(['ETCD_UNSUPPORTED_ARCH']);

/** The names of the set variables that belong to a flag. */
export function usedVariables(environment: Environment): string[] {
  return Object.keys(environment).filter(
    (name) => flagsByVariable.has(name) && (environment[name] ?? '') !== '',
  );
}

/**
 * Values from variables for the flags that `given` has not.
 * @throws ConfigFault for a value that its flag does not take.
 */
export function readEnvironment(
  environment: Environment,
  given: ReadonlyMap<FlagName, string>,
  notes: ConfigNote[],
): ReadonlyMap<FlagName, string> {
  const values = new Map<FlagName, string>();
  for (const variable of Object.keys(environment).sort()) {
    const value = environment[variable] ?? '';
    if (!variable.startsWith('ETCD_') || value === '' || foreign.has(variable)) continue;
    const flag = flagsByVariable.get(variable);
    if (flag === undefined) {
      notes.push({
        level: 'warn',
        message: 'unrecognized environment variable',
        fields: { variable, value },
      });
    } else if (flag.name === 'version') {
      notes.push({
        level: 'warn',
        message: 'cannot set special environment variable',
        fields: { variable, value },
      });
    } else if (given.has(flag.name)) {
      notes.push({
        level: 'warn',
        message: 'environment variable is shadowed by the command-line flag',
        fields: { variable, value, flag: `--${flag.name}` },
      });
    } else {
      const fault = flag.obsolete === 'ignored' ? undefined : valueFault(flag, value);
      if (fault !== undefined) throw new ConfigFault(`invalid value "${value}" for ${variable}: ${fault}`);
      values.set(flag.name, value);
      notes.push({
        level: 'info',
        message: 'recognized and used environment variable',
        fields: { variable, value },
      });
    }
  }
  return values;
}
