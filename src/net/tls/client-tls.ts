/**
 * TLS for outgoing connections, between peers above all: our certificate as the client's, the trusted CA, and etcd's rules about
 * whom to accept. Files are re-read when they change, as on the server's side.
 */
import { X509Certificate } from 'node:crypto';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import { allowedFault, isValidForHost } from './certificate-identity.ts';
import { ReloadingFiles } from './reloading-files.ts';
import { ensureSelfSigned } from './self-signed.ts';
import type { TlsSurroundings } from './server-tls.ts';
import { TlsError, type TlsOptions } from './tls-options.ts';

export interface ClientTls {
  /**
   * Options for one `tls.connect` (or an https agent's socket), from the files as they are now: spread them and add host and port.
   * A verified server must have a certificate of the trusted CA, valid for the host connected to, and among the allowed common
   * names or host names. With `auto` certificates nothing is verified, as in etcd.
   */
  connectOptions(): ConnectionOptions;
}

/** @throws TlsError for files that are missing, unreadable or do not fit together */
export async function openClientTls(options: TlsOptions, surroundings: TlsSurroundings): Promise<ClientTls> {
  const files = await ownFiles(options, surroundings);
  if ((files.certFile === '') !== (files.keyFile === '')) {
    throw new TlsError(
      `certificate and key must both be given [cert: ${files.certFile}, key: ${files.keyFile}]`,
    );
  }
  const own = files.certFile === '' ? [] : [files.certFile, files.keyFile];
  const paths = options.trustedCaFile === '' ? own : [...own, options.trustedCaFile];
  const context = new ReloadingFiles(
    paths,
    (contents) =>
      secureContext(options, paths, own.length > 0 ? contents.slice(0, 2) : [], contents[own.length]),
    surroundings.log,
  );
  const unverified = options.auto && options.certFile === '';
  return {
    connectOptions: () => ({
      secureContext: context.current(),
      rejectUnauthorized: !unverified,
      ALPNProtocols: ['http/1.1'],
      checkServerIdentity: (host, shown) => serverFault(options, host, shown.raw),
    }),
  };
}

/** Peers made with `auto` show their self-signed certificate to each other as well. */
async function ownFiles(
  options: TlsOptions,
  surroundings: TlsSurroundings,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  if (options.clientCertFile !== '' || options.clientKeyFile !== '') {
    return { certFile: options.clientCertFile, keyFile: options.clientKeyFile };
  }
  if (!options.auto || options.certFile !== '') return options;
  return ensureSelfSigned({
    directory: surroundings.autoDirectory,
    hosts: surroundings.hosts,
    validityYears: options.selfSignedValidityYears,
    clock: surroundings.clock,
    log: surroundings.log,
  });
}

function secureContext(
  options: TlsOptions,
  paths: readonly string[],
  [cert, key]: readonly Buffer[],
  ca: Buffer | undefined,
): SecureContext {
  try {
    return createSecureContext({
      ...(cert === undefined ? {} : { cert, key: key! }),
      ...(ca === undefined ? {} : { ca }),
      ...(options.cipherSuites.length === 0 ? {} : { ciphers: options.cipherSuites.join(':') }),
      minVersion: options.minVersion,
      ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    });
  } catch (error) {
    throw new TlsError(`can not use ${paths.join(', ')}`, error);
  }
}

function serverFault(options: TlsOptions, host: string, raw: Buffer): Error | undefined {
  const certificate = new X509Certificate(raw);
  if (!isValidForHost(certificate, host)) {
    return new TlsError(
      `the server's certificate is not valid for ${host}, only for ${certificate.subjectAltName}`,
    );
  }
  const fault = allowedFault(certificate, options.allowedCommonNames, options.allowedHostnames);
  return fault === undefined ? undefined : new TlsError(fault);
}
