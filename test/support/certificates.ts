/** Certificates made with openssl, for tests of TLS. */

import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in a folder of its own; all paths are files. */
export class CertificateAuthority {
  readonly ca: string;
  readonly #folder: string;
  readonly #key: string;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.ca = join(folder, `${name}.crt`);
    this.#key = join(folder, `${name}.key`);
  }

  static async create(folder: string, name: string): Promise<CertificateAuthority> {
    const authority = new CertificateAuthority(folder, name);
    await command([
      ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '30', '-subj', `/CN=${name}`, '-keyout', authority.#key, '-out', authority.ca],
    ]);
    return authority;
  }

  /** A certificate for servers at 127.0.0.1 and for clients. @param name file name and common name */
  async issue(name: string): Promise<Certificate> {
    const cert = join(this.#folder, `${name}.crt`);
    const key = join(this.#folder, `${name}.key`);
    const request = join(this.#folder, `${name}.csr`);
    const extensions = join(this.#folder, `${name}.ext`);
    writeFileSync(
      extensions,
      'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature\n',
    );
    await command([
      ...['openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', `/CN=${name}`, '-keyout', key, '-out', request],
    ]);
    await command([
      ...['openssl', 'x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'],
      ...['-days', '30', '-extfile', extensions, '-out', cert],
    ]);
    return { cert, key };
  }
}

/** Puts one certificate's files in the place of another's, the key first, as a renewal would. */
export function replaceFiles(from: Certificate, to: Certificate): void {
  copyFileSync(from.key, to.key);
  copyFileSync(from.cert, to.cert);
}
