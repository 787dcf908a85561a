/** Versions as members announce them in headers; only major and minor decide who may talk to whom. */

/** What a member that sends no version header runs at most. */
const VERSION_BEFORE_HEADERS = '2.0.0';

interface MajorMinor {
  readonly major: number;
  readonly minor: number;
}

/** `major.minor` of a semantic version, undefined for anything else. */
export function parseMajorMinor(version: string): MajorMinor | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+].*)?$/.exec(version);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]) };
}

/** Negative if a is the lower version. */
export function compareMajorMinor(a: MajorMinor, b: MajorMinor): number {
  return a.major - b.major || a.minor - b.minor;
}

/**
 * Why members with these versions may not talk, undefined if they may: the remote one must run at least the lowest cluster
 * version that we work in, and we must run at least the lowest that it works in.
 */
export function versionConflict(
  local: { readonly server: string; readonly minCluster: string },
  remote: { readonly server: string | undefined; readonly minCluster: string | undefined },
): string | undefined {
  const remoteServerText = remote.server || VERSION_BEFORE_HEADERS;
  const remoteMinText = remote.minCluster || VERSION_BEFORE_HEADERS;
  const remoteServer = parseMajorMinor(remoteServerText);
  const remoteMin = parseMajorMinor(remoteMinText);
  if (remoteServer === undefined)
    return `remote version ${JSON.stringify(remoteServerText)} is not a version`;
  if (remoteMin === undefined) return `remote minimum ${JSON.stringify(remoteMinText)} is not a version`;
  if (compareMajorMinor(remoteServer, parseMajorMinor(local.minCluster)!) < 0) {
    return `remote version is too low: remote ${remoteServerText}, local ${local.server}`;
  }
  if (compareMajorMinor(remoteMin, parseMajorMinor(local.server)!) > 0) {
    return `local version is too low: remote ${remoteServerText}, local ${local.server}`;
  }
  return undefined;
}

/** Members before 2.1 have streams of another kind. */
export function speaksOurStreams(version: string | undefined): boolean {
  const parsed = parseMajorMinor(version || VERSION_BEFORE_HEADERS);
  return parsed !== undefined && compareMajorMinor(parsed, { major: 2, minor: 1 }) >= 0;
}
