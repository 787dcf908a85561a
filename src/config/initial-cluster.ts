/** `--initial-cluster`: name=URL pairs, comma-separated; a name repeated has several URLs. */

import { ConfigFault } from './config-note.ts';
import type { BootstrapMember, ServerUrl } from './server-config.ts';
import { parseServerUrl } from './server-url.ts';

/**
 * Members in the order of their first pair, each with its URLs sorted.
 * @throws ConfigFault for a pair that is none
 */
export function parseInitialCluster(text: string): readonly BootstrapMember[] {
  const members = new Map<string, ServerUrl[]>();
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const equals = pair.indexOf('=');
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    if (equals < 0) {
      throw new ConfigFault(
        `error setting up initial cluster: "${pair.trim()}" does not have the form name=URL`,
      );
    }
    const parsed = parseServerUrl(pair.slice(equals + 1));
    if (!parsed.ok) throw new ConfigFault(`error setting up initial cluster: ${parsed.fault}`);
    const urls = members.get(name) ?? [];
    urls.push(parsed.url);
    members.set(name, urls);
  }
  return Object.freeze(
    [...members].map(([name, urls]) =>
      Object.freeze({
        name,
        peerUrls: Object.freeze(urls.sort((one, other) => (one.text < other.text ? -1 : 1))),
      }),
    ),
  );
}

/** The text for a cluster of this member alone. */
export function initialClusterOf(name: string, urls: readonly ServerUrl[]): string {
  return urls.map((url) => `${name}=${url.text}`).join(',');
}
