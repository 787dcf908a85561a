/**
 * HPACK's Huffman code (RFC 7541, 5.2 and appendix B). The code is canonical: shorter codes come first, and among codes of one length
 * smaller symbols, so the lengths alone define it.
 *
 * Decoding walks a table of states, four bits a step. A state is an inner node of the code's tree; the table says for each
 * state and nibble which state follows and whether a symbol was completed on the way (never two: no code is shorter than 5 bits).
 */

/** Bits of each symbol's code, 0 to 255 and the end-of-string symbol, one base-36 digit each. */
const codeLengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u';

const endOfString = 256;
const symbolCount = 257;

const lengths = Uint8Array.from({ length: symbolCount }, (_, symbol) =>
  Number.parseInt(codeLengths[symbol]!, 36),
);
const codes = canonicalCodes();

function canonicalCodes(): Uint32Array {
  const assigned = new Uint32Array(symbolCount);
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    code *= 2;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] === length) assigned[symbol] = code++;
    }
  }
  return assigned;
}

/** What a step of the decoder finds: bits 0-7 symbol, bit 8 "a symbol is complete", bit 9 "invalid", bits 16-24 next state. */
const symbolBit = 0x100;
const invalidBit = 0x200;
const { stepTable, mayEnd } = buildDecoder();

interface Decoder {
  readonly stepTable: Uint32Array;
  /** States in which a string may end: on the path of ones, fewer than eight bits long (5.2). */
  readonly mayEnd: Uint8Array;
}

function buildDecoder(): Decoder {
  const children = codeTree();
  const states = children.length / 2;
  const steps = new Uint32Array(states * 16);
  for (let state = 0; state < states; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let found = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const child = children[2 * node + ((nibble >>> bit) & 1)]!;
        if (child < 0) {
          const symbol = -1 - child;
          found |= symbol === endOfString ? invalidBit : symbolBit | symbol;
          node = 0;
        } else {
          node = child;
        }
      }
      steps[state * 16 + nibble] = (node << 16) | found;
    }
  }
  const ends = new Uint8Array(states);
  for (let node = 0, bits = 0; bits < 8; bits++, node = children[2 * node + 1]!) ends[node] = 1;
  return { stepTable: steps, mayEnd: ends };
}

/** What follows inner node n on bit b, at 2n + b: an inner node (the root is 0), or -1 - symbol. */
function codeTree(): number[] {
  const children = [0, 0];
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    let node = 0;
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      const slot = 2 * node + ((codes[symbol]! >>> bit) & 1);
      if (bit === 0) {
        children[slot] = -1 - symbol;
      } else {
        if (children[slot] === 0) {
          children[slot] = children.length / 2;
          children.push(0, 0);
        }
        node = children[slot]!;
      }
    }
  }
  return children;
}

/**
 * Writes the symbols of `bytes[start, end)` to `target` from 0 on.
 * @returns how many, or -1 if the string is not valid or `target` is too short
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let count = 0;
  // No code is shorter than five bits.
  if (Math.floor(((end - start) * 8) / 5) > target.length) return -1;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    const high = stepTable[state * 16 + (byte >>> 4)]!;
    if (high & symbolBit) target[count++] = high;
    const low = stepTable[(high >>> 16) * 16 + (byte & 15)]!;
    if (low & symbolBit) target[count++] = low;
    if ((high | low) & invalidBit) return -1;
    state = low >>> 16;
  }
  return mayEnd[state] === 1 ? count : -1;
}

/** Bytes that `text`, one byte a character, takes as Huffman code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 255]!;
  return (bits + 7) >>> 3;
}

/** Writes the code of `text` at `at`; returns the position after it. */
export function huffmanEncode(text: string, target: Uint8Array, at: number): number {
  let pending = 0;
  let bits = 0;
  let position = at;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 255;
    let left = lengths[symbol]!;
    const code = codes[symbol]!;
    // At most 7 bits are pending, and at most 24 are taken at once.
    while (left > 0) {
      const take = Math.min(left, 24);
      left -= take;
      pending = (pending << take) | ((code >>> left) & ((1 << take) - 1));
      bits += take;
      while (bits >= 8) {
        bits -= 8;
        target[position++] = pending >>> bits;
      }
      pending &= (1 << bits) - 1;
    }
  }
  if (bits > 0) target[position++] = (pending << (8 - bits)) | ((1 << (8 - bits)) - 1);
  return position;
}
