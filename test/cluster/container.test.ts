/**
 * The walk-through's `docker run` commands on the image of `npm run image`, with podman on a bridge network that has the
 * walk-through's addresses. Changed from the original: `docker` is `podman`; `-p` and `--restart` go, since three hosts are one
 * here; in their place come the network, the address, the runtime and its limits, and each container has a name of its own. A variable keeps members from holding
 * elections for so little as a busy machine does.
 */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { patientElections } from '../support/cluster.ts';
import { command, shell } from '../support/command.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { checkout, isStandIn } from '../support/program.ts';
import { until } from '../support/until.ts';

/** As printed in the walk-through, together first, then one by one. */
const together = [
  'docker run -d -p 2379:2379 -p 2380:2380 --restart=always --log-driver=none --name etcd quay.io/coreos/etcd -name qf2200-client0 -advertise-client-urls http://192.168.7.168:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.168:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
  'docker run -d -p 2379:2379 -p 2380:2380 --restart=always --log-driver=none --name etcd quay.io/coreos/etcd -name qf2200-client1 -advertise-client-urls http://192.168.7.170:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.170:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
  'docker run -d -p 2379:2379 -p 2380:2380 --restart=always --log-driver=none --name etcd quay.io/coreos/etcd -name qf2200-client2 -advertise-client-urls http://192.168.7.172:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.172:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state new',
];
const oneByOne = [
  'docker run -d -p 2379:2379 -p 2380:2380 --name etcd quay.io/coreos/etcd -name qf2200-client0 -advertise-client-urls http://192.168.7.168:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.168:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380" -initial-cluster-state new',
  'docker run -d -p 2379:2379 -p 2380:2380 --name etcd quay.io/coreos/etcd -name qf2200-client1 -advertise-client-urls http://192.168.7.170:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.170:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380" -initial-cluster-state existing',
  'docker run -d -p 2379:2379 -p 2380:2380 --name etcd quay.io/coreos/etcd -name qf2200-client2 -advertise-client-urls http://192.168.7.172:2379 -listen-client-urls http://0.0.0.0:2379 -initial-advertise-peer-urls http://192.168.7.172:2380 -listen-peer-urls http://0.0.0.0:2380 -initial-cluster-token etcd-cluster -initial-cluster "qf2200-client0=http://192.168.7.168:2380,qf2200-client1=http://192.168.7.170:2380,qf2200-client2=http://192.168.7.172:2380" -initial-cluster-state existing',
];
const addMember = (address: string): string =>
  `curl -s http://192.168.7.168:2379/v2/members -XPOST -H "Content-Type: application/json" -d '{"peerURLs": ["http://${address}:2380"]}'`;
const addresses = ['192.168.7.168', '192.168.7.170', '192.168.7.172'];

const variables = Object.entries(patientElections)
  .map(([name, value]) => `--env ${name}=${value}`)
  .join(' ');
const skip = needs('quorate', 'root', 'podman', 'runc', 'curl', ...(isStandIn ? ['etcd'] : []));

/** Podman with storage, networks and containers of its own, all gone when the test ends. */
class Podman {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #options: readonly string[];
  readonly #names: string[] = [];
  readonly #network = `quorate${process.pid}`;

  private constructor(folder: string) {
    mkdirSync(`${folder}/networks`, { recursive: true });
    writeFileSync(
      `${folder}/containers.conf`,
      [
        '[engine]',
        'cgroup_manager = "cgroupfs"',
        'events_logger = "file"',
        '[network]',
        'network_backend = "netavark"',
        `network_config_dir = "${folder}/networks"`,
        '',
      ].join('\n'),
    );
    this.#environment = { CONTAINERS_CONF: `${folder}/containers.conf` };
    this.#options = ['--root', `${folder}/root`, '--runroot', `${folder}/runroot`, '--storage-driver', 'vfs'];
  }

