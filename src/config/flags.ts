/**
 * Every flag of etcd 2.3, 3.4 and 3.5's server, in the sections of `--help`: the one table from which parsing, variables, the
 * configuration file, help and the README's reference are made. A flag with `needs` is known but its feature is not built.
 */

import type { FlagGroup, FlagSpec } from './flag-spec.ts';
import { clusteringFlags } from './flags/clustering.ts';
import { experimentalFlags, tracingFlags } from './flags/experimental.ts';
import { legacyFlags, proxyFlags } from './flags/legacy.ts';
import { memberFlags } from './flags/member.ts';
import { authFlags, loggingFlags, monitoringFlags, programFlags, unsafeFlags } from './flags/operation.ts';
import { securityFlags } from './flags/security.ts';

export const flagGroups = [
  { section: 'Member', flags: memberFlags },
  { section: 'Clustering', flags: clusteringFlags },
  { section: 'Security', flags: securityFlags },
  { section: 'Auth', flags: authFlags },
  { section: 'Profiling and monitoring', flags: monitoringFlags },
  { section: 'Logging', flags: loggingFlags },
  { section: 'Tracing', flags: tracingFlags },
  { section: 'v2 proxy', flags: proxyFlags },
  { section: 'Experimental', flags: experimentalFlags },
  { section: 'Unsafe', flags: unsafeFlags },
  { section: 'From etcd 2 and earlier', flags: legacyFlags },
  { section: 'Program', flags: programFlags },
] as const satisfies readonly FlagGroup[];

type KnownFlag = (typeof flagGroups)[number]['flags'][number];

export type FlagName = KnownFlag['name'];

/** Names of the flags whose values are of one kind. */
export type FlagNameOf<Kind extends FlagSpec['kind']> = Extract<KnownFlag, { readonly kind: Kind }>['name'];

export const allFlags: readonly (FlagSpec & { readonly name: FlagName })[] = flagGroups.flatMap(
  (group): readonly KnownFlag[] => group.flags,
);

export const flagsByName: ReadonlyMap<string, FlagSpec & { readonly name: FlagName }> = new Map(
  allFlags.map((flag) => [flag.name, flag]),
);
