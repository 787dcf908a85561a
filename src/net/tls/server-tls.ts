/**
 * TLS for listeners: certificate, key, trusted CAs and revocation list from files that may change while the server runs.
 *
 * A client without a certificate, or with one that is not accepted, is cut off without a word; the reason goes to the log.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type TlsOptions as NodeTlsOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PeerCertificate } from '../peer-certificate.ts';
import { AutoCertificate } from './auto-certificate.ts';
import { allowedFault, certificateIdentity } from './certificate-identity.ts';
import { clientAddressFault } from './client-address.ts';
import { ReloadingFiles } from './reloading-files.ts';
import { openRevocationList, type RevocationList } from './revocation-list.ts';
import { ensureSelfSigned } from './self-signed.ts';
import { TlsError, type TlsOptions } from './tls-options.ts';

export interface TlsSurroundings {
  /** Where `auto` keeps its certificate: `<data directory>/fixtures/client` or `.../peer`. */
  readonly autoDirectory: string;
  /** For `auto`: the hosts of the listen URLs. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

export type Admission =
  | { readonly ok: true; readonly certificate: PeerCertificate | undefined }
  | { readonly ok: false; readonly reason: string };

export interface ServerTls {
  /** Options for `tls.createServer`, from the files as they are now. The identical object while nothing has changed. */
  current(): NodeTlsOptions;
  /** Judges a client after the handshake; calls back once, mostly before it returns. */
  admit(socket: TLSSocket, callback: (admission: Admission) => void): void;
  /** About once a second: renews a certificate of our own making. */
  sweep(): void;
}

/**
 * @param verifyClientAddress etcd's check on the peer port: a certificate with alternative names must name the address it comes from
 * @throws TlsError for files that are missing, unreadable or do not fit together
 */
export async function openServerTls(
  options: TlsOptions,
  surroundings: TlsSurroundings,
  verifyClientAddress = false,
): Promise<ServerTls> {
  const { log } = surroundings;
  let auto: AutoCertificate | undefined;
  let { certFile, keyFile } = options;
  if (options.auto && certFile === '' && keyFile === '') {
    const selfSigned = {
      directory: surroundings.autoDirectory,
      hosts: surroundings.hosts,
      validityYears: options.selfSignedValidityYears,
      clock: surroundings.clock,
      log,
    };
    ({ certFile, keyFile } = await ensureSelfSigned(selfSigned));
    auto = new AutoCertificate(selfSigned);
  }
  if (certFile === '' || keyFile === '') {
    throw new TlsError(`certificate and key must both be given [cert: ${certFile}, key: ${keyFile}]`);
  }
  const wantsCertificate = options.clientCertAuth || options.trustedCaFile !== '';
  if (wantsCertificate && options.trustedCaFile === '') {
    throw new TlsError('client certificates can not be verified without a trusted CA file');
  }
  const paths = wantsCertificate ? [certFile, keyFile, options.trustedCaFile] : [certFile, keyFile];
  const files = new ReloadingFiles(paths, (contents) => nodeOptions(options, paths, contents), log);
  const revoked = options.crlFile === '' ? undefined : await openRevocationList(options.crlFile, log);
  return {
    current: () => files.current(),
    admit: (socket, callback) =>
      admit(socket, options, wantsCertificate, revoked, verifyClientAddress, callback),
    sweep: () => void auto?.sweep(),
  };
}

function nodeOptions(
  options: TlsOptions,
  paths: readonly string[],
  [cert, key, ca]: readonly Buffer[],
): NodeTlsOptions {
  const built: NodeTlsOptions = {
    cert: cert!,
    key: key!,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: options.minVersion,
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    ...(options.cipherSuites.length === 0 ? {} : { ciphers: cipherList(options), honorCipherOrder: true }),
    // A resumed session would be admitted by what was trusted when it began.
    ...(ca === undefined ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
    ALPNProtocols: ['http/1.1', 'http/1.0'],
  };
  try {
    createSecureContext(built);
  } catch (error) {
    throw new TlsError(`can not use ${paths.join(', ')}`, error);
  }
  return built;
}

/** OpenSSL takes suites of TLS 1.3 and older ones in one list; naming only older ones must not switch TLS 1.3 off, as in etcd. */
function cipherList(options: TlsOptions): string {
  const names = [...options.cipherSuites];
  if (!names.some((name) => name.startsWith('TLS_'))) {
    names.push('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256');
  }
  return names.join(':');
}

function admit(
  socket: TLSSocket,
  options: TlsOptions,
  wantsCertificate: boolean,
  revoked: RevocationList | undefined,
  verifyClientAddress: boolean,
  callback: (admission: Admission) => void,
): void {
  if (!wantsCertificate) {
    callback({ ok: true, certificate: undefined });
    return;
  }
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !socket.authorized) {
    callback({ ok: false, reason: 'no verified client certificate' });
    return;
  }
  const fault =
    allowedFault(certificate, options.allowedCommonNames, options.allowedHostnames) ??
    (revoked?.isRevoked(socket.getPeerCertificate(true))
      ? `certificate serial ${certificate.serialNumber} revoked`
      : undefined);
  if (fault !== undefined) {
    callback({ ok: false, reason: fault });
    return;
  }
  const identity = certificateIdentity(certificate);
  const admitted: Admission = { ok: true, certificate: identity };
  if (!verifyClientAddress) {
    callback(admitted);
    return;
  }
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  void clientAddressFault(certificate, identity, address).then((addressFault) =>
    callback(addressFault === undefined ? admitted : { ok: false, reason: addressFault }),
  );
}
