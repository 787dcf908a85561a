/**
 * Strings as Go 1.19's encoding/json writes them, the Go that etcd 3.4 is built with: quote and backslash, \n \r \t, other controls as \u00xx
 * (\b and \f too, which JSON.stringify shortens), <, >, &, U+2028 and U+2029 as \u.... A byte that is no UTF-8 (see utf8.ts) becomes
 * \ufffd. What stands in the log and in the tree must be equal to etcd's byte for byte.
 */
import { isByteUnit } from './utf8.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SPECIAL = /[\u0000-\u001f"\\<>&\u2028\u2029\ud800-\udfff]/;

/** The text in quotes. */
export function quoteGo(text: string): string {
  return SPECIAL.test(text) ? `"${escapeGo(text, false)}"` : `"${text}"`;
}

/**
 * As quoteGo, but bytes that are no UTF-8 stay as they are, to be written as raw bytes: Go reads such a byte as U+FFFD, which is
 * what it would have found as \ufffd, and this program reads the byte.
 */
export function quoteGoKeepingBytes(text: string): string {
  return SPECIAL.test(text) ? `"${escapeGo(text, true)}"` : `"${text}"`;
}

export function quoteGoList(texts: readonly string[]): string {
  return `[${texts.map(quoteGo).join(',')}]`;
}

function escapeGo(text: string, keepsBytes: boolean): string {
  let escaped = '';
  let copied = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    let replacement: string;
    if (unit === 0x22) replacement = '\\"';
    else if (unit === 0x5c) replacement = '\\\\';
    else if (unit === 0x0a) replacement = '\\n';
    else if (unit === 0x0d) replacement = '\\r';
    else if (unit === 0x09) replacement = '\\t';
    else if (unit < 0x20 || unit === 0x3c || unit === 0x3e || unit === 0x26) {
      replacement = `\\u00${unit < 0x10 ? '0' : ''}${unit.toString(16)}`;
    } else if (unit === 0x2028 || unit === 0x2029) replacement = `\\u${unit.toString(16)}`;
    else if (unit < 0xd800 || unit > 0xdfff) continue;
    else {
      const next = text.charCodeAt(at + 1);
      if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
        at += 1;
        continue;
      }
      if (keepsBytes && isByteUnit(unit)) continue;
      replacement = '\\ufffd';
    }
    escaped += text.slice(copied, at) + replacement;
    copied = at + 1;
  }
  return escaped + text.slice(copied);
}
