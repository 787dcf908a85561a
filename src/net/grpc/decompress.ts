import { gunzipSync } from 'node:zlib';

export type Decompressed =
  | { readonly ok: true; readonly message: Uint8Array }
  | { readonly ok: false; readonly tooLarge: boolean; readonly reason: string };

/** What Go's library says where zlib says this. */
const goReasons: Readonly<Record<string, string>> = {
  'incorrect header check': 'invalid header',
  'incorrect data check': 'invalid checksum',
};

/**
 * A gzip-compressed message. Synchronous: messages are bounded by the request limit, so it takes a few milliseconds at most, and a
 * message that unpacks to more than the limit is given up there.
 */
export function gunzipMessage(compressed: Uint8Array, bytesMax: number): Decompressed {
  try {
    return { ok: true, message: gunzipSync(compressed, { maxOutputLength: bytesMax }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'Z_BUF_ERROR' ? 'unexpected EOF' : `gzip: ${goReasons[message] ?? message}`;
    return { ok: false, tooLarge: code === 'ERR_BUFFER_TOO_LARGE', reason };
  }
}