  static async start(t: TestContext): Promise<Podman> {
    const folder = temporaryFolder('podman');
    const podman = new Podman(folder);
    t.after(() => podman.#end());
    if (isStandIn) await podman.#importEtcd(folder);
    else await podman.#loadImage(folder);
    await podman.run('network', 'create', '--disable-dns', '--subnet=192.168.7.0/24', podman.#network);
    return podman;
  }

  run(...words: readonly string[]): Promise<string> {
    return command(['podman', ...this.#options, ...words], {
      environment: this.#environment,
      timeoutMs: 600_000,
    });
  }

  /** A `docker run` line, changed as the head of this file says. */
  async dockerRun(line: string, address: string): Promise<void> {
    const name = `etcd-${address.split('.').at(-1)}`;
    this.#names.push(name);
    const changed = line
      .replace('docker run -d', () => ['podman', ...this.#options, 'run -d'].join(' '))
      .replace(
        '-p 2379:2379 -p 2380:2380',
        // With a fixed MAC address, the others' ARP tables still hold after a restart.
        `--network ${this.#network} --ip ${address} --mac-address 02:00:00:00:00:${name.slice(-2)} --runtime runc --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 ${variables}`,
      )
      .replace('--restart=always ', '')
      .replace('--name etcd', `--name ${name}`);
    await shell(changed, { environment: this.#environment });
    await until(`${name} serves`, async () => {
      const health = await shell(`curl -s -m 20 http://${address}:2379/version`).catch(() => '');
      return health.includes('etcdserver');
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.run('logs', name).catch(String)}`);
    });
  }

  /** What `docker pull quay.io/coreos/etcd` stands for. */
  async #loadImage(folder: string): Promise<void> {
    const archive = `${folder}/image.tar`;
    await command(
      ['npm', 'run', 'image', '--', '--name', 'quay.io/coreos/etcd:latest', '--output', archive],
      {
        folder: checkout,
        timeoutMs: 600_000,
      },
    );
    await this.run('load', '--input', archive);
  }

  /** Real etcd as an image, to try this test itself. */
  async #importEtcd(folder: string): Promise<void> {
    await shell(
      `mkdir -p ${folder}/image/usr/bin && cp "$(command -v etcd)" ${folder}/image/usr/bin/ &&
       ldd "$(command -v etcd)" | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} ${folder}/image/ &&
       tar -C ${folder}/image -cf ${folder}/image.tar .`,
    );
    const entrypoint = 'ENTRYPOINT ["/usr/bin/etcd","--enable-v2"]';
    await this.run('import', '--change', entrypoint, `${folder}/image.tar`, 'quay.io/coreos/etcd:latest');
  }

  async #end(): Promise<void> {
    for (const name of this.#names) await this.run('rm', '--force', '--time=2', name).catch(() => undefined);
    await this.run('network', 'rm', '--force', this.#network).catch(() => undefined);
  }
}

async function members(address: string): Promise<string> {
  return shell(`curl -s -L http://${address}:2379/v2/members`);
}

async function writeAndReadEverywhere(): Promise<void> {
  const written = await shell(
    'curl -s -L http://192.168.7.168:2379/v2/keys/message -XPUT -d value="Hello zhenyuyaodidiao"',
  );
  const { node } = JSON.parse(written) as { node: object };
  for (const address of addresses) {
    const read = await until(`the message on ${address}`, async () => {
      const printed = await shell(`curl -s -L http://${address}:2379/v2/keys/message`);
      return printed.includes('errorCode') ? undefined : printed;
    });
    assert.equal(read, `${JSON.stringify({ action: 'get', node })}\n`);
  }
}

test('containers, all members static, then the same containers again', {
  skip,
}, async (t) => {
  const podman = await Podman.start(t);
  await Promise.all(together.map((line, at) => podman.dockerRun(line, addresses[at]!)));
  const expected =
    '{"members":[{"id":"1a661f2b9997ba39","name":"qf2200-client0","peerURLs":["http://192.168.7.168:2380"],"clientURLs":["http://192.168.7.168:2379"]},{"id":"4932c8ea462e079c","name":"qf2200-client2","peerURLs":["http://192.168.7.172:2380"],"clientURLs":["http://192.168.7.172:2379"]},{"id":"c1dbdde07e61741e","name":"qf2200-client1","peerURLs":["http://192.168.7.170:2380"],"clientURLs":["http://192.168.7.170:2379"]}]}\n';
  for (const address of addresses) {
    await until(`the seed's members on ${address}`, async () => (await members(address)) === expected);
  }
  await writeAndReadEverywhere();

  // `podman stop` sends SIGTERM: each ends by itself, in time and with 0, and starts again with what it has.
  await podman.run('stop', '--time=60', 'etcd-170');
  if (!isStandIn) {
    assert.equal((await podman.run('inspect', '--format={{.State.ExitCode}}', 'etcd-170')).trim(), '0');
  }
  await podman.run('start', 'etcd-170');
  await until('the stopped one reads the message', async () =>
    (await shell(`curl -s -m 20 http://${addresses[1]}:2379/v2/keys/message`).catch(() => '')).includes(
      'Hello',
    ),
  );

  for (const address of addresses)
    await podman.run('rm', '--force', '--time=2', `etcd-${address.split('.').at(-1)}`);

  await podman.dockerRun(oneByOne[0]!, addresses[0]!);
  assert.match(await shell(addMember(addresses[1]!)), /"id":"[0-9a-f]+"/);
  await podman.dockerRun(oneByOne[1]!, addresses[1]!);
  await until('the third is accepted', async () => (await shell(addMember(addresses[2]!))).includes('"id"'));
  await podman.dockerRun(oneByOne[2]!, addresses[2]!);
  await until('three named members on each', async () => {
    const printed = await Promise.all(addresses.map(members));
    return (
      printed.every((each) => each === printed[0]) &&
      printed[0]!.match(/"name":"qf2200-client\d"/g)?.length === 3
    );
  });
  await writeAndReadEverywhere();
});
