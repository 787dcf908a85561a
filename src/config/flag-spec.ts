/** What a row of the flag table says. Parsing, `--help`, the README's reference and the configuration file come from it. */

/**
 * How a value is written:
 * - text: any text
 * - switch: true or false; on the command line a bare `--flag` is true and a value needs `=`
 * - count: a whole number from 0; integer: a whole number
 * - duration: Go's form ('1m30s'); in a file also a number of nanoseconds
 * - urls: scheme://host:port, comma-separated
 * - origins: * or the same as urls
 * - list: texts, comma-separated
 * - choice: one of `choices`
 * - address: ip:port
 */
export type FlagKind =
  | 'text'
  | 'switch'
  | 'count'
  | 'integer'
  | 'duration'
  | 'urls'
  | 'origins'
  | 'list'
  | 'choice'
  | 'address';

export type FlagSection =
  | 'Member'
  | 'Clustering'
  | 'Security'
  | 'Auth'
  | 'Profiling and monitoring'
  | 'Logging'
  | 'Tracing'
  | 'v2 proxy'
  | 'Experimental'
  | 'Unsafe'
  | 'From etcd 2 and earlier'
  | 'Program';

export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  /** As a user would write it; '' stands for nothing. */
  readonly default: string;
  /** One sentence or two for `--help` and the README. */
  readonly doc: string;
  readonly choices?: readonly string[];
  /** Path in the configuration file when it is not the flag's name; 'none' where a file can't set it. */
  readonly fileKey?: string;
  /** The feature behind the flag is not built: any value but the default and `harmless` is refused. Completes 'needs ...'. */
  readonly needs?: string;
  /** Values besides the default that ask for nothing that is missing. */
  readonly harmless?: readonly string[];
  /** etcd gave the flag up long ago. 'ignored': a warning; otherwise refused with this advice. */
  readonly obsolete?: 'ignored' | { readonly advice: string };
  /** A warning whenever it is set. */
  readonly deprecated?: string;
}

export interface FlagGroup {
  readonly section: FlagSection;
  readonly flags: readonly FlagSpec[];
}

/** `initial-cluster` -> `ETCD_INITIAL_CLUSTER`. */
export function variableOf(flagName: string): string {
  return `ETCD_${flagName.toUpperCase().replaceAll('-', '_')}`;
}

/** The path of a flag in the configuration file, or undefined where a file can't set it. */
export function fileKeyOf(flag: FlagSpec): string | undefined {
  if (flag.fileKey === 'none') return undefined;
  return flag.fileKey ?? flag.name;
}
