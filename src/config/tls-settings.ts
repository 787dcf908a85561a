/** The two sides' TLS flags. */

import { opensslCipherSuites } from './cipher-suites.ts';
import { ConfigFault, type ConfigNote } from './config-note.ts';
import type { FlagNameOf } from './flags.ts';
import type { ServerUrl, TlsSettings, TlsVersion } from './server-config.ts';
import type { Settings } from './settings.ts';

/** The names of one side's flags. */
interface SideFlags {
  readonly side: 'client' | 'peer';
  readonly certFile: FlagNameOf<'text'>;
  readonly keyFile: FlagNameOf<'text'>;
  readonly clientCertFile?: FlagNameOf<'text'>;
  readonly clientKeyFile?: FlagNameOf<'text'>;
  readonly trustedCaFile: FlagNameOf<'text'>;
  readonly clientCertAuth: FlagNameOf<'switch'>;
  readonly crlFile: FlagNameOf<'text'>;
  readonly allowedCommonNames?: FlagNameOf<'list'>;
  readonly allowedHostnames: FlagNameOf<'list'>;
  readonly auto: FlagNameOf<'switch'>;
  /** etcd 2's name for trustedCaFile with clientCertAuth. */
  readonly oldCaFile: FlagNameOf<'text'>;
}

export const clientTlsFlags: SideFlags = {
  side: 'client',
  certFile: 'cert-file',
  keyFile: 'key-file',
  trustedCaFile: 'trusted-ca-file',
  clientCertAuth: 'client-cert-auth',
  crlFile: 'client-crl-file',
  allowedHostnames: 'client-cert-allowed-hostname',
  auto: 'auto-tls',
  oldCaFile: 'ca-file',
};

export const peerTlsFlags: SideFlags = {
  side: 'peer',
  certFile: 'peer-cert-file',
  keyFile: 'peer-key-file',
  clientCertFile: 'peer-client-cert-file',
  clientKeyFile: 'peer-client-key-file',
  trustedCaFile: 'peer-trusted-ca-file',
  clientCertAuth: 'peer-client-cert-auth',
  crlFile: 'peer-crl-file',
  allowedCommonNames: 'peer-cert-allowed-cn',
  allowedHostnames: 'peer-cert-allowed-hostname',
  auto: 'peer-auto-tls',
  oldCaFile: 'peer-ca-file',
};

/** True if any TLS file of the side was named. */
export function hasTlsFiles(settings: Settings, flags: SideFlags): boolean {
  return settings.text(flags.certFile) !== '' || settings.text(flags.keyFile) !== '';
}

/**
 * One side's TLS for the given listen URLs.
 * @throws ConfigFault for flags that contradict each other or leave an https URL without a certificate
 */
