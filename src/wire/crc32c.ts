/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as etcd's log and snapshot files use it. Slicing by eight: eight
 * table look-ups take eight bytes at once. Node has a native CRC-32 but none with this polynomial.
 */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

// TABLE[256 * s + b]: the effect of byte b followed by s zero bytes.
const TABLE = buildTable();

function buildTable(): Int32Array {
  const table = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const previous = table[i - 256]!;
    table[i] = (previous >>> 8) ^ table[previous & 0xff]!;
  }
  return table;
}

/** The checksum of what `crc` already covers (0 = nothing) followed by `bytes[start..end)`; an unsigned 32-bit number. */
export function crc32c(crc: number, bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const table = TABLE;
  let c = ~crc;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      table[1792 + (c & 0xff)]! ^
      table[1536 + ((c >>> 8) & 0xff)]! ^
      table[1280 + ((c >>> 16) & 0xff)]! ^
      table[1024 + (c >>> 24)]! ^
      table[768 + bytes[i + 4]!]! ^
      table[512 + bytes[i + 5]!]! ^
      table[256 + bytes[i + 6]!]! ^
      table[bytes[i + 7]!]!;
  }
  for (; i < end; i++) c = table[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * The checksum of two pieces put together, from the checksums of each and the length in bytes of the second: what makes
 * it possible to write a header after the content it counts. Works on polynomials modulo the CRC's own: appending n zero
 * bytes multiplies by x^(8n).
 */
export function crc32cCombine(first: number, second: number, secondLength: number): number {
  let power = 0x00800000; // x^8 in reflected order: one zero byte
  let shifted = first;
  for (let rest = secondLength; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shifted = multiply(shifted, power);
    power = multiply(power, power);
  }
  return (shifted ^ second) >>> 0;
}

function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product;
}
