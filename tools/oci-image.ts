/**
 * An OCI image as one archive: what `podman load`, `docker load` and `skopeo copy oci-archive:` take.
 *
 *     oci-layout             {"imageLayoutVersion":"1.0.0"}
 *     index.json             -> manifest, with the image's name
 *     manifest.json          the same for Docker before version 25
 *     blobs/sha256/<digest>  manifest, config, layers (tar.gz)
 */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { TarWriter } from './tar.ts';

export interface ImageOptions {
  /** Name with tag. */
  readonly name: string;
  readonly architecture: string;
  /** RFC 3339. */
  readonly created: string;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Env: readonly string[];
    readonly ExposedPorts: Readonly<Record<string, object>>;
    readonly Labels: Readonly<Record<string, string>>;
    readonly WorkingDir: string;
    readonly StopSignal: string;
  };
  /** From bottom to top. */
  readonly layers: readonly { readonly title: string; readonly tar: Buffer }[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** The archive's bytes. */
export function ociArchive(options: ImageOptions): Buffer {
  const archive = new TarWriter();
  const stored = new Set<string>();
  const store = (mediaType: string, content: Buffer): Descriptor => {
    const digest = sha256(content);
    const path = blobPath(digest);
    if (!stored.has(path)) archive.file(path, content);
    stored.add(path);
    return { mediaType, digest, size: content.length };
  };

  const layers = options.layers.map((layer) =>
    store('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(layer.tar, { level: 4 })),
  );
  const config = store(
    'application/vnd.oci.image.config.v1+json',
    json({
      created: options.created,
      architecture: options.architecture,
      os: 'linux',
      config: options.config,
      rootfs: { type: 'layers', diff_ids: options.layers.map((layer) => sha256(layer.tar)) },
      history: options.layers.map((layer) => ({ created: options.created, created_by: layer.title })),
    }),
  );
  const manifest = store(
    'application/vnd.oci.image.manifest.v1+json',
    json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers }),
  );
  const annotations = {
    'org.opencontainers.image.ref.name': options.name,
    'io.containerd.image.name': options.name,
  };
  archive.file('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  archive.file('index.json', json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  archive.file(
    'manifest.json',
    json([
      {
        Config: blobPath(config.digest),
        RepoTags: [options.name],
        Layers: layers.map((layer) => blobPath(layer.digest)),
      },
    ]),
  );
  return archive.bytes();
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function sha256(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
