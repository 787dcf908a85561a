/**
 * The certificate of `--auto-tls`: made into a directory, used until it nears its end, then made anew.
 *
 *   <directory>/cert.pem   ECDSA P-256, O=etcd, the listen hosts as alternative names, for servers and clients
 *   <directory>/key.pem    PKCS #8, mode 0600
 *
 * etcd uses what it finds for ever, expired or not; here the last twelfth of the time is for renewal.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { TlsError } from './tls-options.ts';
import { loadX509 } from './x509-library.ts';

export interface SelfSignedOptions {
  readonly directory: string;
  /** Host names or IP addresses. */
  readonly hosts: readonly string[];
  readonly validityYears: number;
  readonly clock: Clock;
  readonly log: Log;
}

const yearMs = 365 * 24 * 3600 * 1000;

/** Makes the files unless there are ones that last for a while yet. @throws TlsError */
export async function ensureSelfSigned(
  options: SelfSignedOptions,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const directory = resolve(options.directory);
  const certFile = join(directory, 'cert.pem');
  const keyFile = join(directory, 'key.pem');
  const nowMs = options.clock.wallTimeMs();
  const endMs = await certificateEndMs(certFile, keyFile);
  const renewalMs = (options.validityYears * yearMs) / 12;
  if (endMs !== undefined && endMs - nowMs > renewalMs) return { certFile, keyFile };
  const made = await makeSelfSigned(options.hosts, nowMs, nowMs + options.validityYears * yearMs);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    // A reader between the two renames sees a pair that does not match, keeps the old one and looks again.
    await writeFile(`${keyFile}.new`, made.key, { mode: 0o600 });
    await writeFile(`${certFile}.new`, made.certificate, { mode: 0o644 });
    await rename(`${keyFile}.new`, keyFile);
    await rename(`${certFile}.new`, certFile);
  } catch (error) {
    throw new TlsError(`can not write the self-signed certificate into ${directory}`, error);
  }
  options.log.info(
    endMs === undefined ? 'made a self-signed certificate' : 'renewed the self-signed certificate',
    {
      certFile,
      hosts: options.hosts,
      notAfter: new Date(nowMs + options.validityYears * yearMs).toISOString(),
    },
  );
  return { certFile, keyFile };
}

/** undefined if either file is missing. A certificate that can't be read is an error: whoever put it there should know. */
async function certificateEndMs(certFile: string, keyFile: string): Promise<number | undefined> {
  try {
    await readFile(keyFile);
    return Date.parse(new X509Certificate(await readFile(certFile)).validTo);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TlsError(`can not use the self-signed certificate ${certFile}`, error);
  }
}

/** A fresh key pair and its certificate, both PEM. */
export async function makeSelfSigned(
  hosts: readonly string[],
  notBeforeMs: number,
  notAfterMs: number,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const x509 = await loadX509();
  const { webcrypto, randomBytes } = await import('node:crypto');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const serial = randomBytes(16);
  // Serial numbers are positive.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const names = [...new Set(hosts.map((host) => host.replace(/^\[(.*)\]$/, '$1')))].filter(
    (host) => host !== '',
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial.toString('hex'),
      name: 'O=etcd',
      notBefore: new Date(notBeforeMs),
      notAfter: new Date(notAfterMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        ...(names.length === 0
          ? []
          : [
              new x509.SubjectAlternativeNameExtension(
                names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name }) as const),
              ),
            ]),
      ],
    },
    webcrypto,
  );
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = key.match(/.{1,64}/g)!.join('\n');
  return {
    certificate: `${certificate.toString('pem').trim()}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
  };
}
