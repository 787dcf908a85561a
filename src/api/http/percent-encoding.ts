/** Percent-encoding (RFC 3986) of byte text, with etcd's error text for a broken escape. */
import { decodeUtf8 } from './byte-text.ts';
import { goQuote } from './go-quote.ts';

/** Where a plus sign means a space: in forms and queries, not in paths. */
export type EncodedPart = 'path' | 'query';

export type Unescaped =
  | { readonly text: string; readonly error?: undefined }
  | { readonly error: string; readonly text?: undefined };

/** Decodes `text`; both sides are byte text. */
export function unescapePercent(text: string, part: EncodedPart): Unescaped {
  const spaced = part === 'query' && text.includes('+') ? text.replaceAll('+', ' ') : text;
  let at = spaced.indexOf('%');
  if (at < 0) return { text: spaced };
  let out = '';
  let from = 0;
  for (; at >= 0; at = spaced.indexOf('%', from)) {
    const high = hexDigit(spaced.charCodeAt(at + 1));
    const low = hexDigit(spaced.charCodeAt(at + 2));
    if (high < 0 || low < 0) {
      return { error: `invalid URL escape ${goQuote(text.slice(at, at + 3))}` };
    }
    out += spaced.slice(from, at) + String.fromCharCode(high * 16 + low);
    from = at + 3;
  }
  return { text: out + spaced.slice(from) };
}

/** Decodes byte text of a query or form to text, bytes that are no UTF-8 as `decodeUtf8` has them. */
export function unescapeField(text: string): Unescaped {
  if (NEEDS_NO_DECODING.test(text)) return { text };
  if (!NON_ASCII.test(text)) {
    try {
      return { text: decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text) };
    } catch {
      // A broken escape, or bytes that are no UTF-8: the exact way tells which.
    }
  }
  const unescaped = unescapePercent(text, 'query');
  return unescaped.error === undefined ? { text: decodeUtf8(unescaped.text) } : unescaped;
}

const NEEDS_NO_DECODING = /^[^%+\x80-\xff]*$/;
const NON_ASCII = /[\x80-\xff]/;
const PATH_SAFE = /[A-Za-z0-9\-_.~$&+,/:;=@]/;

/** Byte text as the path of a Location header. */
export function escapePath(path: string): string {
  let out = '';
  for (let i = 0; i < path.length; i++) {
    const unit = path.charAt(i);
    out += PATH_SAFE.test(unit) ? unit : `%${path.charCodeAt(i).toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** -1 for what is no hexadecimal digit, NaN included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
