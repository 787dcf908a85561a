/** argv by the rules of Go's flag package: one or two dashes, `-flag value`, `-flag=value`, a bare `-flag` for switches. */

import { valueFault } from './flag-value.ts';
import { type FlagName, flagsByName } from './flags.ts';

export type CommandLine =
  | { readonly kind: 'flags'; readonly values: ReadonlyMap<FlagName, string> }
  | { readonly kind: 'help' }
  /** Not a flag command line at all. */
  | { readonly kind: 'fault'; readonly fault: string };

export type ScannedCommandLine = CommandLine | { readonly kind: 'stray'; readonly argument: string };

/**
 * Scans argv from left to right; a later value of a flag replaces an earlier one. 'stray' is an argument that belongs to no flag,
 * for which etcd has an exit code of its own.
 */
export function scanCommandLine(argv: readonly string[]): ScannedCommandLine {
  const values = new Map<FlagName, string>();
  let position = 0;
  while (position < argv.length) {
    const argument = argv[position]!;
    if (!argument.startsWith('-') || argument === '-') return { kind: 'stray', argument };
    position++;
    if (argument === '--') {
      const next = argv[position];
      return next === undefined ? { kind: 'flags', values } : { kind: 'stray', argument: next };
    }

    const body = argument.slice(argument.startsWith('--') ? 2 : 1);
    if (/^[-=]/.test(body)) return { kind: 'fault', fault: `bad flag syntax: ${argument}` };
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const flag = flagsByName.get(name);
    if (flag === undefined) {
      if (name === 'help' || name === 'h') return { kind: 'help' };
      return { kind: 'fault', fault: `flag provided but not defined: -${name}` };
    }

    let value: string;
    if (equals >= 0) {
      value = body.slice(equals + 1);
    } else if (flag.kind === 'switch') {
      value = 'true';
    } else {
      const next = argv[position];
      if (next === undefined) return { kind: 'fault', fault: `flag needs an argument: -${name}` };
      value = next;
      position++;
    }

    const fault = flag.obsolete === 'ignored' ? undefined : valueFault(flag, value);
    if (fault !== undefined) {
      const subject =
        flag.kind === 'switch' ? `invalid boolean value "${value}" for` : `invalid value "${value}" for flag`;
      return { kind: 'fault', fault: `${subject} -${name}: ${fault}` };
    }
    values.set(flag.name, value);
  }
  return { kind: 'flags', values };
}
