/** Whom a certificate names, and whether that is whom it should name. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerCertificate } from '../peer-certificate.ts';

export function certificateIdentity(certificate: X509Certificate): PeerCertificate {
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  for (const entry of alternativeNames(certificate.subjectAltName ?? '')) {
    if (entry.startsWith('DNS:')) dnsNames.push(entry.slice(4));
    else if (entry.startsWith('IP Address:')) ipAddresses.push(entry.slice(11));
  }
  return { commonName: commonName(certificate.subject ?? ''), dnsNames, ipAddresses };
}

/** Is the certificate valid for this host name or IP address, by its alternative names alone? The common name never counts. */
export function isValidForHost(certificate: X509Certificate, host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare) !== 0) return certificate.checkIP(bare) !== undefined;
  return certificate.checkHost(bare, { subject: 'never' }) !== undefined;
}

/** Why the certificate is not one of the allowed ones; undefined if it is. */
export function allowedFault(
  certificate: X509Certificate,
  commonNames: readonly string[],
  hostnames: readonly string[],
): string | undefined {
  if (commonNames.length > 0 && !commonNames.includes(commonName(certificate.subject ?? ''))) {
    return `common name "${commonName(certificate.subject ?? '')}" is not allowed`;
  }
  if (hostnames.length > 0 && !hostnames.some((host) => isValidForHost(certificate, host))) {
    return 'certificate is not valid for any allowed host name';
  }
  return undefined;
}

/**
 * The common name in a subject as OpenSSL prints it, one attribute a line; the last one if there are several.
 * Values are printed with RFC 2253 escapes.
 */
function commonName(subject: string): string {
  let found = '';
  for (const line of subject.split('\n')) {
    if (line.startsWith('CN=')) found = unescapeName(line.slice(3));
  }
  return found;
}

/** Undoes `\,` and, for bytes outside ASCII, `\C3\A9`. */
function unescapeName(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = /^\\([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3));
    if (hex !== null) {
      bytes.push(Number.parseInt(hex[1]!, 16));
      at += 2;
    } else {
      if (text[at] === '\\') at++;
      bytes.push(...Buffer.from(text[at] ?? ''));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Splits Node's 'DNS:a, IP Address:::1, DNS:"b, c"' (names with odd characters are JSON strings). */
function alternativeNames(text: string): string[] {
  const entries = text.match(/[^,"]*("(?:[^"\\]|\\.)*")?[^,"]*(?:, |$)/g) ?? [];
  return entries
    .map((entry) => entry.replace(/, $/, ''))
    .filter((entry) => entry !== '')
    .map((entry) => {
      const colon = entry.indexOf(':');
      const value = entry.slice(colon + 1);
      return value.startsWith('"') ? entry.slice(0, colon + 1) + (JSON.parse(value) as string) : entry;
    });
}
