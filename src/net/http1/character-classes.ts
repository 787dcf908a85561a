/** Byte tables of RFC 9110 and RFC 9112, indexed by byte value; 1 = allowed. */

function table(allowed: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (allowed(byte) ? 1 : 0));
}

const isAlphanumeric = (byte: number) => /[0-9A-Za-z]/.test(String.fromCharCode(byte)) && byte < 128;

/** `tchar`: methods and header names. */
export const tokenBytes = table(
  (byte) => isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte)),
);

/** Header values: visible characters, obs-text, space and tab; no other control character. */
export const valueBytes = table((byte) => byte === 9 || (byte >= 32 && byte !== 127));

/** What etcd's HTTP library takes in a Host header and an authority. */
export const hostBytes = table(
  (byte) => isAlphanumeric(byte) || "!$%&'()*+,-.:;=[]_~".includes(String.fromCharCode(byte)),
);

/** 0..15 for hexadecimal digits, 255 for the rest. */
export const hexValues = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return digit === -1 || byte > 127 ? 255 : digit;
});

/** Request target: 0 = ordinary, 1 = ends it (space, controls), 2 = '?', 3 = '%'. */
export const targetBytes = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte <= 32 || byte === 127) return 1;
  if (byte === 0x3f) return 2;
  return byte === 0x25 ? 3 : 0;
});
