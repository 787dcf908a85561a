/**
 * `npm run image`: an OCI image of this checkout in image/quorate.tar, made from the Node.js that runs this and the installed
 * packages, with no registry, no network and no container program.
 *
 *     npm run image -- [--name NAME:TAG] [--output PATH]
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ETCD_COMPATIBLE_VERSION, QUORATE_VERSION } from '../src/config/version.ts';
import {
  addonsOf,
  nodePath,
  packagesLayer,
  programFolder,
  programLayer,
  runtimeLayer,
} from './image-content.ts';
import { ociArchive } from './oci-image.ts';
import { checkout, prepareCheckout } from './prepare-checkout.mjs';

const { values } = parseArgs({
  options: {
    name: { type: 'string', default: `localhost/quorate:${QUORATE_VERSION}` },
    output: { type: 'string', default: join(checkout, 'image', 'quorate.tar') },
  },
});
const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
if (process.platform !== 'linux' || architecture === undefined) {
  console.error(`an image can be made on Linux on x64 or arm64, not on ${process.platform} ${process.arch}`);
  process.exit(1);
}
prepareCheckout();

const epochSeconds = process.env['SOURCE_DATE_EPOCH'];
const created = epochSeconds === undefined ? new Date() : new Date(Number(epochSeconds) * 1000);
const archive = ociArchive({
  name: values.name,
  architecture,
  created: created.toISOString(),
  config: {
    Entrypoint: [`/${nodePath}`, `/${programFolder}/bin/quorate`],
    Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production'],
    ExposedPorts: { '2379/tcp': {}, '2380/tcp': {}, '4001/tcp': {}, '7001/tcp': {} },
    Labels: {
      'org.opencontainers.image.title': 'quorate',
      'org.opencontainers.image.version': QUORATE_VERSION,
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.description': `Quorate, compatible with etcd ${ETCD_COMPATIBLE_VERSION}`,
    },
    WorkingDir: '/',
    StopSignal: 'SIGTERM',
  },
  layers: [
    { title: `Node.js ${process.version} and its libraries`, tar: runtimeLayer(addonsOf(checkout)) },
    { title: 'packages', tar: packagesLayer(checkout) },
    { title: `quorate ${QUORATE_VERSION}`, tar: programLayer(checkout) },
  ],
});
const output = resolve(values.output);
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, archive);
console.log(`${values.name} in ${output} (${Math.round(archive.length / 1e6)} MB)`);
console.log(`load it:  podman load -i ${output}      (or docker load -i ...)`);
