/**
 * The X.509 library, loaded only when a certificate has to be made or a revocation list read: it takes a fifth of a second. It needs
 * the reflection polyfill loaded before it.
 */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}
