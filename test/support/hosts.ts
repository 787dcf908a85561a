/**
 * Hosts that are network namespaces, joined by a bridge in a namespace of its own: nothing of the machine's own network is used
 * or changed, so that test files that use the same addresses may run at once.
 *
 *     host a: eth0 192.168.7.168/24 --- p0 \
 *     host b: eth0 192.168.7.170/24 --- p1 - br0 in the switch's namespace
 */

import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { command } from './command.ts';

let networks = 0;

export class Host {
  readonly address: string;
  readonly #namespace: string;
  readonly #switchNamespace: string;
  readonly #port: string;

  constructor(address: string, namespace: string, switchNamespace: string, port: string) {
    this.address = address;
    this.#namespace = namespace;
    this.#switchNamespace = switchNamespace;
    this.#port = port;
  }

  /** What to put before a command to run it on this host. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace];
  }

  /** Runs a shell line on this host. */
  shell(line: string, folder?: string): Promise<string> {
    return command([...this.prefix, 'sh', '-c', line], folder === undefined ? {} : { folder });
  }

  /** Takes the cable out of the switch: packets are lost, connections are not told. */
  cut(): void {
    ip('-n', this.#switchNamespace, 'link', 'set', this.#port, 'down');
  }

  mend(): void {
    ip('-n', this.#switchNamespace, 'link', 'set', this.#port, 'up');
  }
}

/** Hosts with these addresses in one /24, gone again when the test ends. Needs root and iproute2. */
export function makeHosts(t: TestContext, addresses: readonly string[]): readonly Host[] {
  const name = `quorate-${process.pid}-${networks++}`;
  const namespaces: string[] = [];
  const add = (namespace: string): string => {
    ip('netns', 'add', namespace);
    namespaces.push(namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return namespace;
  };
  t.after(() => {
    for (const namespace of namespaces) ip('netns', 'delete', namespace);
  });
  const hub = add(`${name}-switch`);
  ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', hub, 'link', 'set', 'br0', 'up');
  return addresses.map((address, at) => {
    const host = add(`${name}-${at}`);
    const port = `p${at}`;
    ip('-n', hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    ip('-n', hub, 'link', 'set', port, 'master', 'br0', 'up');
    ip('-n', host, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    ip('-n', host, 'link', 'set', 'eth0', 'up');
    return new Host(address, host, hub, port);
  });
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
