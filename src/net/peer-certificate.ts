/** The verified certificate a TLS client (or peer) showed. */
export interface PeerCertificate {
  readonly commonName: string;
  /** DNS names and IP addresses of the subject alternative name. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}
