/** The address other machines most likely reach this one at: that of the interface with the default route. */

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** An IPv4 address, or undefined where there is no default route or no telling (systems other than Linux). */
export function detectDefaultHost(): string | undefined {
  let routes: string;
  try {
    routes = readFileSync('/proc/net/route', 'utf8');
  } catch {
    return undefined;
  }
  const interfaceName = defaultRouteInterface(routes);
  if (interfaceName === undefined) return undefined;
  return networkInterfaces()[interfaceName]?.find((address) => address.family === 'IPv4')?.address;
}

/** The interface of the default route with the lowest metric, from the text of /proc/net/route. */
export function defaultRouteInterface(routes: string): string | undefined {
  let best: { readonly name: string; readonly metric: number } | undefined;
  for (const line of routes.split('\n').slice(1)) {
    const [name, destination, , , , , metricText, mask] = line.trim().split(/\s+/);
    if (name === undefined || destination !== '00000000' || mask !== '00000000') continue;
    const metric = Number(metricText);
    if (best === undefined || metric < best.metric) best = { name, metric };
  }
  return best?.name;
}
