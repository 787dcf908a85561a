/**
 * Byte text: a string with one character (U+0000 to U+00FF) for each byte. What came over the wire is handled in this form until it
 * is known to be UTF-8, so that percent-decoding and error texts work on bytes as etcd's do.
 */

const BEYOND_BYTES = /[^\0-\xff]/;
const NON_ASCII = /[^\0-\x7f]/;
const REPLACEMENT = '\ufffd';

/** The bytes of `bytes`, without a copy of them. */
export function byteTextOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

/** A part of the request head as byte text: usually it is already; one decoded as UTF-8 is encoded again. */
export function toByteText(text: string): string {
  return BEYOND_BYTES.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Byte text as UTF-8. Each byte that is no part of a character becomes U+FFFD, so the result is always well-formed. */
export function decodeUtf8(text: string): string {
  if (!NON_ASCII.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  const decoded = bytes.toString('utf8');
  return decoded.includes(REPLACEMENT) ? decodeBytewise(bytes) : decoded;
}

/** One U+FFFD per bad byte, where the platform's decoder writes one per broken sequence. */
function decodeBytewise(bytes: Buffer): string {
  let out = '';
  let at = 0;
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    out += length === 0 ? REPLACEMENT : bytes.toString('utf8', at, at + length);
    at += length === 0 ? 1 : length;
  }
  return out;
}

/** Bytes of the character at `at`; 0 if there is none (RFC 3629: no overlong forms, no surrogates, none above U+10FFFF). */
export function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
