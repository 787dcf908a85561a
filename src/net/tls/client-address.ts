/**
 * etcd's check that a client certificate comes from where it says: one that carries alternative names must name the address the
 * client connects from, as an IP address or as a DNS name that resolves to it or that its address resolves to.
 */
import type { X509Certificate } from 'node:crypto';
import { lookup, reverse } from 'node:dns/promises';
import type { PeerCertificate } from '../peer-certificate.ts';

/** Resolves to why the certificate is refused, or to undefined. */
export async function clientAddressFault(
  certificate: X509Certificate,
  identity: PeerCertificate,
  address: string,
): Promise<string | undefined> {
  const { dnsNames, ipAddresses } = identity;
  if (dnsNames.length === 0 && ipAddresses.length === 0) return undefined;
  if (ipAddresses.length > 0 && certificate.checkIP(address) !== undefined) return undefined;
  if (dnsNames.length > 0 && (await isAddressOf(address, dnsNames))) return undefined;
  return `"${address}" matches none of the certificate's names "${[...dnsNames, ...ipAddresses].join(', ')}"`;
}

async function isAddressOf(address: string, dnsNames: readonly string[]): Promise<boolean> {
  const reverseNames = await reverse(address).catch(() => []);
  for (const reverseName of reverseNames) {
    const name = reverseName.replace(/\.$/, '');
    if (
      dnsNames.some((allowed) =>
        allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : name === allowed,
      )
    ) {
      return true;
    }
  }
  for (const name of dnsNames) {
    if (name.startsWith('*.')) continue;
    const found = await lookup(name, { all: true }).catch(() => []);
    if (found.some((entry) => entry.address === address)) return true;
  }
  return false;
}
