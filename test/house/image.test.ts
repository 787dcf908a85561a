/** The archive that `npm run image` writes, read by programs that are not ours. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ociArchive } from '../../tools/oci-image.ts';
import { TarWriter } from '../../tools/tar.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';

const longPath = `${'folder/'.repeat(20)}file-with-a-name-of-its-own`;

function sample(): Buffer {
  const tar = new TarWriter();
  tar.file('bin/program', Buffer.from('x'.repeat(600)), 0o755);
  tar.file(longPath, Buffer.from('deep'));
  tar.link('bin/same', 'program');
  tar.folder('tmp', 0o1777);
  return tar.bytes();
}

test('tar reads what the tar writer wrote', { skip: needs('tar') }, (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a.tar'), sample());
  mkdirSync(join(folder, 'out'));
  execFileSync('tar', ['-xf', 'a.tar', '-C', 'out', '--no-same-owner'], { cwd: folder });
  assert.equal(readFileSync(join(folder, 'out', 'bin/same'), 'utf8'), 'x'.repeat(600));
  assert.equal(readFileSync(join(folder, 'out', longPath), 'utf8'), 'deep');
  const listed = execFileSync('tar', ['-tvf', 'a.tar'], { cwd: folder, encoding: 'utf8' });
  assert.match(listed, /^-rwxr-xr-x root\/root\s+600 1970-01-01 .* bin\/program$/m);
  assert.match(listed, /^drwxrwxrwt .* tmp\/$/m);
});

test('the same content is the same archive', () => {
  assert.deepEqual(sample(), sample());
});

test('a path that tar cannot hold is refused', () => {
  assert.throws(() => new TarWriter().file('a'.repeat(101), Buffer.alloc(0)), /path too long for tar/);
});

test('every digest in the image is that of its content', { skip: needs('tar') }, (t) => {
  const folder = temporaryFolder(t);
  const layer = sample();
  writeFileSync(
    join(folder, 'image.tar'),
    ociArchive({
      name: 'localhost/sample:1',
      architecture: 'amd64',
      created: '2020-01-01T00:00:00Z',
      config: {
        Entrypoint: ['/bin/program'],
        Env: [],
        ExposedPorts: {},
        Labels: {},
        WorkingDir: '/',
        StopSignal: 'SIGTERM',
      },
      layers: [{ title: 'sample', tar: layer }],
    }),
  );
  execFileSync('tar', ['-xf', 'image.tar', '--no-same-owner'], { cwd: folder });

  const blob = (descriptor: { readonly digest: string; readonly size: number }): Buffer => {
    const content = readFileSync(join(folder, 'blobs', descriptor.digest.replace(':', '/')));
    assert.equal(`sha256:${createHash('sha256').update(content).digest('hex')}`, descriptor.digest);
    assert.equal(content.length, descriptor.size);
    return content;
  };
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  const manifest = JSON.parse(blob(index.manifests[0]).toString());
  const config = JSON.parse(blob(manifest.config).toString());
  assert.deepEqual(gunzipSync(blob(manifest.layers[0])), layer);
  assert.deepEqual(config.rootfs.diff_ids, [`sha256:${createHash('sha256').update(layer).digest('hex')}`]);
  assert.equal(index.manifests[0].annotations['org.opencontainers.image.ref.name'], 'localhost/sample:1');
});
