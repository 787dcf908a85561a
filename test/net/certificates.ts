/** Certificates for tests, made by the library the server uses: no openssl program is needed. */
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadX509 } from '../../src/net/tls/x509-library.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3600 * 1000;

export interface Issued {
  readonly certificate: string;
  readonly key: string;
  readonly serial: string;
}

export class TestAuthority {
  readonly certificate: string;
  private readonly name: string;
  private readonly keys: webcrypto.CryptoKeyPair;

  private constructor(name: string, keys: webcrypto.CryptoKeyPair, certificate: string) {
    this.name = name;
    this.keys = keys;
    this.certificate = certificate;
  }

  static async create(commonName: string): Promise<TestAuthority> {
    const x509 = await loadX509();
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: newSerial(),
        name: `CN=${commonName}`,
        notBefore: new Date(Date.now() - dayMs),
        notAfter: new Date(Date.now() + dayMs),
        signingAlgorithm: algorithm,
        keys,
        extensions: [
          new x509.BasicConstraintsExtension(true, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        ],
      },
      webcrypto,
    );
    return new TestAuthority(commonName, keys, certificate.toString('pem'));
  }

  async issue(subject: string, names: readonly string[]): Promise<Issued> {
    const x509 = await loadX509();
    const keys = await generateKeys();
    const serial = newSerial();
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serial,
        subject,
        issuer: `CN=${this.name}`,
        notBefore: new Date(Date.now() - dayMs),
        notAfter: new Date(Date.now() + dayMs),
        signingAlgorithm: algorithm,
        publicKey: keys.publicKey,
        signingKey: this.keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
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
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return {
      certificate: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
      serial,
    };
  }

  /** A revocation list, PEM. */
  async revoke(serials: readonly string[]): Promise<string> {
    const x509 = await loadX509();
    const crl = await x509.X509CrlGenerator.create(
      {
        issuer: `CN=${this.name}`,
        thisUpdate: new Date(),
        nextUpdate: new Date(Date.now() + dayMs),
        entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date() })),
        signingAlgorithm: algorithm,
        signingKey: this.keys.privateKey,
      },
      webcrypto,
    );
    return crl.toString('pem');
  }
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

function newSerial(): string {
  return `4${randomBytes(15).toString('hex')}0`.slice(0, 30);
}

/** A folder of its own for files; `write` returns the file's path. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'quorate-tls-'));

  write(name: string, content: string | Buffer): string {
    const path = join(this.path, name);
    mkdirSync(this.path, { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
