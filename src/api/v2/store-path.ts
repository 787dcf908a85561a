/** From a request's path to the path in the tree: clients' keys live below '/1'. */

const KEYS_PREFIX = '/v2/keys';
/** Stands before each client's key in the tree. */
export const STORE_PREFIX = '/1';
export const STORE_PREFIX_LENGTH = STORE_PREFIX.length;

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;

/**
 * The store path of a request path that starts with '/v2/keys' and needs no decoding and no cleaning, as nearly all are; undefined if it
 * may need either, or is another endpoint's.
 */
export function plainStorePath(path: string): string | undefined {
  const length = path.length;
  if (length === KEYS_PREFIX.length) return STORE_PREFIX;
  let previous = path.charCodeAt(KEYS_PREFIX.length);
  if (previous !== SLASH) return undefined;
  for (let i = KEYS_PREFIX.length + 1; i < length; i++) {
    const code = path.charCodeAt(i);
    if (code === PERCENT || code > 0x7e) return undefined;
    // An empty part, or one that starts with a dot.
    if (previous === SLASH && (code === SLASH || code === DOT)) return undefined;
    previous = code;
  }
  return STORE_PREFIX + path.slice(KEYS_PREFIX.length, previous === SLASH ? length - 1 : length);
}

/** The store path of a decoded, clean request path below '/v2/keys'. */
export function storePathOf(cleanPath: string): string {
  const key = cleanPath.slice(KEYS_PREFIX.length);
  return STORE_PREFIX + (key.endsWith('/') ? key.slice(0, -1) : key);
}