export function readTlsSettings(
  settings: Settings,
  flags: SideFlags,
  listenUrls: readonly ServerUrl[],
  notes: ConfigNote[],
): TlsSettings {
  const certFile = settings.text(flags.certFile);
  const keyFile = settings.text(flags.keyFile);
  const oldCaFile = settings.text(flags.oldCaFile);
  const trustedCaFile = settings.text(flags.trustedCaFile) || oldCaFile;
  const clientCertAuth = settings.switch(flags.clientCertAuth) || trustedCaFile !== '';
  const wantsAuto = settings.switch(flags.auto);
  const hasFiles = certFile !== '' || keyFile !== '';
  const allowedCommonNames =
    flags.allowedCommonNames === undefined ? [] : settings.list(flags.allowedCommonNames);
  const allowedHostnames = settings.list(flags.allowedHostnames);
  const clientCertFile = flags.clientCertFile === undefined ? '' : settings.text(flags.clientCertFile);
  const clientKeyFile = flags.clientKeyFile === undefined ? '' : settings.text(flags.clientKeyFile);
  const validityYears = settings.count('self-signed-cert-validity');
  const { minVersion, maxVersion } = readVersions(settings);

  if (oldCaFile !== '' && settings.isSet(flags.trustedCaFile)) {
    throw new ConfigFault(`set only one of --${flags.oldCaFile} and --${flags.trustedCaFile}`);
  }
  const secure = listenUrls.filter((url) => url.scheme === 'https');
  if (secure.length > 0 && !hasFiles && !wantsAuto) {
    throw new ConfigFault(
      `TLS key/cert (--${flags.certFile}, --${flags.keyFile}) must be provided for ${flags.side} url ${secure[0]!.text} with HTTPS scheme`,
    );
  }
  if (secure.length > 0 && hasFiles && (certFile === '' || keyFile === '')) {
    throw new ConfigFault(
      `--${flags.keyFile} and --${flags.certFile} must both be present [key: ${keyFile}, cert: ${certFile}]`,
    );
  }
  if (secure.length > 0 && clientCertAuth && trustedCaFile === '') {
    throw new ConfigFault(
      `--${flags.clientCertAuth} needs --${flags.trustedCaFile} to know which certificates to trust`,
    );
  }
  if ((clientCertFile === '') !== (clientKeyFile === '')) {
    throw new ConfigFault(`--${flags.clientCertFile} and --${flags.clientKeyFile} must be given together`);
  }
  if (allowedCommonNames.length > 0 && allowedHostnames.length > 0) {
    throw new ConfigFault(
      `--${flags.allowedCommonNames} and --${flags.allowedHostnames} are mutually exclusive (cn="${allowedCommonNames}", hostname="${allowedHostnames}")`,
    );
  }
  if (validityYears < 1) {
    throw new ConfigFault(`--self-signed-cert-validity must be >0 (set to ${validityYears})`);
  }
  if (hasFiles && wantsAuto) {
    notes.push({
      level: 'warn',
      message: `ignoring ${flags.side} auto TLS since certs given`,
      fields: { flag: `--${flags.auto}` },
    });
  }
  for (const url of listenUrls) {
    if (url.scheme === 'http' && (hasFiles || clientCertAuth)) {
      notes.push({
        level: 'warn',
        message: `scheme is HTTP while ${flags.side} TLS is configured; this URL is served without TLS`,
        fields: { url: url.text },
      });
    }
  }

  const cipherSuites = opensslCipherSuites(settings.list('cipher-suites'));
  if (minVersion === 'TLSv1.3' && cipherSuites.length > 0) {
    throw new ConfigFault('cipher suites cannot be configured when only TLS1.3 is enabled');
  }

  return Object.freeze({
    certFile,
    keyFile,
    clientCertFile,
    clientKeyFile,
    trustedCaFile,
    clientCertAuth,
    crlFile: settings.text(flags.crlFile),
    allowedCommonNames: Object.freeze(allowedCommonNames),
    allowedHostnames: Object.freeze(allowedHostnames),
    auto: wantsAuto && !hasFiles,
    selfSignedValidityYears: validityYears,
    cipherSuites: Object.freeze(cipherSuites),
    minVersion,
    maxVersion,
  });
}

function readVersions(settings: Settings): {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion | undefined;
} {
  const minVersion = tlsVersion(settings.text('tls-min-version')) ?? 'TLSv1.2';
  const maxVersion = tlsVersion(settings.text('tls-max-version'));
  if (maxVersion !== undefined && minVersion > maxVersion) {
    throw new ConfigFault(
      `min version (${settings.text('tls-min-version')}) is greater than max version (${settings.text('tls-max-version')})`,
    );
  }
  return { minVersion, maxVersion };
}

function tlsVersion(text: string): TlsVersion | undefined {
  switch (text) {
    case '':
      return undefined;
    case 'TLS1.2':
      return 'TLSv1.2';
    case 'TLS1.3':
      return 'TLSv1.3';
    default:
      throw new ConfigFault(`unexpected TLS version "${text}" (must be one of: TLS1.2, TLS1.3)`);
  }
}
