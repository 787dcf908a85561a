import type { DetailedPeerCertificate } from 'node:tls';
import type { Log } from '../../ports/log.ts';
import { ReloadingFiles } from './reloading-files.ts';
import { TlsError } from './tls-options.ts';
import { loadX509 } from './x509-library.ts';

/** The serial numbers of a CRL file, re-read when it changes. Like etcd it looks at nothing else: not the issuer, not the dates. */
export interface RevocationList {
  /** Is this certificate or one of its issuers, as the client presented them, revoked? */
  isRevoked(certificate: DetailedPeerCertificate): boolean;
}

/** @throws TlsError if the file can't be read now */
export async function openRevocationList(path: string, log: Log): Promise<RevocationList> {
  const { X509Crl } = await loadX509();
  const serials = new ReloadingFiles(
    [path],
    ([content]) => {
      try {
        const crl = new X509Crl(content!.includes('-----BEGIN') ? content!.toString('latin1') : content!);
        return new Set(crl.entries.map((entry) => canonicalSerial(entry.serialNumber)));
      } catch (error) {
        throw new TlsError(`can not read the revocation list ${path}`, error);
      }
    },
    log,
  );
  return {
    isRevoked(certificate) {
      const revoked = serials.current();
      let at: DetailedPeerCertificate | undefined = certificate;
      for (let depth = 0; at !== undefined && depth < 16; depth++) {
        if (revoked.has(canonicalSerial(at.serialNumber))) return true;
        at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
      }
      return false;
    },
  };
}

/** Hexadecimal without leading zeros, which libraries print differently. */
function canonicalSerial(serial: string): string {
  return serial.toLowerCase().replace(/^0+/, '');
}
