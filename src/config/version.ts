/** Versions this program reports. */

/** Of Quorate itself; the same as in package.json, which a test checks. */
export const QUORATE_VERSION = '0.1.0';

/** The etcd whose behaviour, wire formats and files these are: what `/version` reports as etcdserver. */
export const ETCD_COMPATIBLE_VERSION = '3.4.23';

/** The text of `--version`. */
export function versionText(nodeVersion: string, platform: string, architecture: string): string {
  return [
    `quorate Version: ${QUORATE_VERSION}`,
    `etcd compatibility Version: ${ETCD_COMPATIBLE_VERSION}`,
    `Node.js Version: ${nodeVersion}`,
    `OS/Arch: ${platform}/${architecture}`,
    '',
  ].join('\n');
}
