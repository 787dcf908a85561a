/**
 * Byte text: a string with one character (U+0000 to U+00FF) for each byte. What came over the wire is handled in this form until it
 * is known to be UTF-8, so that percent-decoding and error texts work on bytes as etcd's do.
 */
import { textOfBytes } from '../../wire/utf8.ts';

const BEYOND_BYTES = /[^\0-\xff]/;
const NON_ASCII = /[^\0-\x7f]/;

/** The bytes of `bytes`, without a copy of them. */
export function byteTextOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

/** A part of the request head as byte text: usually it is already; one decoded as UTF-8 is encoded again. */
export function toByteText(text: string): string {
  return BEYOND_BYTES.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Byte text as text: bytes that are no UTF-8 as utf8.ts has them. */
export function decodeUtf8(text: string): string {
  return NON_ASCII.test(text) ? textOfBytes(Buffer.from(text, 'latin1')) : text;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
