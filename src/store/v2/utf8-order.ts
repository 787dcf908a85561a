/** The order Go compares strings in: by their bytes, which is by code point and not by UTF-16 unit. */
import { bytesOfText, isByteUnit } from '../../wire/utf8.ts';

/** Negative, zero or positive, as Array.prototype.sort wants it. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    if ((isByteUnit(left) || isByteUnit(right)) && !isHighSurrogate(a.charCodeAt(at - 1))) {
      return compareBytes(bytesOfText(a.slice(at)), bytesOfText(b.slice(at)));
    }
    return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Surrogates stand for code points above all of U+E000..U+FFFF, which follow them as units. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Of a byte that is no UTF-8 with whatever the other text has in its place: a character may begin with the same byte. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
