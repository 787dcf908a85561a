/**
 * One side's TLS as the configuration gives it; '' where a file was not given. Times, cipher suites and versions are as in
 * etcd's flags, names of cipher suites already OpenSSL's.
 */
export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Shown when this process is the client; '' means certFile and keyFile. */
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  readonly trustedCaFile: string;
  /** Clients must show a certificate of a trusted CA. A trustedCaFile alone means the same, as in etcd. */
  readonly clientCertAuth: boolean;
  /** PEM or DER; a certificate whose serial number it lists is refused. One that becomes unreadable leaves the last good one in force. */
  readonly crlFile: string;
  /** Empty: any. */
  readonly allowedCommonNames: readonly string[];
  /** Empty: any. Host names or IP addresses, one of which the certificate must be valid for. */
  readonly allowedHostnames: readonly string[];
  /** A self-signed certificate is made and renewed in the directory given; the other side of such a connection is not verified. */
  readonly auto: boolean;
  readonly selfSignedValidityYears: number;
  /** OpenSSL names in order of preference; empty: Node's own choice. */
  readonly cipherSuites: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** No files, no demands: the base to spread over in tests and for plain clients. */
export const noTls: TlsOptions = {
  certFile: '',
  keyFile: '',
  clientCertFile: '',
  clientKeyFile: '',
  trustedCaFile: '',
  clientCertAuth: false,
  crlFile: '',
  allowedCommonNames: [],
  allowedHostnames: [],
  auto: false,
  selfSignedValidityYears: 1,
  cipherSuites: [],
  minVersion: 'TLSv1.2',
  maxVersion: undefined,
};

/** TLS settings that can't be used; the message says which file and why. */
export class TlsError extends Error {
  constructor(message: string, cause?: unknown) {
    super(cause instanceof Error ? `${message}: ${cause.message}` : message, { cause });
    this.name = 'TlsError';
  }
}
