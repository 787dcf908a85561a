/**
 * Values of flags, from text. The rules are those of Go's flag package, which etcd's users' scripts were written for:
 * '0x10' and '1_000' are numbers, 'T' is true. Each parser gives undefined for text it does not accept.
 */

import type { FlagKind, FlagSpec } from './flag-spec.ts';
import { parseGoDuration } from './go-duration.ts';
import { parseUrlList } from './server-url.ts';

const truths = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falsehoods = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

export function parseSwitch(text: string): boolean | undefined {
  if (truths.has(text)) return true;
  return falsehoods.has(text) ? false : undefined;
}

/** A whole number; Go's prefixes 0x, 0o, 0b and 0, and underscores between digits. */
export function parseInteger(text: string): number | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][\d_]*|0)$/.exec(text);
  if (match === null || /__|_$|^[+-]?_/.test(text)) return undefined;
  const digits = match[2]!.replaceAll('_', '');
  const octal = /^0[0-7]+$/.test(digits);
  const magnitude = Number(octal ? `0o${digits.slice(1)}` : digits);
  if (!Number.isSafeInteger(magnitude)) return undefined;
  return match[1] === '-' ? 0 - magnitude : magnitude;
}

export function parseCount(text: string): number | undefined {
  return /^[+-]/.test(text) ? undefined : parseInteger(text);
}

/** Comma-separated texts without empty ones and repetitions. */
export function parseList(text: string): readonly string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    ),
  ];
}

/** 'ip:port' or '[ip]:port' -> its parts. */
export function parseAddress(text: string): { readonly ip: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|(\d+\.\d+\.\d+\.\d+)):(\d{1,5})$/.exec(text.trim());
  if (match === null) return undefined;
  return { ip: match[1] ?? match[2]!, port: Number(match[3]) };
}

/** Why `text` is no value of `flag`, in Go's and etcd's words; undefined if it is one. */
export function valueFault(flag: FlagSpec, text: string): string | undefined {
  if (flag.obsolete !== undefined && flag.obsolete !== 'ignored') {
    return `flag "-${flag.name}" is no longer supported: ${flag.obsolete.advice}`;
  }
  const fault = faultOf[flag.kind](text, flag);
  return fault;
}

const parseError = (value: unknown) => (value === undefined ? 'parse error' : undefined);

const faultOf: Readonly<Record<FlagKind, (text: string, flag: FlagSpec) => string | undefined>> = {
  text: () => undefined,
  list: () => undefined,
  switch: (text) => parseError(parseSwitch(text)),
  count: (text) => parseError(parseCount(text)),
  integer: (text) => parseError(parseInteger(text)),
  duration: (text) => parseError(parseGoDuration(text)),
  address: (text) =>
    text === '' || parseAddress(text) !== undefined
      ? undefined
      : 'bad address specification, must be ip:port',
  choice: (text, flag) =>
    flag.choices?.includes(text)
      ? undefined
      : `invalid value, must be one of ${flag.choices?.map((choice) => `"${choice}"`).join(', ')}`,
  urls: urlsFault,
  origins: (text) => (text === '*' ? undefined : urlsFault(text)),
};

function urlsFault(text: string): string | undefined {
  if (text === '') return undefined;
  const list = parseUrlList(text);
  return list.ok ? undefined : list.fault;
}

/** True if both texts mean the same value of `flag`. */
export function sameValue(flag: FlagSpec, one: string, other: string): boolean {
  if (one === other) return true;
  switch (flag.kind) {
    case 'switch':
      return parseSwitch(one) === parseSwitch(other);
    case 'count':
    case 'integer':
      return parseInteger(one) === parseInteger(other);
    case 'duration':
      return parseGoDuration(one) === parseGoDuration(other);
    default:
      return false;
  }
}
