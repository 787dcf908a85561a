/** Whether a member without data can start from its flags. A member that has data does not look at these flags. */

import { initialClusterOf } from './initial-cluster.ts';
import type { ServerConfig, ServerUrl } from './server-config.ts';

/** Resolves a host name to an address; rejects when it can't. */
export type ResolveHost = (host: string) => Promise<string>;

/**
 * The sentence that says why a first start with these flags cannot work, in etcd's words; undefined if it can.
 * Host names are resolved only where texts alone do not agree.
 */
export async function checkBootstrap(
  config: ServerConfig,
  resolveHost: ResolveHost,
): Promise<string | undefined> {
  const own = config.initialCluster.find((member) => member.name === config.name);
  if (own === undefined) {
    return `couldn't find local name "${config.name}" in the initial cluster configuration`;
  }
  if (config.initialClusterState === 'new') {
    const mismatch = await advertisedMismatch(config, own.peerUrls, resolveHost);
    if (mismatch !== undefined) return mismatch;
  }
  const all = config.initialCluster.flatMap((member) => member.peerUrls.map((url) => url.text));
  if (new Set(all).size < all.length) {
    const sorted = config.initialCluster
      .map((member) => initialClusterOf(member.name, member.peerUrls))
      .sort();
    return `initial cluster ${sorted.join(',')} has duplicate url`;
  }
  return undefined;
}

async function advertisedMismatch(
  config: ServerConfig,
  own: readonly ServerUrl[],
  resolveHost: ResolveHost,
): Promise<string | undefined> {
  const advertised = config.initialAdvertisePeerUrls;
  const advertisedText = advertised.map((url) => url.text).join(',');
  if (advertisedText === own.map((url) => url.text).join(',')) return undefined;

  let reason: string;
  try {
    const [here, there] = await Promise.all([resolved(advertised, resolveHost), resolved(own, resolveHost)]);
    if (here.join(',') === there.join(',')) return undefined;
    reason = `resolved urls: "${here.join(',')}" != "${there.join(',')}"`;
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }

  const missing = own.filter((url) => !advertised.some((other) => other.text === url.text));
  if (missing.length > 0) {
    return `--initial-cluster has ${initialClusterOf(config.name, missing)} but missing from --initial-advertise-peer-urls=${advertisedText} (${reason})`;
  }
  const surplus = advertised.filter((url) => !own.some((other) => other.text === url.text));
  return `--initial-advertise-peer-urls has ${surplus.map((url) => url.text).join(',')} but missing from --initial-cluster=${initialClusterOf(config.name, own)}`;
}

async function resolved(urls: readonly ServerUrl[], resolveHost: ResolveHost): Promise<string[]> {
  const texts = await Promise.all(
    urls.map(async (url) => `${url.scheme}://${await resolveHost(url.host)}:${url.port}`),
  );
  return texts.sort();
}
