/** What goes into the container image: Node's binary with the libraries it needs, the production packages, the program. */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { TarWriter } from './tar.ts';

/** Where the program lies in the image. */
export const programFolder = 'opt/quorate';
export const nodePath = 'usr/local/bin/node';

/** Node, the C library's parts it loads by itself to look up names, and the files those read. */
export function runtimeLayer(addons: readonly string[]): Buffer {
  const tar = new TarWriter();
  const libraries = new Map<string, string>();
  for (const binary of [process.execPath, ...addons]) {
    for (const path of sharedLibraries(binary)) libraries.set(path.replace(/^\/+/, ''), path);
  }
  for (const path of nameServiceLibraries()) libraries.set(path.replace(/^\/+/, ''), path);
  // Root's own folders must be real ones: a distribution's /lib may be a link to /usr/lib.
  for (const [name, path] of [...libraries].sort()) tar.file(name, readFileSync(realpathSync(path)), 0o755);
  tar.file(nodePath, readFileSync(realpathSync(process.execPath)), 0o755);
  tar.file('etc/nsswitch.conf', Buffer.from('passwd: files\ngroup: files\nhosts: files dns\n'));
  tar.file(
    'etc/passwd',
    Buffer.from('root:x:0:0:root:/root:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n'),
  );
  tar.file('etc/group', Buffer.from('root:x:0:\nnogroup:x:65534:\n'));
  tar.folder('root', 0o700);
  tar.folder('tmp', 0o1777);
  return tar.bytes();
}

/** The packages the program needs to run, as the lockfile tells them from those of development. */
export function packagesLayer(checkout: string): Buffer {
  const tar = new TarWriter();
  for (const folder of productionPackages(checkout)) {
    for (const path of packageFiles(join(checkout, folder))) {
      tar.file(`${programFolder}/${folder}/${path}`, readFileSync(join(checkout, folder, path)));
    }
  }
  return tar.bytes();
}

export function programLayer(checkout: string): Buffer {
  const tar = new TarWriter();
  tar.file(`${programFolder}/bin/quorate`, readFileSync(join(checkout, 'bin/quorate')), 0o755);
  for (const name of ['package.json', 'bin/package.json', 'LICENSE']) {
    tar.file(`${programFolder}/${name}`, readFileSync(join(checkout, name)));
  }
  for (const path of filesBelow(join(checkout, 'dist'))) {
    if (/\.(d\.ts|map)$/.test(path)) continue;
    tar.file(`${programFolder}/dist/${path}`, readFileSync(join(checkout, 'dist', path)));
  }
  return tar.bytes();
}

/** Native addons among the packages, as paths on this machine. */
export function addonsOf(checkout: string): string[] {
  return productionPackages(checkout).flatMap((folder) =>
    packageFiles(join(checkout, folder))
      .filter((path) => path.endsWith('.node'))
      .map((path) => join(checkout, folder, path)),
  );
}

function productionPackages(checkout: string): string[] {
  const lockfile = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<
      Record<string, { readonly dev?: boolean; readonly devOptional?: boolean; readonly optional?: boolean }>
    >;
  };
  return Object.entries(lockfile.packages)
    .filter(([folder, entry]) => {
      if (folder === '' || entry.dev === true || entry.devOptional === true) return false;
      if (existsSync(join(checkout, folder))) return true;
      if (entry.optional === true) return false;
      throw new Error(`${folder} is not installed: run npm ci`);
    })
    .map(([folder]) => folder)
    .sort();
}

/** Parts of packages that no running program reads. */
const idle = /^(\.github|\.husky|benchmarks|docs|examples|test|tests)\/|\.(d\.[cm]?ts|map|md)$/;

/** A package's own files, without nested packages and without native addons for other machines. */
function packageFiles(folder: string): string[] {
  const here = `${process.platform}-${process.arch}`;
  return filesBelow(folder).filter((path) => {
    if (path.startsWith('node_modules/') || idle.test(path)) return false;
    // The image has the C library of this machine, which npm packages call glibc.
    if (path.endsWith('.musl.node')) return false;
    const prebuilt = /^prebuilds\/([^/]+)\//.exec(path);
    return prebuilt === null || prebuilt[1] === here;
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

/** The libraries a binary is linked with, the loader included, as ldd finds them. */
function sharedLibraries(binary: string): string[] {
  const output = execFileSync('ldd', [binary], { encoding: 'utf8' });
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing !== null) throw new Error(`${binary} needs ${missing[1]}, which is not installed`);
  return [...output.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map((match) => match[1]!);
}

/** Loaded by name when a host name is looked up, so ldd does not see them. Newer C libraries have them built in. */
function nameServiceLibraries(): string[] {
  const cache = execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  const wanted = process.arch === 'x64' ? 'x86-64' : process.arch === 'arm64' ? 'AArch64' : '';
  return ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'].flatMap((name) => {
    const line = cache
      .split('\n')
      .find((each) => each.trim().startsWith(`${name} `) && each.includes(wanted));
    const path = line?.split(' => ')[1];
    return path === undefined ? [] : [path];
  });
}
