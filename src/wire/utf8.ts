/**
 * Text as UTF-8 and back without losing a byte. Keys and values are bytes that are nearly always UTF-8, so they are strings here, with one
 * convention for the rest, known all over the program: a byte 0x80..0xFF that is no part of a character is the lone surrogate
 * U+DC00 + byte.
 *
 *   C3 A4       'ä'              a character
 *   61 FF       'a\udcff'        a letter, a byte
 *   ED A0 80    '\udced\udca0\udc80'   surrogates are no characters: three bytes (RFC 3629)
 *
 * Invariants: bytesOfText(textOfBytes(b)) equals b for all bytes; different bytes are different texts. A lone surrogate that stands for
 * no byte (U+D800..U+DC7F, U+DD00..U+DFFF) becomes U+FFFD as everywhere.
 */

const REPLACEMENT = '\ufffd';
const REPLACEMENT_CODE = 0xfffd;
/** Arguments of one call of String.fromCharCode: far below what the stack takes. */
const UNITS_PER_CALL = 4096;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function textOfBytes(bytes: Uint8Array): string {
  const text = textDecoder.decode(bytes);
  return text.includes(REPLACEMENT) ? decodeBytewise(bytes) : text;
}

export function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return textEncoder.encode(text);
  const bytes = new Uint8Array(text.length * 3);
  return bytes.subarray(0, encodeBytewise(text, bytes));
}

/** Writes the text's bytes, at most three a unit, to the front of `target` and returns how many they are. */
export function writeText(text: string, target: Uint8Array): number {
  return text.isWellFormed() ? textEncoder.encodeInto(text, target).written : encodeBytewise(text, target);
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

/** True for a unit that stands for a byte, unless a high surrogate is in front of it. */
export function isByteUnit(unit: number): boolean {
  return unit >= 0xdc80 && unit <= 0xdcff;
}

function decodeBytewise(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const length = characterLength(bytes, at);
    if (length === 0) units[count++] = 0xdc00 + first;
    else if (length === 1) units[count++] = first;
    else {
      let code = first & (0x7f >> length);
      for (let i = 1; i < length; i++) code = (code << 6) | (bytes[at + i]! & 0x3f);
      if (code > 0xffff) {
        units[count++] = 0xd7c0 + (code >>> 10);
        code = 0xdc00 | (code & 0x3ff);
      }
      units[count++] = code;
    }
    at += length === 0 ? 1 : length;
  }
  let text = '';
  for (let at = 0; at < count; at += UNITS_PER_CALL) {
    text += String.fromCharCode(...units.subarray(at, Math.min(count, at + UNITS_PER_CALL)));
  }
  return text;
}

function encodeBytewise(text: string, target: Uint8Array): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (code >= 0xd800 && code < 0xe000) {
      const next = text.charCodeAt(at + 1);
      if (code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
        code = ((code - 0xd7c0) << 10) | (next & 0x3ff);
        at++;
      } else if (isByteUnit(code)) {
        target[length++] = code - 0xdc00;
        continue;
      } else code = REPLACEMENT_CODE;
    }
    if (code < 0x80) target[length++] = code;
    else {
      if (code < 0x800) target[length++] = 0xc0 | (code >>> 6);
      else {
        if (code < 0x10000) target[length++] = 0xe0 | (code >>> 12);
        else {
          target[length++] = 0xf0 | (code >>> 18);
          target[length++] = 0x80 | ((code >>> 12) & 0x3f);
        }
        target[length++] = 0x80 | ((code >>> 6) & 0x3f);
      }
      target[length++] = 0x80 | (code & 0x3f);
    }
  }
  return length;
}
