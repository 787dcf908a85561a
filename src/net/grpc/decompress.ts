import { gunzipSync } from 'node:zlib';

export type Decompressed =
  | { readonly ok: true; readonly message: Uint8Array }
  | { readonly ok: false; readonly tooLarge: boolean; readonly reason: string };

/**
 * A gzip-compressed message. Synchronous: messages are bounded by the request limit, so it takes a few milliseconds at most, and a
 * message that unpacks to more than the limit is given up there.
 */
export function gunzipMessage(compressed: Uint8Array, bytesMax: number): Decompressed {
  try {
    return { ok: true, message: gunzipSync(compressed, { maxOutputLength: bytesMax }) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { ok: false, tooLarge: code === 'ERR_BUFFER_TOO_LARGE', reason: message };
  }
}
